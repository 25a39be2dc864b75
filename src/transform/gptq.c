/* SPDX-License-Identifier: BSD-3-Clause */
#include "transform/gptq.h"

#include <stdlib.h>
#include <string.h>

#include "kcap/base/memory.h"
#include "kcap/data/batch.h"
#include "kcap/math/gemm.h"
#include "transform/gptq_solve.h"

/* Rows of a Hessian that are computed at a time, by one rank; windows of each that are exchanged at a
 * time. */
enum { ROWS = 64, AT_ONCE = 16 };

/* The calibration set, and how far it has come through the model on this rank. */
typedef struct run {
    const kc_subject *x;
    kc_arena arena;
    kc_work *work;
    int64_t windows;  /* of all ranks; window k is worked on by rank k modulo their number */
    int32_t *tokens;  /* [windows, T]                              */
    int64_t *counted; /* [windows]: rows that are not padding      */
    float *at;        /* [this rank's, T, d]: before the next block */
    kc_mat next;      /* [T, d]                                    */
} run;

/* Documents of people first ... into windows, as many as it takes; a window's tokens where there is room. */
static int64_t cut(const run *r, int64_t documents)
{
    const kc_corpus *corpus = r->x->corpus;
    const kc_corpus_info *info = kc_corpus_about(corpus);
    const int64_t T = r->x->model->shape.T;
    kc_batch b = {.windows = 1, .context = T};
    kc_doc doc = {.tokens = kc_alloc(info->max_doc_tokens, sizeof *doc.tokens, "a document"),
                  .spans = kc_alloc(info->n_attributes, sizeof *doc.spans, "its spans")};
    b.tokens = kc_alloc(2 * T, sizeof *b.tokens, "a window");
    b.targets = b.tokens + T;
    b.spans = kc_alloc(T, sizeof *b.spans, "its spans");
    int64_t n = 0;
    for (int64_t person = 0; person < documents; ++n) {
        kc_batch_whole(corpus, KC_MEASURE, &person, documents, &doc, &b);
        if (!r->tokens)
            continue;
        memcpy(r->tokens + n * T, b.tokens, (size_t)T * sizeof *b.tokens);
        r->counted[n] = b.counted;
    }
    free(b.spans);
    free(b.tokens);
    free(doc.spans);
    free(doc.tokens);
    return n;
}

/* Windows of this rank. */
static int64_t mine_of(const run *r)
{
    const kc_grid *g = r->x->grid;
    return r->windows > g->rank ? (r->windows - g->rank - 1) / g->size + 1 : 0;
}

static kc_mat place_of(const run *r, int64_t window)
{
    const kc_shape *s = &r->x->model->shape;
    return kc_mat_of(r->at + window / r->x->grid->size * s->T * s->d, s->T, s->d);
}

static void begin(run *r, const kc_subject *x, int64_t documents)
{
    const kc_shape *s = &x->model->shape;
    kc_arena count = {0};
    *r = (run){.x = x};
    r->windows = cut(r, documents);
    r->tokens = kc_alloc(r->windows * s->T, sizeof *r->tokens, "documents");
    r->counted = kc_alloc(r->windows, sizeof *r->counted, "windows");
    cut(r, documents);
    r->at = kc_alloc(mine_of(r) * s->T * s->d, sizeof *r->at, "activations");
    r->next = kc_mat_of(kc_alloc(s->T * s->d, sizeof(float), "activations"), s->T, s->d);
    kc_work_create(x->model, &count, x->threads);
    r->arena = count;
    kc_arena_reserve(&r->arena);
    r->work = kc_work_create(x->model, &r->arena, x->threads);
    for (int64_t k = x->grid->rank; k < r->windows; k += x->grid->size) {
        const kc_mat embedded = kc_model_embed(x->weights, r->tokens + k * s->T, r->work);
        memcpy(place_of(r, k).p, embedded.p, (size_t)(s->T * s->d) * sizeof *embedded.p);
    }
}

static void end(run *r)
{
    kc_arena_destroy(&r->arena);
    free(r->next.p);
    free(r->at);
    free(r->counted);
    free(r->tokens);
}

/* What the matrix is multiplied with in window k of this rank, a row a token; zeros in its padding, and for
 * tokens that do not come to the expert. */
static void inputs_of(const run *r, kc_where matrix, int64_t k, kc_mat to)
{
    const kc_model *model = r->x->model;
    kc_model_block(model, r->x->weights, matrix.layer, r->work, place_of(r, k), r->next);
    memset(to.p, 0, (size_t)(to.rows * to.cols) * sizeof *to.p);
    for (int64_t t = 0; t < r->counted[k]; ++t) {
        const float *from = kc_work_input(model, r->work, matrix, t);
        if (from)
            memcpy(to.p + t * to.cols, from, (size_t)to.cols * sizeof *to.p);
    }
}

/* This rank's rows of H += x^T x of one window, in blocks of fixed size. */
static void add_window(const run *r, kc_mat x, double *H, float *product)
{
    const kc_grid *g = r->x->grid;
    for (int64_t first = g->rank * (int64_t)ROWS; first < x.cols;
         first += g->size * (int64_t)ROWS) {
        const int64_t rows = x.cols - first < ROWS ? x.cols - first : ROWS;
        const kc_mat left = {x.p + first, x.rows, rows, x.ld};
        kc_gemm_t(kc_mat_of(product, rows, x.cols), left, x, 0, r->x->threads);
        for (int64_t i = 0; i < rows * x.cols; ++i)
            H[first * x.cols + i] += (double)product[i];
    }
}

/* Every rank's rows to all. */
static void share_rows(const kc_grid *g, int64_t n, double *H)
{
    double *all = kc_alloc(g->size * ROWS * n, sizeof *all, "rows of a Hessian");
    double *mine = kc_alloc(ROWS * n, sizeof *mine, "rows of a Hessian");
    for (int64_t first = 0; first < n; first += g->size * (int64_t)ROWS) {
        const int64_t own = first + g->rank * (int64_t)ROWS, left = n - own;
        if (left > 0)
            memcpy(mine, H + own * n, (size_t)((left < ROWS ? left : ROWS) * n) * sizeof *H);
        kc_allgather(g, mine, all, (size_t)(ROWS * n) * sizeof *mine);
        const int64_t rows = n - first < g->size * ROWS ? n - first : g->size * (int64_t)ROWS;
        memcpy(H + first * n, all, (size_t)(rows * n) * sizeof *H);
    }
    free(mine);
    free(all);
}

/* H [n, n] = x^T x of what a matrix is multiplied with: each rank's windows of a round to all, who add
 * their own rows, window after window. */
static void measure(const run *r, kc_where matrix, double *H, int64_t n)
{
    const kc_grid *g = r->x->grid;
    const int64_t size = r->x->model->shape.T * n, round = g->size * (int64_t)AT_ONCE;
    float *mine = kc_alloc(AT_ONCE * size, sizeof *mine, "inputs");
    float *all = kc_alloc(round * size, sizeof *all, "inputs of all ranks");
    float *product = kc_alloc(ROWS * n, sizeof *product, "rows of a Hessian");
    memset(H, 0, (size_t)(n * n) * sizeof *H);
    for (int64_t first = 0; first < r->windows; first += round) {
        for (int64_t k = first + g->rank; k < r->windows && k < first + round; k += g->size)
            inputs_of(r, matrix, k, kc_mat_of(mine + (k - first) / g->size * size, size / n, n));
        kc_allgather(g, mine, all, (size_t)(AT_ONCE * size) * sizeof *mine);
        for (int64_t k = 0; k < round && first + k < r->windows; ++k) {
            const int64_t at = k % g->size * AT_ONCE + k / g->size;
            add_window(r, kc_mat_of(all + at * size, size / n, n), H, product);
        }
    }
    share_rows(g, n, H);
    free(product);
    free(all);
    free(mine);
}

/* One matrix. An expert that no token came to is rounded: nothing is known of its inputs. */
static int quantise(const run *r, kc_mat w, const kc_quantize *q, kc_where matrix,
                    kc_gptq_sums *sums, kc_error *e)
{
    const kc_packing p = kc_gptq_packing(q);
    double *H = kc_alloc(w.rows * w.rows, sizeof *H, "a Hessian");
    double trace = 0;
    measure(r, matrix, H, w.rows);
    for (int64_t i = 0; i < w.rows; ++i)
        trace += H[i * w.rows + i];
    if (trace > 0 || !r->x->model->layout.tensor[matrix.tensor].of_expert)
        kc_gptq_solve(r->x->grid, q, w, H, r->x->threads, sums, e);
    else
        kc_gptq_round(&p, &(kc_matrices){1, w.rows, w.cols}, w.p);
    free(H);
    return e->code;
}

/* A block's matrices in the order in which they are multiplied with. */
static int quantise_block(const run *r, float *w, const kc_quantize *q, int64_t layer,
                          kc_gptq_sums *sums, kc_error *e)
{
    static const int matrices[] = {KC_P_attn_qkv, KC_P_attn_out, KC_P_mlp_up,
                                   KC_P_mlp_down, KC_P_exp_up,   KC_P_exp_down};
    const kc_layout *layout = &r->x->model->layout;
    for (size_t i = 0; i < sizeof matrices / sizeof *matrices; ++i) {
        const kc_tensor *t = &layout->tensor[matrices[i]];
        const int64_t experts = t->of_expert ? layout->experts : 1;
        for (int64_t expert = 0; t->layers && expert < experts; ++expert) {
            const kc_piece own = kc_tensor_piece(layout, t, expert * t->layers + layer);
            KC_TRY(quantise(r, kc_mat_of(w + own.flat, t->rows, t->cols), q,
                            (kc_where){matrices[i], layer, expert}, sums, e));
        }
    }
out:
    return e->code;
}

int kc_gptq_run(const kc_subject *x, float *w, const kc_quantize *q, kc_calibration *found,
                kc_error *e)
{
    const int64_t people = kc_corpus_about(x->corpus)->n_people;
    kc_gptq_sums sums = {0};
    run r;
    *found = (kc_calibration){.documents = q->documents < people ? q->documents : people};
    begin(&r, x, found->documents);
    for (int64_t k = 0; k < r.windows; ++k)
        found->tokens += r.counted[k];
    for (int64_t layer = 0; layer < x->model->shape.l; ++layer) {
        KC_TRY(quantise_block(&r, w, q, layer, &sums, e));
        for (int64_t k = x->grid->rank; k < r.windows; k += x->grid->size)
            kc_model_block(x->model, x->weights, layer, r.work, place_of(&r, k), place_of(&r, k));
    }
    found->error = sums.error / sums.output;
    found->rounding_error = sums.rounding / sums.output;
out:
    end(&r);
    return e->code;
}
