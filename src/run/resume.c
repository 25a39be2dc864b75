/* SPDX-License-Identifier: BSD-3-Clause */
#include "run/resume.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kcap/io/file.h"
#include "kcap/record/reader.h"
#include "kcap/record/shelf.h"

/* The folder must be free unless this run goes on in it; nothing is written before. */
static int claim_out(const kc_run *run, int may_hold_a_run, kc_error *e)
{
    const char *out = run->out;
    if (run->grid->rank == 0) {
        const int full = kc_folder_full(out);
        if (full < 0)
            kc_fail(e, KC_EIO, "%s: cannot be read: %s", out, strerror(errno));
        else if (full && !may_hold_a_run)
            kc_fail(
                e, KC_EINPUT,
                "%s: not empty; choose another --out, or --resume auto to go on with the run in it",
                out);
    }
    return kc_agree(run->grid, e);
}

/* Going on from an older checkpoint would leave newer ones of another past beside it. */
static void refuse_older(const char *out, const kc_checkpoint_info *from, kc_error *e)
{
    kc_shelf_entry *entries = NULL;
    int64_t n = 0;
    if (kc_shelf_list(out, &entries, &n, e) == KC_OK)
        for (int64_t i = 0; i < n; ++i)
            if (entries[i].has_manifest && entries[i].step > from->step) {
                kc_fail(
                    e, KC_EINPUT,
                    "%s: its folder holds a newer checkpoint, of step %lld; go on from this one "
                    "with another --out, or remove the newer ones",
                    from->path, (long long)entries[i].step);
                break;
            }
    free(entries);
}

int kc_resume_find(kc_run *run, kc_error *e)
{
    const char *resume = run->request->resume, *out = run->out;
    const kc_grid *g = run->grid;
    kc_checkpoint_info *from = &run->from;
    const int is_auto = strcmp(resume, "auto") == 0;
    if (strcmp(resume, "never") == 0)
        return claim_out(run, 0, e);
    int there = 1;
    if (is_auto) {
        if (g->rank == 0)
            there = kc_folder_full(out) == 1;
        kc_bcast(g, &there, sizeof there);
    }
    if (there)
        KC_TRY(kc_checkpoint_find(g, is_auto ? out : resume, from, e));
    if (!is_auto && !from->path[0])
        return kc_fail(e, KC_EINPUT, "--resume %s: no checkpoint there", resume);
    /* A run's own folder is its checkpoint's grandparent. */
    const size_t n = strlen(out);
    const int own = is_auto || (strncmp(from->path, out, n) == 0 && from->path[n] == '/');
    if (own && !is_auto && g->rank == 0)
        refuse_older(out, from, e);
    KC_TRY(kc_agree(g, e));
    KC_TRY(claim_out(run, own, e));
out:
    return e->code;
}

int kc_resume_check(const kc_run *run, kc_error *e)
{
    const kc_checkpoint_info *from = &run->from;
    kc_config then;
    char what[KC_TEXT_MAX * 2];
    if (kc_checkpoint_resumable(from, e) == KC_OK &&
        kc_config_parse(from->stamp.config, strlen(from->stamp.config), from->path, NULL, 0, &then,
                        e) == KC_OK &&
        kc_config_differs(&then, &run->cfg, "the checkpoint", "this input", what, sizeof what))
        kc_fail(e, KC_EINPUT, "%s: another experiment: %s", from->path, what);
    return kc_agree(run->grid, e);
}

int kc_resume_host(kc_run *run, kc_error *e)
{
    const kc_checkpoint_info *from = &run->from;
    const int is_auto = run->cfg.parallel.kernel == KC_parallel_kernel_auto;
    const char *wish = is_auto ? from->stamp.kernel : NULL;
    if (kc_host_start(&run->host, run->grid, &run->cfg, wish, run->request->talk != NULL, e) !=
            KC_OK &&
        is_auto) {
        kc_error why = *e;
        *e = (kc_error){0};
        return kc_fail(
            e, KC_EINPUT,
            "%s: made with %s kernels (%.300s); --set parallel.kernel=... goes on with others "
            "and other bits",
            from->path, from->stamp.kernel, why.text);
    }
    if (!e->code && run->grid->rank == 0 && strcmp(run->host.kernel, from->stamp.kernel) != 0)
        fprintf(stderr,
                "kcap: warning: %s was made with %s kernels, this run uses %s: other bits\n",
                from->path, from->stamp.kernel, run->host.kernel);
    return e->code;
}

void kc_resume_history(const kc_run *run, char path[KC_PATH_MAX])
{
    snprintf(path, KC_PATH_MAX, "%s", run->from.path);
    for (int up = 0; up < 2; ++up) {
        char *slash = strrchr(path, '/');
        if (slash)
            *slash = 0;
        else
            snprintf(path, KC_PATH_MAX, up ? ".." : ".");
    }
    strncat(path, "/run.h5", KC_PATH_MAX - strlen(path) - 1);
}

/* Of run.h5 as it stands, rank 0 alone: 1 when it was closed with the last step and with measurements of
 * it, which are taken. */
static int read_record(kc_run *run, int64_t end)
{
    kc_reader r;
    kc_schema steps;
    kc_step_row last = {.step = KC_NO_INT};
    kc_error ignored = {0}; /* going on says it */
    kc_schema_steps(&steps);
    int whole = kc_reader_open(&r, run->out, &ignored) == KC_OK && r.closed &&
                kc_reader_last(&r, &steps, &last, &ignored) == KC_OK && last.step == end;
    for (int i = 0; r.there && i < run->measured.n; ++i) {
        kc_measured *m = &run->measured.of[i];
        kc_event *event = m->row;
        if (kc_reader_last(&r, &m->schema, m->row, &ignored) != KC_OK || event->step != end)
            kc_row_clear(&m->schema, m->row);
        whole = whole && event->step == end;
    }
    kc_reader_close(&r, &ignored);
    kc_schema_free(&steps);
    return whole;
}

void kc_resume_measured(kc_run *run, const char *history)
{
    char folder[KC_PATH_MAX];
    kc_reader r = {.there = 0};
    kc_error ignored = {0}; /* copying the rows says it */
    snprintf(folder, sizeof folder, "%s", history);
    *strrchr(folder, '/') = 0;
    if (run->grid->rank == 0)
        kc_reader_open(&r, folder, &ignored);
    for (int i = 0; i < run->measured.n; ++i) {
        kc_measured *m = &run->measured.of[i];
        const int64_t step = kc_trainer_state(run->trainer)->step;
        if (r.there && kc_reader_last_upto(&r, &m->schema, step, m->row, &ignored) != KC_OK)
            kc_row_clear(&m->schema, m->row);
        kc_bcast(run->grid, m->row, kc_row_bytes(&m->schema));
    }
    if (run->grid->rank == 0)
        kc_reader_close(&r, &ignored);
}

int kc_resume_record_is_whole(kc_run *run)
{
    const kc_grid *g = run->grid;
    char history[KC_PATH_MAX], own[KC_PATH_MAX + 16];
    kc_resume_history(run, history);
    snprintf(own, sizeof own, "%s/run.h5", run->out);
    int whole = strcmp(history, own) != 0; /* a checkpoint from elsewhere: nothing is written */
    if (g->rank == 0 && !whole)
        whole = read_record(run, kc_trainer_state(run->trainer)->step);
    kc_bcast(g, &whole, sizeof whole);
    for (int i = 0; i < run->measured.n; ++i) {
        kc_measured *m = &run->measured.of[i];
        if (whole) /* measured for the report alone */
            kc_row_clear(&m->schema, m->row);
        kc_bcast(g, m->row, kc_row_bytes(&m->schema));
    }
    return whole;
}
