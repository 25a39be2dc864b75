/* SPDX-License-Identifier: BSD-3-Clause */
#include "sweep/point.h"

#include <stdio.h>
#include <string.h>

#include "kcap/io/file.h"

const char *kc_point_word(kc_point_state state)
{
    static const char *const words[] = {
        [KC_POINT_MISSING] = "missing", [KC_POINT_PARTIAL] = "partial",
        [KC_POINT_RUNNING] = "running", [KC_POINT_DONE] = "done",
        [KC_POINT_FAILED] = "failed",   [KC_POINT_FOREIGN] = "foreign"};
    return words[state];
}

void kc_point_count(const kc_sweep *sweep, const kc_point_view *views, int64_t n[KC_POINT_STATES])
{
    memset(n, 0, KC_POINT_STATES * sizeof *n);
    for (int64_t i = 0; i < sweep->n; ++i)
        ++n[views[i].state];
}

void kc_point_folder(const kc_sweep *sweep, const kc_point *point, char path[KC_PATH_MAX])
{
    snprintf(path, KC_PATH_MAX, "%s/%s", sweep->out, point->name);
}

void kc_point_forget_error(const kc_sweep *sweep, int64_t point)
{
    char folder[KC_PATH_MAX], path[KC_PATH_MAX + 16];
    kc_error ignored = {0};
    kc_point_folder(sweep, &sweep->point[point], folder);
    snprintf(path, sizeof path, "%s/error.txt", folder);
    if (kc_file_size(path) >= 0)
        kc_file_remove(path, &ignored);
}

void kc_point_leave_error(const kc_sweep *sweep, int64_t point, const char *text)
{
    char folder[KC_PATH_MAX], path[KC_PATH_MAX + 16], line[500];
    kc_error e = {0};
    kc_point_folder(sweep, &sweep->point[point], folder);
    snprintf(path, sizeof path, "%s/error.txt", folder);
    snprintf(line, sizeof line, "%s\n", text);
    if (kc_folders_create(folder, &e) != KC_OK || kc_file_write(path, line, &e) != KC_OK)
        fprintf(stderr, "kcap: warning: %s\n", e.text);
}

int kc_point_read_error(const char *folder, char *text, size_t size)
{
    char path[KC_PATH_MAX + 16];
    kc_error ignored = {0};
    snprintf(path, sizeof path, "%s/error.txt", folder);
    if (kc_file_size(path) < 0)
        return 0;
    if (kc_file_read(path, text, size, &ignored) != KC_OK)
        snprintf(text, size, "%.370s cannot be read", path);
    text[strcspn(text, "\n")] = 0;
    return 1;
}

void kc_point_ask(kc_point_request *r, const kc_sweep_request *q, const kc_sweep *sweep,
                  const kc_point *point)
{
    int n = 0;
    kc_point_folder(sweep, point, r->folder);
    snprintf(r->name, sizeof r->name, "run.name='%s'", point->name);
    r->sets[n++] = r->name;
    for (int i = 0; i < point->n_sets; ++i)
        r->sets[n++] = point->sets[i];
    for (int i = 0; i < q->n_sets && n < KC_POINT_SETS_MAX; ++i)
        r->sets[n++] = q->sets[i];
    r->run.input = sweep->base;
    r->run.sets = r->sets;
    r->run.n_sets = n;
    r->run.out = r->folder;
    r->run.resume = "auto";
    r->run.without_history = q->without_history;
}

int kc_point_run(kc_run *run, kc_grid *g, const kc_sweep_request *q, const kc_sweep *sweep,
                 int64_t point, kc_point_request *request, kc_error *e)
{
    int code = KC_OK;
    kc_point_ask(request, q, sweep, &sweep->point[point]);
    kc_run_prepare(run, g, &request->run, e);
    if (run->lock) /* on rank 0; another's folder is let be */
        kc_point_forget_error(sweep, point);
    if (e->code == KC_OK)
        code = kc_run_train(run, e);
    if (run->lock && e->code)
        kc_point_leave_error(sweep, point, e->text);
    return e->code ? e->code : code;
}
