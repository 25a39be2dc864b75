/* SPDX-License-Identifier: BSD-3-Clause */
#include "record/frame.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kcap/base/memory.h"
#include "kcap/io/attribute.h"
#include "kcap/io/file.h"
#include "kcap/io/stamp.h"
#include "record/labels.h"

enum { PARTIAL = KC_PATH_MAX + 16 };

static const char *partial_of(const kc_frame *f, char text[PARTIAL])
{
    snprintf(text, PARTIAL, "%s.partial", f->path);
    return text;
}

int kc_frame_create(kc_frame *f, const char *path, const kc_stamp *stamp,
                    const kc_schema *const *schemas, int n, kc_error *e)
{
    char partial[PARTIAL];
    *f = (kc_frame){.n = n, .table = kc_alloc(n, sizeof *f->table, "tables")};
    snprintf(f->path, sizeof f->path, "%s", path);
    KC_TRY(kc_h5_create(&f->file, partial_of(f, partial), KC_H5_SWMR, e));
    KC_TRY(kc_stamp_write(&f->file, stamp, e));
    for (int i = 0; i < n; ++i) {
        KC_TRY(kc_table_create(&f->table[i], &f->file, schemas[i], e));
        KC_TRY(kc_labels_write(&f->file, schemas[i], e));
    }
    KC_TRY(kc_h5_seal(&f->file, e));
out:
    return e->code;
}

int kc_frame_publish(kc_frame *f, kc_error *e)
{
    char partial[PARTIAL], folder[KC_PATH_MAX];
    KC_TRY(kc_h5_flush(&f->file, 0, e));
    KC_TRY(kc_h5_start_swmr(&f->file, e));
    KC_TRY(kc_h5_flush(&f->file, 1, e));
    KC_TRY(kc_file_rename(partial_of(f, partial), f->path, e));
    snprintf(f->file.path, sizeof f->file.path, "%s", f->path);
    KC_TRY(kc_file_sync(kc_file_folder(f->path, folder), e));
out:
    return e->code;
}

int kc_frame_close(kc_frame *f, kc_error *e)
{
    char partial[PARTIAL];
    kc_error ignored = {0};
    for (int i = 0; f->table && i < f->n; ++i)
        kc_table_close(&f->table[i], e);
    kc_h5_close(&f->file, e);
    if (f->file.path[0] && strcmp(f->file.path, f->path) != 0)
        kc_file_remove(partial_of(f, partial), &ignored);
    free(f->table);
    *f = (kc_frame){.n = 0};
    return e->code;
}
