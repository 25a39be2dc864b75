/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/hf_meta.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kcap/io/json.h"

static const int64_t most = 999999999999999; /* steps, tokens, cursors */

static void add_number(cJSON *object, const char *name, int64_t number)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%lld", (long long)number);
    kc_json_text(object, name, digits);
}

/* A line a lane: epoch, next, offset, docs. */
static void add_lanes(cJSON *object, const kc_state *state)
{
    enum { LINE = 4 * 21 + 1 };
    char *text = malloc((size_t)state->n_lanes * LINE + 1);
    size_t used = 0;
    KC_CHECK(text, "out of memory for %lld lanes", (long long)state->n_lanes);
    text[0] = 0;
    for (int64_t k = 0; k < state->n_lanes; ++k) {
        const kc_cursor *c = &state->cursors[k];
        used +=
            (size_t)snprintf(text + used, LINE + 1, "%lld %lld %lld %lld\n", (long long)c->epoch,
                             (long long)c->next, (long long)c->offset, (long long)c->docs);
    }
    kc_json_text(object, "kcap.lanes", text);
    free(text);
}

/* The names in order, a line each, and under kcap.file.<name> the text. */
static void add_files(cJSON *object, const kc_files *files)
{
    char names[KC_FILES_MAX * sizeof files->file[0].name + 1] = "", key[64];
    for (int i = 0; i < files->n; ++i) {
        strcat(strcat(names, files->file[i].name), "\n");
        snprintf(key, sizeof key, "kcap.file.%s", files->file[i].name);
        kc_json_text(object, key, files->text + files->file[i].begin);
    }
    kc_json_text(object, "kcap.files", names);
}

cJSON *kc_hf_meta(const kc_head *head, const char *version, const kc_state *state,
                  const kc_files *files)
{
    cJSON *object = cJSON_CreateObject();
    kc_json_text(object, "format", "pt");
    kc_json_text(object, "kcap.version", version);
    kc_json_text(object, "kcap.run_id", head->run_id);
    kc_json_text(object, "kcap.config", head->config);
    kc_json_text(object, "kcap.config_hash", head->config_hash);
    add_number(object, "kcap.step", state->step);
    add_number(object, "kcap.tokens", state->tokens);
    add_lanes(object, state);
    add_files(object, files);
    return object;
}

static int missing(const kc_st *st, const char *name, const char *what, kc_error *e)
{
    return kc_fail(e, KC_EINPUT, "%s: metadata %s %s", st->path, name, what);
}

static int read_number(const char **text, char end, int64_t *n)
{
    char *after;
    if (**text < '0' || **text > '9')
        return 0;
    *n = strtoll(*text, &after, 10);
    *text = after + (*after != 0);
    return *after == end && *n <= most;
}

static int read_count(const kc_st *st, const char *name, int64_t *n, kc_error *e)
{
    const char *text = kc_st_meta(st, name);
    if (text && read_number(&text, 0, n))
        return KC_OK;
    return missing(st, name, "is missing or no whole number", e);
}

/* One text of the corpus into the block. */
static void add_file(const kc_st *st, kc_files *files, const char *name, const char *text)
{
    const int64_t bytes = (int64_t)strlen(text);
    const int i = files->n++;
    files->text = realloc(files->text, (size_t)(files->bytes + bytes + 1));
    KC_CHECK(files->text, "out of memory for %lld bytes of text", (long long)bytes);
    memcpy(files->text + files->bytes, text, (size_t)bytes + 1);
    snprintf(files->file[i].name, sizeof files->file[i].name, "%s", name);
    snprintf(files->file[i].path, sizeof files->file[i].path, "%.400s:%s", st->path, name);
    files->file[i].begin = files->bytes;
    files->file[i].bytes = bytes;
    files->bytes += bytes + 1;
}

static int read_files(const kc_st *st, kc_files *files, kc_error *e)
{
    const char *at = kc_st_meta(st, "kcap.files");
    char name[sizeof files->file[0].name], key[64];
    if (!at)
        return missing(st, "kcap.files", "is missing", e);
    while (*at) {
        const size_t n = strcspn(at, "\n");
        if (n == 0 || n >= sizeof name || at[n] != '\n' || files->n == KC_FILES_MAX)
            return missing(st, "kcap.files", "is no list of names, a line each", e);
        snprintf(name, sizeof name, "%.*s", (int)n, at);
        snprintf(key, sizeof key, "kcap.file.%s", name);
        const char *text = kc_st_meta(st, key);
        if (!text)
            return missing(st, key, "is missing", e);
        add_file(st, files, name, text);
        at += n + 1;
    }
    return KC_OK;
}

int kc_hf_meta_lanes(const kc_st *st, kc_state *state, kc_error *e)
{
    const char *at = kc_st_meta(st, "kcap.lanes");
    for (int64_t k = 0; at && k < state->n_lanes; ++k) {
        kc_cursor *c = &state->cursors[k];
        if (!read_number(&at, ' ', &c->epoch) || !read_number(&at, ' ', &c->next) ||
            !read_number(&at, ' ', &c->offset) || !read_number(&at, '\n', &c->docs))
            at = NULL;
    }
    return at && !*at ? KC_OK : missing(st, "kcap.lanes", "is not four numbers for each lane", e);
}

int kc_hf_meta_read(const kc_st *st, kc_config *cfg, kc_state *state, kc_files *files, kc_error *e)
{
    const char *config = kc_st_meta(st, "kcap.config");
    if (!config)
        return kc_fail(
            e, KC_EINPUT,
            "%s: not written by kcap, there is no kcap.config in its metadata; say which "
            "model and corpus it is of: kcap import DIR INPUT.yaml --out RUN",
            st->path);
    KC_TRY(kc_config_parse(config, strlen(config), st->path, NULL, 0, cfg, e));
    KC_TRY(read_count(st, "kcap.step", &state->step, e));
    KC_TRY(read_count(st, "kcap.tokens", &state->tokens, e));
    KC_TRY(read_files(st, files, e));
out:
    return e->code;
}
