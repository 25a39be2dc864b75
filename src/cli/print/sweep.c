/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/print/sweep.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kcap/io/json.h"

/* The large model a point stands for has the same bits, tokens and exposures a parameter. */
static void equivalent(const kc_point_view *v, char *text, size_t size)
{
    const double times = v->point->stands_for / (double)v->n_params;
    snprintf(text, size, "%.3g parameters, %.3g bits, %.3g tokens", v->point->stands_for,
             times * v->corpus_bits, times * v->tokens);
}

static void point_line(FILE *out, const kc_point_view *v, int width, int found)
{
    char stands[120];
    fprintf(out, "  %5lld  %-*s  %10lld  %6.3f  ", (long long)v->index, width, v->point->name,
            (long long)v->n_params, v->corpus_bits / (double)v->n_params);
    if (!found)
        fprintf(out, "%9.3g  %9.3g", v->tokens, v->flops);
    else if (v->state == KC_POINT_MISSING)
        fprintf(out, "%-8s", kc_point_word(v->state));
    else {
        char bits[32] = "";
        if (isfinite(v->bits_per_param))
            snprintf(bits, sizeof bits, "%.4f", v->bits_per_param);
        fprintf(out, "%-8s  %9.4g  %7s  %s", kc_point_word(v->state), v->exposed, bits, v->error);
    }
    if (!found && v->point->stands_for > 0) {
        equivalent(v, stands, sizeof stands);
        fprintf(out, "  stands for %s", stands);
    }
    fputc('\n', out);
}

void kc_report_sweep(FILE *out, const char *input, const kc_sweep *sweep,
                     const kc_point_view *views, int found)
{
    int64_t n[KC_POINT_STATES];
    int width = 4;
    double tokens = 0, flops = 0;
    for (int64_t i = 0; i < sweep->n; ++i) {
        const int length = (int)strlen(views[i].point->name);
        width = length > width ? length : width;
        tokens += views[i].tokens;
        flops += views[i].flops;
    }
    fprintf(out, "%s: %lld points of %s -> %s\n", input, (long long)sweep->n, sweep->base,
            sweep->out);
    fprintf(out, "  index  %-*s  parameters   R_max  %s\n", width, "name",
            found ? "state     exposures  bits/P" : "   tokens       FLOP");
    for (int64_t i = 0; i < sweep->n; ++i)
        point_line(out, &views[i], width, found);
    kc_point_count(sweep, views, n);
    if (found)
        fprintf(out, "  %lld done, %lld partial, %lld failed, %lld missing, %lld foreign\n",
                (long long)n[KC_POINT_DONE], (long long)n[KC_POINT_PARTIAL],
                (long long)n[KC_POINT_FAILED], (long long)n[KC_POINT_MISSING],
                (long long)n[KC_POINT_FOREIGN]);
    else
        fprintf(out, "  in all: %.4g tokens, %.4g FLOP\n", tokens, flops);
}

static cJSON *point_object(const kc_point_view *v, int found)
{
    char stands[120];
    cJSON *object = cJSON_CreateObject();
    kc_json_number(object, "index", (double)v->index);
    kc_json_text(object, "name", v->point->name);
    cJSON *set = cJSON_AddObjectToObject(object, "set");
    for (int i = 0; i < v->point->n_sets; ++i) {
        char key[KC_TEXT_MAX];
        const char *text = v->point->sets[i], *equals = strchr(text, '=');
        snprintf(key, sizeof key, "%.*s", (int)(equals - text), text);
        kc_json_text(set, key, equals + 1);
    }
    kc_json_text(object, "config_hash", v->config_hash);
    kc_json_number(object, "n_params", (double)v->n_params);
    kc_json_number(object, "n_people", (double)v->n_people);
    kc_json_number(object, "exposures", (double)v->exposures);
    kc_json_number(object, "corpus_bits", v->corpus_bits);
    kc_json_number(object, "tokens", v->tokens);
    kc_json_number(object, "flops", v->flops);
    if (v->point->stands_for > 0) {
        equivalent(v, stands, sizeof stands);
        kc_json_text(object, "stands_for", stands);
    }
    if (!found)
        return object;
    kc_json_text(object, "state", kc_point_word(v->state));
    kc_json_number(object, "exposures_done", v->exposed);
    kc_json_number(object, "bits_per_param", v->bits_per_param);
    if (v->error[0])
        kc_json_text(object, "error", v->error);
    return object;
}

void kc_report_farm_stop(FILE *out, const kc_sweep *sweep, const kc_point_view *views,
                         const char *by, const char *again)
{
    int64_t n[KC_POINT_STATES];
    kc_point_count(sweep, views, n);
    fprintf(out, "stopped by %s\n  %lld of %lld points are done, %lld are left\n", by,
            (long long)n[KC_POINT_DONE], (long long)sweep->n,
            (long long)(sweep->n - n[KC_POINT_DONE]));
    if (again)
        fprintf(out, "go on with\n  %s\n", again);
}

static void add_stop(cJSON *object, const kc_sweep *sweep, const kc_point_view *views,
                     const char *by, const char *again)
{
    int64_t n[KC_POINT_STATES];
    kc_point_count(sweep, views, n);
    kc_json_text(object, "stopped_by", by);
    kc_json_number(object, "points_done", (double)n[KC_POINT_DONE]);
    kc_json_number(object, "points_left", (double)(sweep->n - n[KC_POINT_DONE]));
    if (again)
        kc_json_text(object, "go_on", again);
}

void kc_report_sweep_json(FILE *out, const char *input, const kc_sweep *sweep,
                          const kc_point_view *views, int found, const char *by, const char *again)
{
    cJSON *object = cJSON_CreateObject();
    if (by)
        add_stop(object, sweep, views, by, again);
    kc_json_text(object, "sweep", input);
    kc_json_text(object, "base", sweep->base);
    kc_json_text(object, "out", sweep->out);
    cJSON *points = cJSON_AddArrayToObject(object, "points");
    for (int64_t i = 0; i < sweep->n; ++i)
        cJSON_AddItemToArray(points, point_object(&views[i], found));
    kc_json_put(out, object);
}

void kc_report_missing(FILE *out, const char *input, const kc_sweep *sweep,
                       const kc_point_view *views)
{
    (void)input;
    const char *comma = "";
    for (int64_t i = 0; i < sweep->n; ++i) {
        int64_t last = i;
        if (views[i].state == KC_POINT_DONE)
            continue;
        while (last + 1 < sweep->n && views[last + 1].state != KC_POINT_DONE)
            ++last;
        fprintf(out, last > i ? "%s%lld-%lld" : "%s%lld", comma, (long long)i, (long long)last);
        comma = ",";
        i = last;
    }
    if (*comma)
        fputc('\n', out);
}

void kc_report_missing_json(FILE *out, const char *input, const kc_sweep *sweep,
                            const kc_point_view *views)
{
    char *text = NULL;
    size_t size = 0;
    FILE *line = open_memstream(&text, &size);
    KC_ROOM(line, "out of memory");
    kc_report_missing(line, input, sweep, views);
    fclose(line);
    text[strcspn(text, "\n")] = 0;
    cJSON *object = cJSON_CreateObject();
    kc_json_text(object, "sweep", input);
    kc_json_text(object, "missing", text);
    kc_json_put(out, object);
    free(text);
}
