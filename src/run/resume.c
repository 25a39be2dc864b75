/* SPDX-License-Identifier: BSD-3-Clause */
#include "run/resume.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kcap/io/file.h"
#include "kcap/record/reader.h"
#include "kcap/record/shelf.h"
#include "run/past.h"

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

static int check_experiment(const kc_run *run, kc_error *e)
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

/* The checkpoint to go on from, of those whose rows are there; of all with run->without_history.
 *   lost        set: there is one, but its rows are not there */
static int find(kc_run *run, const char *where, const kc_past *p, int *lost, kc_error *e)
{
    kc_checkpoint_wish wish = {.upto = INT64_MAX};
    kc_error why = {0};
    if (!run->without_history && p->there && !p->unreadable.code) {
        memcpy(wish.run_id, p->run_id, sizeof wish.run_id);
        wish.upto = p->reach;
    }
    kc_checkpoint_find(run->grid, where, &wish, &run->from, &why);
    *lost = wish.unfit > 0;
    if (why.code)
        return kc_fail(e, why.code, "%.800s%s%s", why.text, *lost ? "; " : "",
                       *lost ? KC_PAST_INSTEAD : "");
    if (!run->from.path[0])
        return KC_OK;
    KC_TRY(check_experiment(run, e));
    if (!run->without_history)
        *lost = kc_past_check(p, &run->from, e) != KC_OK;
    run->first_step =
        run->without_history || p->first_step > run->from.step ? run->from.step + 1 : p->first_step;
out:
    return e->code;
}

/* Without the rows only where there is no other way. */
static int find_either(kc_run *run, const char *where, const kc_past *p, kc_error *e)
{
    int lost = 0;
    if (find(run, where, p, &lost, e) == KC_OK || !lost || !run->request->without_history)
        return e->code;
    if (run->grid->rank == 0)
        fprintf(stderr, "kcap: warning: without history: %s\n", e->text);
    *e = (kc_error){0};
    kc_checkpoint_info_free(&run->from);
    run->without_history = 1;
    return find(run, where, p, &lost, e);
}

int kc_resume_find(kc_run *run, kc_error *e)
{
    const char *resume = run->request->resume, *out = run->out;
    const kc_grid *g = run->grid;
    const kc_checkpoint_info *from = &run->from;
    const int is_auto = strcmp(resume, "auto") == 0;
    int there = 1;
    kc_past p;
    run->first_step = 1;
    if (strcmp(resume, "never") == 0)
        return claim_out(run, 0, e);
    if (is_auto) {
        if (g->rank == 0)
            there = kc_folder_full(out) == 1;
        kc_bcast(g, &there, sizeof there);
    }
    if (there) {
        kc_past_look(g, is_auto ? out : resume, &p);
        KC_TRY(find_either(run, is_auto ? out : resume, &p, e));
        if (is_auto && !from->path[0])
            KC_TRY(kc_past_replaceable(&p, &run->cfg, e));
    }
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

int kc_resume_history(const kc_run *run, char folder[KC_PATH_MAX])
{
    kc_past_folder(run->from.path, folder);
    return run->from.path[0] && !run->without_history;
}

/* Out of the way of the new run.h5, under a name that is free. */
int kc_resume_set_aside(const kc_run *run, kc_error *e)
{
    char from[KC_PATH_MAX + 16], to[KC_PATH_MAX + 64];
    snprintf(from, sizeof from, "%s/run.h5", run->out);
    if (kc_file_size(from) < 0)
        return KC_OK;
    int n = 0;
    do
        snprintf(to, sizeof to, "%s.before_step_%lld_%d", from, (long long)run->first_step, n++);
    while (kc_file_size(to) >= 0);
    fprintf(stderr, "kcap: warning: %s is kept as %s\n", from, to);
    return kc_file_rename(from, to, e);
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
    kc_reader r = {.there = 0};
    kc_error ignored = {0}; /* copying the rows says it */
    if (run->grid->rank == 0)
        kc_reader_open(&r, history, &ignored);
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
    char folder[KC_PATH_MAX];
    kc_resume_history(run, folder);
    int whole = strcmp(folder, run->out) != 0; /* a checkpoint from elsewhere: nothing is written */
    if (g->rank == 0 && !whole && !run->without_history)
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
