/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "kcap/base/memory.h"
#include "kcap/io/array.h"
#include "kcap/io/attribute.h"
#include "kcap/io/stamp.h"
#include "kcap/record/checkpoint.h"
#include "kcap/record/reader.h"
#include "kcap/record/shelf.h"
#include "record/embed.h"
#include "record/manifest.h"
#include "record/stored.h"

void kc_checkpoint_info_free(kc_checkpoint_info *info)
{
    kc_stamp_free(&info->stamp);
    free(info->cursors);
    free(info->files.text);
    *info = (kc_checkpoint_info){.step = 0};
}

int kc_checkpoint_resumable(const kc_checkpoint_info *info, kc_error *e)
{
    const char *from = info->stamp.imported_from, *by = info->stamp.transformed_by;
    if (from[0])
        return kc_fail(e, KC_EINPUT,
                       "%s: holds weights imported from %s, without the optimiser's moments: there "
                       "is no run to go on with; kcap measure reads it",
                       info->path, from);
    if (by[0])
        return kc_fail(e, KC_EINPUT,
                       "%s: holds weights alone (kcap transform: %s), without the optimiser's "
                       "moments: go on with the checkpoint they were taken from; kcap measure "
                       "reads this one",
                       info->path, by);
    if (!info->has_moments)
        return kc_fail(e, KC_EINPUT,
                       "%s: holds weights without the optimiser's moments: there is no run to go "
                       "on with; kcap measure reads it",
                       info->path);
    return KC_OK;
}

/* What every version has written. */
static int check_stamp(const kc_h5 *f, const kc_stamp *stamp, kc_error *e)
{
    const char *const needed[][2] = {
        {"config", stamp->config}, {"config_hash", stamp->config_hash}, {"run_id", stamp->run_id}};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; ++i)
        if (!needed[i][1][0])
            return kc_fail(e, KC_EINPUT, "%s: attribute %s of / is missing", f->path, needed[i][0]);
    return KC_OK;
}

/* No count of steps, tokens or documents comes near it. */
static const int64_t most = (int64_t)1 << 53;

/* Files from before corpora had parts lack the last column. */
enum { CURSOR = sizeof(kc_cursor) / sizeof(int64_t) };

static int read_cursors(kc_h5 *f, kc_checkpoint_info *info, kc_error *e)
{
    kc_h5_array a = {.id = 0};
    int64_t *values = NULL, columns;
    KC_TRY(kc_h5_array_open(f, "/lanes/cursor", KC_H5_INT, &a, e));
    columns = a.n_dims == 2 ? a.dims[1] : 0;
    if (columns != CURSOR && columns != CURSOR - 1) {
        kc_fail(e, KC_EINPUT, "%s: /lanes/cursor is no table of cursors", f->path);
        goto out;
    }
    info->n_cursors = a.dims[0];
    info->cursors = kc_alloc(info->n_cursors, sizeof *info->cursors, "cursors");
    values = kc_alloc(info->n_cursors, sizeof *info->cursors, "cursors");
    KC_TRY(kc_h5_array_read(&a, 0, a.dims[0] * columns, values, e));
    for (int64_t i = 0; i < a.dims[0] * columns; ++i) {
        ((int64_t *)&info->cursors[i / columns])[i % columns] = values[i];
        if (values[i] < 0 || values[i] > most)
            kc_fail(e, KC_EINPUT, "%s: /lanes/cursor holds a place that no lane comes to", f->path);
    }
out:
    free(values);
    kc_h5_array_close(&a, e);
    return e->code;
}

/* Bits of a parameter in the mean. */
static int read_bits(kc_h5 *f, double *mean, kc_error *e)
{
    char path[256];
    int64_t members = 0;
    double bits = 0, n = 0;
    KC_TRY(kc_h5_members(f, "/params", &members, e));
    for (int64_t i = 0; i < members && e->code == KC_OK; ++i) {
        kc_stored s = {.n = 0};
        const size_t used = (size_t)snprintf(path, sizeof path, "/params/");
        if (kc_h5_member(f, "/params", i, path + used, sizeof path - used, e) == KC_OK &&
            kc_stored_open(f, path, &s, e) == KC_OK) {
            bits += kc_stored_bits(&s);
            n += (double)s.n;
        }
        kc_stored_close(&s, e);
    }
    *mean = n > 0 ? bits / n : 0;
out:
    return e->code;
}

static int read_info(const char *path, const kc_manifest *m, kc_checkpoint_info *info, kc_error *e)
{
    kc_h5 f;
    snprintf(info->path, sizeof info->path, "%s", path);
    KC_TRY(kc_h5_open(&f, path, e));
    KC_TRY(kc_h5_get_int(&f, "/", "step", &info->step, e));
    KC_TRY(kc_h5_get_int(&f, "/", "tokens", &info->tokens, e));
    if (info->step < 0 || info->step > most || info->tokens < 0 || info->tokens > most)
        kc_fail(e, KC_EINPUT, "%s: step %lld, %lld tokens: no run has come there", path,
                (long long)info->step, (long long)info->tokens);
    KC_TRY(e->code);
    KC_TRY(kc_stamp_read(&f, &info->stamp, e));
    KC_TRY(check_stamp(&f, &info->stamp, e));
    KC_TRY(read_cursors(&f, info, e));
    KC_TRY(kc_embed_read(&f, &info->files, e));
    KC_TRY(read_bits(&f, &info->stored_bits, e));
    info->hash = m->hash;
    info->has_moments =
        (kc_h5_has(&f, "/m") && kc_h5_has(&f, "/v")) || kc_h5_has(&f, "/adapters_v");
    if (info->step != m->step || strcmp(info->stamp.run_id, m->run_id) != 0)
        kc_fail(e, KC_EINPUT, "%s: step %lld of run %s; its manifest says step %lld of run %s",
                path, (long long)info->step, info->stamp.run_id, (long long)m->step, m->run_id);
out:
    kc_h5_close(&f, e);
    return e->code;
}

/* Verify one file and read it; *info is empty on error. Collective. */
static int try_file(const kc_grid *g, const char *path, kc_checkpoint_info *info, kc_error *e)
{
    kc_manifest m;
    KC_TRY(kc_manifest_verify(g, path, &m, e));
    read_info(path, &m, info, e);
    if (kc_agree(g, e) != KC_OK)
        kc_checkpoint_info_free(info);
out:
    return e->code;
}

static void pass_over(const kc_grid *g, const char *why)
{
    if (g->rank == 0)
        fprintf(stderr, "kcap: warning: checkpoint passed over: %s\n", why);
}

/* Is a good checkpoint one that is wished for? */
static int check_wish(const kc_checkpoint_info *info, kc_checkpoint_wish *wish, kc_error *e)
{
    if (wish->run_id[0] && strcmp(info->stamp.run_id, wish->run_id) != 0)
        kc_fail(e, KC_EINPUT, "%s: of run %s, and the folder's run.h5 is of run %s", info->path,
                info->stamp.run_id, wish->run_id);
    else if (info->step > wish->upto)
        kc_fail(e, KC_EINPUT, "%s: the whole rows of run.h5 end after step %lld", info->path,
                (long long)wish->upto);
    wish->unfit += e->code != KC_OK;
    return e->code;
}

/* The newest of n entries that is complete, undamaged and wished for. A file that never got its
 * manifest is what a kill leaves, and no damage. */
static int try_entries(const kc_grid *g, const char *dir, const kc_shelf_entry *entries, int64_t n,
                       kc_checkpoint_wish *wish, kc_checkpoint_info *info, kc_error *e)
{
    char path[KC_PATH_MAX];
    kc_error first = {0};
    for (int64_t i = 0; i < n; ++i) {
        kc_error why = {0};
        kc_shelf_path(dir, entries[i].step, ".h5", path, sizeof path);
        if (try_file(g, path, info, &why) == KC_OK && check_wish(info, wish, &why) == KC_OK)
            return KC_OK;
        kc_checkpoint_info_free(info);
        pass_over(g, why.text);
        if (entries[i].has_manifest && first.code == KC_OK)
            first = why;
    }
    if (first.code == KC_OK)
        return KC_OK;
    return kc_fail(e, first.code, "no %scheckpoint%s; the newest: %.900s",
                   wish->unfit ? "" : "undamaged ", wish->unfit ? " that can be used" : "",
                   first.text);
}

/* Whose folder it is, by its run.h5; nobody's where that cannot be read. */
static void wish_own(const kc_grid *g, const char *dir, kc_checkpoint_wish *wish)
{
    kc_reader r;
    kc_error ignored = {0};
    *wish = (kc_checkpoint_wish){.upto = INT64_MAX};
    if (g->rank == 0) {
        if (kc_reader_open(&r, dir, &ignored) == KC_OK)
            memcpy(wish->run_id, r.run_id, sizeof wish->run_id);
        kc_reader_close(&r, &ignored);
    }
    kc_bcast(g, wish, sizeof *wish);
}

static int find_in_folder(const kc_grid *g, const char *dir, kc_checkpoint_wish *wish,
                          kc_checkpoint_info *info, kc_error *e)
{
    kc_shelf_entry *entries = NULL;
    kc_checkpoint_wish own;
    int64_t n = 0;
    if (g->rank == 0)
        kc_shelf_list(dir, &entries, &n, e);
    KC_TRY(kc_agree(g, e));
    kc_bcast(g, &n, sizeof n);
    if (g->rank != 0)
        entries = calloc((size_t)n + 1, sizeof *entries);
    KC_ROOM(entries, "out of memory for %lld names", (long long)n);
    kc_bcast(g, entries, (size_t)n * sizeof *entries);
    if (!wish)
        wish_own(g, dir, wish = &own);
    try_entries(g, dir, entries, n, wish, info, e);
out:
    free(entries);
    return e->code;
}

int kc_checkpoint_find(const kc_grid *g, const char *where, kc_checkpoint_wish *wish,
                       kc_checkpoint_info *info, kc_error *e)
{
    struct stat s = {.st_mode = 0};
    size_t length = strlen(where);
    int is_folder = 0;
    *info = (kc_checkpoint_info){.step = 0};
    if (g->rank == 0) {
        int found = stat(where, &s) == 0;
        is_folder = found && S_ISDIR(s.st_mode);
        if (!found)
            kc_fail(
                e, KC_EINPUT, "%s: no such checkpoint or folder%s%s", where,
                errno == ENOENT ? "" : " can be reached: ", errno == ENOENT ? "" : strerror(errno));
        else if (!is_folder && (length < 4 || strcmp(where + length - 3, ".h5") != 0))
            kc_fail(e, KC_EINPUT, "%s: neither a run's folder nor a checkpoint's .h5 file", where);
        else if (!is_folder && strcmp(basename(where), "run.h5") == 0)
            kc_fail(e, KC_EINPUT, "%s: a run's record, which is no checkpoint; give its folder",
                    where);
        else if (length + 40 > sizeof info->path)
            kc_fail(e, KC_EINPUT, "%s: a path too long by %zu bytes", where,
                    length + 40 - sizeof info->path);
    }
    KC_TRY(kc_agree(g, e));
    kc_bcast(g, &is_folder, sizeof is_folder);
    if (is_folder)
        find_in_folder(g, where, wish, info, e);
    else
        try_file(g, where, info, e);
out:
    return e->code;
}
