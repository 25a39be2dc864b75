/* SPDX-License-Identifier: BSD-3-Clause */
#include "record/draft.h"

#include <stdio.h>
#include <string.h>

#include "kcap/io/array.h"
#include "kcap/io/attribute.h"
#include "kcap/io/file.h"
#include "kcap/io/stamp.h"
#include "record/embed.h"
#include "record/manifest.h"

enum { CURSOR = 5, FRAME_BYTES = 1 << 16 };

_Static_assert(sizeof(kc_cursor) == CURSOR * sizeof(int64_t),
               "kc_cursor is a row of /lanes/cursor");

void kc_draft_names(kc_draft *d, const char *h5)
{
    const int stem = (int)strlen(h5) - 3;
    kc_file_folder(h5, d->folder);
    snprintf(d->h5, sizeof d->h5, "%s", h5);
    snprintf(d->h5_partial, sizeof d->h5_partial, "%s.partial", h5);
    snprintf(d->manifest, sizeof d->manifest, "%.*s.manifest", stem, h5);
    snprintf(d->manifest_partial, sizeof d->manifest_partial, "%.*s.manifest.partial", stem, h5);
}

static int write_lanes(kc_h5 *f, const kc_checkpoint_info *info, kc_error *e)
{
    static const char path[] = "/lanes/cursor";
    kc_h5_array a = {.id = 0};
    const int64_t dims[2] = {info->n_cursors, CURSOR};
    KC_TRY(kc_h5_group(f, "/lanes", e));
    KC_TRY(kc_h5_array_create(f, path, KC_H5_INT, 2, dims, e));
    KC_TRY(kc_h5_describe(
        f, path, "1",
        "where each lane stands in the documents of each part, the parts of a lane one "
        "after the other: epoch, next, offset, docs, used",
        e));
    KC_TRY(kc_h5_array_open(f, path, KC_H5_INT, &a, e));
    kc_h5_array_write(&a, 0, dims[0] * dims[1], info->cursors, e);
    kc_h5_array_close(&a, e);
out:
    return e->code;
}

/* Reserve the room first: a disk that fills up later is an error that HDF5 does not survive in
 * order. */
int kc_draft_begin(const kc_draft *d, kc_h5 *f, const kc_checkpoint_info *info, int64_t bytes,
                   kc_error *e)
{
    const char *words = info->files.words;
    bytes += info->files.bytes + (words ? (int64_t)strlen(words) : 0) +
             info->n_cursors * (int64_t)sizeof(kc_cursor) + FRAME_BYTES;
    KC_TRY(kc_file_reserve(d->h5_partial, bytes, e));
    KC_TRY(kc_h5_create(f, d->h5_partial, KC_H5_PLAIN, e));
    KC_TRY(kc_stamp_write(f, &info->stamp, e));
    KC_TRY(kc_h5_set_int(f, "/", "step", info->step, e));
    KC_TRY(kc_h5_set_int(f, "/", "tokens", info->tokens, e));
    KC_TRY(write_lanes(f, info, e));
    KC_TRY(kc_embed_write(f, &info->files, e));
out:
    return e->code;
}

int kc_draft_begun(const kc_draft *d, kc_h5 *f, kc_error *e)
{
    kc_h5_close(f, e);
    return e->code ? e->code : kc_file_reserve(d->h5_partial, kc_file_size(d->h5_partial), e);
}

int kc_draft_written(const kc_grid *g, const kc_draft *d, kc_h5 *f, kc_error *e)
{
    if (kc_h5_close_shared(g, f, e) == KC_OK)
        kc_file_sync(d->h5_partial, e);
    return kc_agree(g, e);
}

/* The manifest's own name comes last: with it the checkpoint exists, complete. An older manifest
 * under this name would not fit the new file. */
static int commit(const kc_draft *d, const kc_manifest *m, kc_error *e)
{
    KC_TRY(kc_manifest_write(d->manifest_partial, m, e));
    KC_TRY(kc_file_remove(d->manifest, e));
    KC_TRY(kc_file_rename(d->h5_partial, d->h5, e));
    KC_TRY(kc_file_rename(d->manifest_partial, d->manifest, e));
    KC_TRY(kc_file_sync(d->folder, e));
out:
    return e->code;
}

int kc_draft_finish(const kc_grid *g, const kc_draft *d, const kc_checkpoint_info *info,
                    kc_error *e)
{
    kc_manifest m = {.step = info->step};
    const char *slash = strrchr(d->h5, '/');
    snprintf(m.file, sizeof m.file, "%.63s", slash ? slash + 1 : d->h5);
    snprintf(m.run_id, sizeof m.run_id, "%s", info->stamp.run_id);
    KC_TRY(kc_manifest_hash(g, d->h5_partial, &m, e));
    KC_TRY_ROOT(g, commit(d, &m, e));
out:
    return e->code;
}

void kc_draft_take_back(const kc_draft *d)
{
    kc_error ignored = {0};
    kc_file_remove(d->manifest_partial, &ignored);
    kc_file_remove(d->h5_partial, &ignored);
}
