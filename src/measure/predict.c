/* SPDX-License-Identifier: BSD-3-Clause */
#include "measure/predict.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kcap/base/err.h"
#include "kcap/base/memory.h"
#include "kcap/math/ops.h"
#include "kcap/measure/subject.h"

static kc_predictor predictor_of(const kc_model *model, const kc_weights *weights, int64_t T,
                                 int threads, kc_arena *a)
{
    const int rooms = model->ep_size > 1 ? 1 : threads;
    kc_predictor p = {.model = kc_model_short(model, T), .weights = weights, .threads = rooms};
    p.work = kc_arena_take(a, rooms, sizeof *p.work);
    p.window = kc_arena_take(a, rooms, sizeof *p.window);
    p.length = kc_arena_take(a, rooms, sizeof *p.length);
    for (int i = 0; i < rooms; ++i) {
        kc_work *work = kc_work_create(&p.model, a, threads / rooms);
        int32_t *window = kc_arena_take(a, p.model.shape.T, sizeof *window);
        if (work) {
            p.work[i] = work;
            p.window[i] = window;
            p.length[i] = 0;
        }
    }
    return p;
}

size_t kc_predictor_bytes(const kc_model *model, int64_t T, int threads)
{
    kc_arena count = {0};
    predictor_of(model, NULL, T, threads, &count);
    return count.used;
}

void kc_predictor_create(kc_predictor *p, const kc_model *model, const kc_weights *weights,
                         int64_t T, int threads)
{
    kc_arena arena = {0};
    predictor_of(model, weights, T, threads, &arena);
    kc_arena_reserve(&arena);
    *p = predictor_of(model, weights, T, threads, &arena);
    p->arena = arena;
}

void kc_predictor_destroy(kc_predictor *p)
{
    kc_arena_destroy(&p->arena);
    *p = (kc_predictor){.threads = 0};
}

/* Tokens that both begin with, at most n. */
static int64_t alike(const int32_t *a, const int32_t *b, int64_t n)
{
    int64_t i = 0;
    while (i < n && a[i] == b[i])
        ++i;
    return i;
}

void kc_predictor_predict(void *predictor, int thread, const int32_t *tokens, int64_t first,
                          int64_t n, float *logits)
{
    const kc_predictor *p = predictor;
    const int64_t T = p->model.shape.T, end = first + n;
    if (!tokens) {
        kc_model_serve(&p->model, p->weights, p->work[thread], NULL);
        return;
    }
    KC_CHECK(first >= 0 && n > 0 && end <= T, "tokens %lld to %lld of windows of %lld",
             (long long)first, (long long)end, (long long)T);
    const int64_t last = p->length[thread] < end ? p->length[thread] : end - 1;
    if (kc_model_keeps(&p->model, end))
        kc_work_keep(p->work[thread], alike(p->window[thread], tokens, last));
    memcpy(p->window[thread], tokens, (size_t)end * sizeof *tokens);
    p->length[thread] = end;
    kc_model_predict(&p->model, p->weights, tokens, first, n, p->work[thread], logits);
}

double kc_log_sum(const float *logits, int64_t V, float *scratch)
{
    const float max = kc_max_row(logits, V);
    return (double)max + log((double)kc_exp_row(scratch, logits, V, max, 1));
}

int kc_subject_check(const kc_subject *x, kc_error *e)
{
    const kc_corpus_info *info = kc_corpus_about(x->corpus);
    const int64_t V = x->model->shape.V, T = x->model->shape.T;
    kc_doc doc = {.tokens = kc_alloc(info->room_tokens + 1, sizeof *doc.tokens, "tokens"),
                  .spans = kc_alloc(info->room_spans, sizeof *doc.spans, "spans")};
    kc_predictor p;
    kc_corpus_document(x->corpus, 0, KC_MEASURE, &doc);
    const int64_t n = doc.n_tokens < T ? doc.n_tokens : T;
    float *logits = kc_alloc(n * V, sizeof *logits, "logits");
    kc_predictor_create(&p, x->model, x->weights, n, x->threads);
    kc_predictor_predict(&p, 0, doc.tokens, 0, n, logits);
    for (int64_t i = 0; i < n * V && !e->code; ++i)
        if (!isfinite(logits[i]))
            kc_fail(e, KC_ENUMERIC,
                    "the first document's logits are not finite at its token %lld: these weights "
                    "are too large for single precision, so nothing can be measured",
                    (long long)(i / V));
    kc_predictor_destroy(&p);
    free(logits);
    free(doc.tokens);
    free(doc.spans);
    return e->code;
}
