/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kcap/base/memory.h"
#include "kcap/io/attribute.h"
#include "kcap/io/file.h"
#include "kcap/io/lock.h"
#include "kcap/io/text.h"
#include "record/draft.h"
#include "record/embed.h"
#include "record/manifest.h"
#include "record/stored.h"
#include "record/tensors.h"

/* Values of a tensor that a rank holds at a time, or one row; bytes of a path inside the file. */
enum { PIECE = 1 << 20, PATH = 256, MEMBER_BYTES = 2048 /* of a header */ };

static const char group[] = "/params", masters[] = "/masters";

static int open_member(kc_h5 *f, int64_t i, char path[PATH], kc_stored *s, kc_error *e)
{
    const size_t used = (size_t)snprintf(path, PATH, "%s/", group);
    KC_TRY(kc_h5_member(f, group, i, path + used, PATH - used, e));
    KC_TRY(kc_stored_open(f, path, s, e));
out:
    return e->code;
}

/* Packed anew, of another codec, or as it was: what is packed takes more bytes in any codec, and gains
 * nothing. */
static kc_form form_of(const kc_stored *s, const char *tensor, const kc_derivation *how)
{
    kc_form form = {.codec = kc_codec_of(KC_CODEC_packed)};
    if (how->packing)
        form.packing = how->packing(tensor, how->of);
    if (form.packing.bits)
        return form;
    return how->codec && !s->form.packing.bits ? (kc_form){.codec = how->codec} : s->form;
}

/* Create a weight as it will lie in the new file. */
static int copy_frame(kc_h5 *from, kc_h5 *to, int64_t i, const kc_derivation *how, kc_error *e)
{
    char path[PATH], *help = NULL;
    kc_form form;
    kc_stored s = {.n = 0};
    KC_TRY(open_member(from, i, path, &s, e));
    KC_TRY(kc_h5_get_text(from, path, "description", &help, e));
    form = form_of(&s, path + sizeof group, how);
    KC_TRY(kc_stored_create(to, path, &form, s.n_dims, s.dims, help, e));
out:
    free(help);
    kc_stored_close(&s, e);
    return e->code;
}

/* All but the weights' values. The words are not the reader's, who makes them of the files. */
static int copy_frames(const kc_draft *d, kc_h5 *from, kc_checkpoint_info info,
                       const kc_derivation *how, kc_error *e)
{
    kc_h5 to = {.id = 0};
    int64_t n = 0, size = 0, texts = 0;
    if (kc_h5_has(from, KC_WORDS_PATH))
        KC_TRY(kc_h5_text_read(from, KC_WORDS_PATH, &info.files.words, &size, &texts, e));
    KC_TRY(kc_h5_members(from, group, &n, e));
    KC_TRY(kc_draft_begin(d, &to, &info, n * MEMBER_BYTES, e));
    KC_TRY(kc_h5_group(&to, group, e));
    for (int64_t i = 0; i < n; ++i)
        KC_TRY(copy_frame(from, &to, i, how, e));
out:
    free(info.files.words);
    return kc_draft_begun(d, &to, e);
}

static int read_piece(kc_stored *from, const kc_rows *p, kc_error *e)
{
    const int64_t n = p->rows * p->cols;
    if (kc_stored_read(from, p->first * p->cols, n, p->values, e) == KC_OK)
        kc_values_finite(p->values, n, from->array.file->path, p->tensor, KC_EINPUT, e);
    return e->code;
}

/* A weight that is packed, at once: its scales are of all of it, and a byte is of several values. */
static int copy_packed(kc_stored *from, kc_stored *to, const char *name, const kc_derivation *how,
                       kc_error *e)
{
    const int64_t cols = from->dims[from->n_dims - 1];
    const kc_rows all = {name, 0, cols, from->n / cols,
                         kc_alloc(from->n, sizeof *all.values, "values of a tensor")};
    KC_TRY(read_piece(from, &all, e));
    if (how->packing && how->packing(name, how->of).bits)
        KC_TRY(kc_stored_fit(to, all.values, e));
    else
        KC_TRY(kc_stored_take_scales(to, from, e));
    if (how->change)
        how->change(&all, how->of);
    KC_TRY(kc_stored_write(to, 0, from->n, all.values, e));
out:
    free(all.values);
    return e->code;
}

/* This rank's pieces of a weight: rows by turns. */
static int copy_rows(const kc_grid *g, kc_stored *from, kc_stored *to, const char *name,
                     const kc_derivation *how, kc_error *e)
{
    const int64_t cols = from->dims[from->n_dims - 1], rows = cols ? from->n / cols : 0;
    const int64_t most = cols && cols < PIECE ? PIECE / cols : 1;
    float *values = kc_alloc(most * cols, sizeof *values, "values of a tensor");
    for (int64_t i = g->rank * most; i < rows; i += g->size * most) {
        const kc_rows p = {name, i, cols, rows - i < most ? rows - i : most, values};
        KC_TRY(read_piece(from, &p, e));
        if (how->change)
            how->change(&p, how->of);
        KC_TRY(kc_stored_write(to, i * cols, p.rows * cols, values, e));
    }
out:
    free(values);
    return e->code;
}

/* What is rounded of a model that was trained with rounded weights is what they were rounded from, so that
 * the same bits give the same weights; of low-rank updates the masters are what training began with. */
static int open_exact(kc_h5 *f, const kc_derivation *how, char path[PATH], kc_stored *s,
                      kc_error *e)
{
    char exact[PATH + sizeof masters];
    if (!how->packing || how->change || !kc_h5_has(f, masters) || kc_h5_has(f, "/adapters"))
        return KC_OK;
    kc_stored_close(s, e);
    snprintf(exact, sizeof exact, "%s%s", masters, path + sizeof group - 1);
    return kc_stored_open(f, exact, s, e);
}

static int copy_values(const kc_grid *g, kc_h5 *from, kc_h5 *to, int64_t i,
                       const kc_derivation *how, kc_error *e)
{
    char path[PATH];
    kc_stored source = {.n = 0}, copy = {.n = 0};
    KC_TRY(open_member(from, i, path, &source, e));
    KC_TRY(open_exact(from, how, path, &source, e));
    KC_TRY(kc_stored_open(to, path, &copy, e));
    if (!copy.form.packing.bits)
        copy_rows(g, &source, &copy, path + sizeof group, how, e);
    else if (i % g->size == g->rank)
        copy_packed(&source, &copy, path + sizeof group, how, e);
out:
    kc_stored_close(&copy, e);
    kc_stored_close(&source, e);
    return e->code;
}

static int copy_weights(const kc_grid *g, kc_h5 *from, const kc_draft *d, const kc_derivation *how,
                        kc_error *e)
{
    kc_h5 to;
    int64_t n = 0;
    if (kc_h5_open_shared(g, &to, d->h5_partial, e) != KC_OK)
        return e->code;
    if (kc_h5_members(from, group, &n, e) == KC_OK)
        for (int64_t i = 0; i < n && e->code == KC_OK; ++i)
            copy_values(g, from, &to, i, how, e);
    return kc_draft_written(g, d, &to, e);
}

int kc_checkpoint_may_write(const char *out, kc_error *e)
{
    const char *slash = strrchr(out, '/'), *name = slash ? slash + 1 : out;
    const size_t n = strlen(name), most = sizeof(((kc_manifest *)0)->file) - 1;
    if (n < 4 || strcmp(name + n - 3, ".h5") != 0)
        return kc_fail(e, KC_EINPUT, "%s: a checkpoint's name ends in .h5", out);
    if (name[0] == ' ' || strchr(name, '\n'))
        return kc_fail(e, KC_EINPUT, "%s: a checkpoint's name begins with no blank and is one line",
                       out);
    if (n > most || strlen(out) > KC_DRAFT_MOST)
        return kc_fail(e, KC_EINPUT, "%s: too long: at most %zu bytes of a name, %d of a path", out,
                       most, KC_DRAFT_MOST);
    if (kc_file_size(out) >= 0)
        return kc_fail(e, KC_EINPUT, "%s: is there already; remove it or choose another --out",
                       out);
    return KC_OK;
}

/* `strip` and then `bf16` is "strip, bf16". */
static char *chain(const char *before, const char *by)
{
    const int64_t size = (int64_t)(strlen(before) + strlen(by)) + 3;
    char *text = kc_alloc(size, 1, "bytes of text");
    snprintf(text, (size_t)size, "%s%s%s", before, before[0] ? ", " : "", by);
    return text;
}

int kc_checkpoint_derive(const kc_grid *g, const kc_checkpoint_info *from, const char *out,
                         const kc_derivation *how, kc_error *e)
{
    kc_draft draft;
    kc_h5 source = {.id = 0};
    kc_checkpoint_info info = *from;
    char *done = chain(from->stamp.transformed_by, how->by);
    int begun = 0;
    kc_lock *lock = NULL;
    info.stamp.transformed_by = done;
    if (how->quantized) {
        info.stamp.quantized_by = how->quantized->quantized_by;
        info.stamp.quantized_bits = how->quantized->quantized_bits;
        info.stamp.quantized_group = how->quantized->quantized_group;
        info.stamp.quantized_asymmetric = how->quantized->quantized_asymmetric;
        info.stamp.quantized_embeddings = how->quantized->quantized_embeddings;
    }
    KC_TRY_ROOT(g, kc_checkpoint_may_write(out, e));
    kc_draft_names(&draft, out);
    KC_TRY_ROOT(g, kc_lock_file(out, &lock, e));
    KC_TRY_ROOT(g, kc_checkpoint_may_write(out, e)); /* another may have written it meanwhile */
    KC_TRY_ALL(g, kc_h5_open(&source, from->path, e));
    begun = 1;
    KC_TRY_ROOT(g, copy_frames(&draft, &source, info, how, e));
    KC_TRY(copy_weights(g, &source, &draft, how, e));
    KC_TRY(kc_draft_finish(g, &draft, &info, e));
out:
    if (begun && e->code != KC_OK && g->rank == 0)
        kc_draft_take_back(&draft);
    kc_h5_close(&source, e);
    kc_lock_release(lock);
    free(done);
    return e->code;
}
