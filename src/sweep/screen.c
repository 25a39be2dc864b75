/* SPDX-License-Identifier: BSD-3-Clause */
#include "sweep/screen.h"

#include <math.h>
#include <string.h>

#include "kcap/base/clock.h"

static const double live_period = 1, line_period = 10;
enum { SHOWN_MOST = 16, NAME_MOST = 45 };

/* How much of a point's work is behind it. */
static double share_done(const kc_point_view *v)
{
    if (v->state == KC_POINT_DONE || v->state == KC_POINT_FAILED)
        return 1;
    return v->to_expose > 0 && v->exposed > 0 ? fmin(1, v->exposed / v->to_expose) : 0;
}

static double seconds_left(const kc_farm_screen *screen, const kc_sweep *sweep,
                           const kc_point_view *views)
{
    double done = -screen->flops_before, left = 0;
    for (int64_t i = 0; i < sweep->n; ++i) {
        done += views[i].flops * share_done(&views[i]);
        left += views[i].flops * (1 - share_done(&views[i]));
    }
    return done > 0 ? left / done * (kc_clock() - screen->begun) : NAN;
}

/* Go back over the table and wipe it out. */
static void wipe(kc_farm_screen *screen, FILE *out)
{
    if (screen->lines)
        fprintf(out, "\033[%dA", screen->lines);
    fputs("\r\033[J", out);
    screen->lines = 0;
}

/* A name's end, which tells seeds apart, where all of it is too long. */
static const char *tail(const char *name, char text[NAME_MOST + 1])
{
    const size_t n = strlen(name);
    const int cut = n > NAME_MOST;
    snprintf(text, NAME_MOST + 1, "%s%s", cut ? "..." : "", cut ? name + n - NAME_MOST + 3 : name);
    return text;
}

static void show_point(FILE *out, const kc_point_view *v)
{
    char name[NAME_MOST + 1];
    fprintf(out, "  %-*s %5.1f %%", NAME_MOST, tail(v->point->name, name), 100 * share_done(v));
    if (isfinite(v->bits_per_param))
        fprintf(out, "  %7.4f bits/param", v->bits_per_param);
    fputc('\n', out);
}

static void show_live(kc_farm_screen *screen, FILE *out, const kc_sweep *sweep,
                      const kc_point_view *views, const int64_t *n, double seconds)
{
    char left[32];
    wipe(screen, out);
    fprintf(out, "%lld done, %lld running, %lld failed, %lld to come; %s to go\n",
            (long long)n[KC_POINT_DONE], (long long)n[KC_POINT_RUNNING],
            (long long)n[KC_POINT_FAILED], (long long)(n[KC_POINT_MISSING] + n[KC_POINT_PARTIAL]),
            kc_hours(seconds, left));
    screen->lines = 1;
    for (int64_t i = 0; i < sweep->n && screen->lines <= SHOWN_MOST; ++i)
        if (views[i].state == KC_POINT_RUNNING) {
            show_point(out, &views[i]);
            ++screen->lines;
        }
}

static void show_line(FILE *out, const int64_t *n, double seconds)
{
    char left[32] = "unknown";
    if (isfinite(seconds))
        snprintf(left, sizeof left, "%.0f", seconds);
    fprintf(out, "event=farm done=%lld running=%lld failed=%lld to_come=%lld eta_seconds=%s\n",
            (long long)n[KC_POINT_DONE], (long long)n[KC_POINT_RUNNING],
            (long long)n[KC_POINT_FAILED], (long long)(n[KC_POINT_MISSING] + n[KC_POINT_PARTIAL]),
            left);
}

void kc_farm_show(kc_farm_screen *screen, FILE *out, const kc_sweep *sweep,
                  const kc_point_view *views, int now)
{
    int64_t n[KC_POINT_STATES];
    const double clock = kc_clock();
    if (screen->begun == 0) {
        *screen = (kc_farm_screen){.live = kc_progress_is_live(out), .begun = clock};
        for (int64_t i = 0; i < sweep->n; ++i)
            screen->flops_before += views[i].flops * share_done(&views[i]);
    }
    if (!now && clock - screen->shown < (screen->live ? live_period : line_period))
        return;
    screen->shown = clock;
    kc_point_count(sweep, views, n);
    const double seconds = seconds_left(screen, sweep, views);
    if (screen->live)
        show_live(screen, out, sweep, views, n, seconds);
    else
        show_line(out, n, seconds);
    fflush(out);
}

void kc_farm_announce(kc_farm_screen *screen, FILE *out, const kc_point_view *v)
{
    if (screen->live) {
        wipe(screen, out);
        screen->shown = 0; /* the table comes back at once */
    }
    fprintf(out, "event=point state=%s name=%s", kc_point_word(v->state), v->point->name);
    if (isfinite(v->bits_per_param))
        fprintf(out, " bits_per_param=%.4f", v->bits_per_param);
    fprintf(out, " seconds=%.1f%s%s\n", v->seconds, v->error[0] ? " error=" : "", v->error);
    fflush(out);
}
