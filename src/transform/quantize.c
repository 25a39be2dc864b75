/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/transform/quantize.h"

#include <stdio.h>
#include <string.h>

#include "transform/gptq.h"
#include "transform/gptq_solve.h"

const char *kc_quantize_name(int method)
{
    static const char *const names[] = {"rtn", "gptq"};
    return method < (int)(sizeof names / sizeof *names) ? names[method] : NULL;
}

enum { ONCE, LAYER, EXPERT };
#define MATRIX(r, c) 1
#define VECTOR(c)    0
#define TAPS(c)      0

/* Outside the blocks a channel is a row: a word, a position. */
static kc_packing packing_of(const kc_quantize *q, const char *tensor)
{
    static const struct {
        const char *name;
        int scope, is_matrix;
    } rows[] = {
#define ROW(id, word, scope, when, shape, init, help) {#word, scope, shape},
        KC_PARAMS(ROW)
#undef ROW
    };
    int i = 0;
    while (i < KC_P_COUNT - 1 && strcmp(rows[i].name, tensor) != 0)
        ++i;
    if (!rows[i].is_matrix || i == KC_P_router || (rows[i].scope == ONCE && !q->embeddings))
        return (kc_packing){.bits = 0};
    kc_packing p = kc_gptq_packing(q);
    p.by_rows = rows[i].scope == ONCE;
    return p;
}

/* A derivation's `of`. */
typedef struct job {
    const kc_quantize *q;
    const kc_layout *layout;
    const float *w;
} job;

static kc_packing packing(const char *tensor, const void *of)
{
    return packing_of(((const job *)of)->q, tensor);
}

/* A whole tensor, as it lies in the file. */
static void take(const kc_rows *r, const void *of)
{
    const job *j = of;
    const kc_tensor *t = j->layout->tensor;
    while (strcmp(t->name, r->tensor) != 0)
        ++t;
    for (int64_t i = 0; i < kc_tensor_pieces(j->layout, t); ++i) {
        const kc_piece p = kc_tensor_piece(j->layout, t, i);
        const int64_t first = r->first * r->cols, end = first + r->rows * r->cols;
        const int64_t lo = p.global > first ? p.global : first;
        const int64_t hi = p.global + p.n < end ? p.global + p.n : end;
        if (lo < hi)
            memcpy(r->values + (lo - first), j->w + p.flat + (lo - p.global),
                   (size_t)(hi - lo) * sizeof *r->values);
    }
}

static int write(const kc_grid *g, const kc_checkpoint_info *from, const job *j, const char *out,
                 kc_error *e)
{
    const kc_quantize *q = j->q;
    char by[128], groups[48] = "a scale a channel";
    const kc_stamp says = {.quantized_by = kc_quantize_name((int)q->method),
                           .quantized_bits = q->bits,
                           .quantized_group = q->group,
                           .quantized_asymmetric = q->asymmetric,
                           .quantized_embeddings = q->embeddings};
    const kc_derivation how = {
        .by = by, .packing = packing, .change = j->w ? take : NULL, .of = j, .quantized = &says};
    if (q->group)
        snprintf(groups, sizeof groups, "groups of %lld", (long long)q->group);
    snprintf(by, sizeof by, "quantize (%s, %lld bits, %s%s, embeddings %s)", says.quantized_by,
             (long long)q->bits, q->asymmetric ? "asymmetric, " : "", groups,
             q->embeddings ? "too" : "as they were");
    return kc_checkpoint_derive(g, from, out, &how, e);
}

int kc_quantize_round(const kc_grid *g, const kc_checkpoint_info *from, const kc_quantize *q,
                      const char *out, kc_error *e)
{
    return write(g, from, &(job){.q = q}, out, e);
}

/* Embeddings first: what the blocks are calibrated by comes from them. */
static void round_embeddings(const kc_layout *layout, const kc_quantize *q, float *w)
{
    for (int i = 0; i < layout->n; ++i) {
        const kc_tensor *t = &layout->tensor[i];
        const kc_packing p = packing_of(q, t->name);
        const kc_matrices m = {1, t->rows, t->cols};
        if (p.bits && !t->per_layer && t->layers)
            kc_gptq_round(&p, &m, w + t->offset);
    }
}

int kc_quantize_gptq(const kc_subject *x, float *w, const kc_checkpoint_info *from,
                     const kc_quantize *q, const char *out, kc_calibration *found, kc_error *e)
{
    const kc_layout *layout = &x->model->layout;
    KC_CHECK(x->model->ep_size == 1, "experts of %d ranks", x->model->ep_size);
    KC_TRY_ROOT(x->grid, kc_checkpoint_may_write(out, e));
    round_embeddings(layout, q, w);
    KC_TRY(kc_gptq_run(x, w, q, found, e));
    write(x->grid, from, &(job){q, layout, w}, out, e);
out:
    return e->code;
}
