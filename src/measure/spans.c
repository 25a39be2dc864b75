/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/measure/spans.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "kcap/base/arena.h"
#include "kcap/data/batch.h"

/* At most so many groups, and at least so many people in one: enough to share, few to add. */
enum { GROUPS = 4096, PEOPLE = 128 };

/* Windows at a time: of spread experts one, with the threads inside. */
static int rooms_of(const kc_model *model, int threads)
{
    return model->ep_size > 1 ? 1 : threads;
}

size_t kc_scorer_bytes(const kc_model *model, int threads)
{
    threads = rooms_of(model, threads);
    return (size_t)threads * kc_work_bytes(model) + kc_arena_need(threads, sizeof(kc_work *));
}

void kc_scorer_create(kc_scorer *s, const kc_model *model, const kc_weights *weights, int threads)
{
    const int rooms = rooms_of(model, threads);
    *s = (kc_scorer){.model = model, .weights = weights, .threads = rooms};
    kc_arena_create(&s->arena, kc_scorer_bytes(model, threads));
    s->work = kc_arena_take(&s->arena, rooms, sizeof *s->work);
    for (int i = 0; i < rooms; ++i)
        s->work[i] = kc_work_create(model, &s->arena, threads / rooms);
}

void kc_scorer_destroy(kc_scorer *s)
{
    kc_arena_destroy(&s->arena);
    *s = (kc_scorer){0};
}

void kc_scorer_score(void *scorer, int thread, const kc_batch *window, float *nats, uint8_t *hit)
{
    const kc_scorer *s = scorer;
    if (!window) {
        kc_model_serve(s->model, s->weights, s->work[thread], NULL);
        return;
    }
    kc_model_score(s->model, s->weights, window->tokens, window->targets, s->work[thread], nats,
                   hit);
}

int kc_scorer_loads(const kc_grid *g, const kc_scorer *s, double *share, int most)
{
    const int64_t E = s->model->shape.E, n = s->model->shape.l * E;
    const int shown = n < most ? (int)n : most;
    if (n == 0)
        return 0;
    int64_t *sum = calloc((size_t)(n * (1 + g->size)), sizeof *sum), *all = sum + n;
    KC_CHECK(sum, "out of memory for the loads of %lld experts", (long long)n);
    for (int i = 0; i < s->threads; ++i)
        for (int64_t k = 0; k < n; ++k)
            sum[k] += kc_work_load(s->work[i])[k];
    kc_allgather(g, sum, all, (size_t)n * sizeof *all);
    memset(sum, 0, (size_t)n * sizeof *sum);
    for (int64_t k = 0; k < n * g->size; ++k)
        sum[k % n] += all[k];
    for (int k = 0; k < shown; ++k) {
        int64_t block = 0;
        for (int64_t e = 0; e < E; ++e)
            block += sum[k / E * E + e];
        share[k] = (double)sum[k] / (double)block;
    }
    free(sum);
    return shown;
}

/* One thread's window and what is predicted of it. */
typedef struct desk {
    kc_batch batch;
    kc_doc doc;
    float *nats;
    uint8_t *hit;
} desk;

static size_t carve(desk *d, const kc_corpus_info *info, int64_t T, kc_arena *arena)
{
    const struct {
        void **at;
        int64_t n;
        size_t size;
    } rest[] = {{(void **)&d->batch.tokens, T, sizeof(int32_t)},
                {(void **)&d->batch.targets, T, sizeof(int32_t)},
                {(void **)&d->batch.spans, T, sizeof(kc_span)},
                {(void **)&d->doc.tokens, info->max_doc_tokens, sizeof(int32_t)},
                {(void **)&d->doc.spans, info->n_attributes, sizeof(kc_span)},
                {(void **)&d->nats, T, sizeof(float)},
                {(void **)&d->hit, T, sizeof(uint8_t)}};
    size_t bytes = 0;
    for (size_t i = 0; i < sizeof rest / sizeof *rest; ++i) {
        bytes += kc_arena_need(rest[i].n, rest[i].size);
        if (arena)
            *rest[i].at = kc_arena_take(arena, rest[i].n, rest[i].size);
    }
    d->batch.windows = 1;
    d->batch.context = T;
    return bytes;
}

static void add_span(kc_span_sums *sums, const kc_corpus_info *info, const kc_span *span,
                     const float *nats, const uint8_t *hit)
{
    const int a = span->attribute;
    double all = 0, chunk = 0;
    int hits = 1;
    for (int32_t t = span->begin; t < span->end; ++t) {
        all += nats[t];
        hits &= hit[t];
        if (t < span->head_end)
            chunk += nats[t];
    }
    sums->nats[a] += all;
    sums->recall[a] += hits;
    sums->first[a] += hit[span->begin];
    if (a > 0 && info->attribute[a].counted)
        sums->first_chunk_nats += chunk;
}

/* Does this rank, or one that shares experts with it, have a window left? */
static int goes_on(const kc_grid *ep, int mine, int *all)
{
    if (!ep)
        return mine;
    kc_allgather(ep, &mine, all, sizeof mine);
    for (int r = 0; r < ep->size; ++r)
        mine |= all[r];
    return mine;
}

/* `all` [ep size]: room for goes_on. */
static kc_span_sums measure_group(const kc_grid *ep, const kc_corpus *corpus, desk *d, int64_t from,
                                  int64_t end, kc_score score, void *scorer, int *all)
{
    const kc_corpus_info *info = kc_corpus_about(corpus);
    kc_span_sums sums = {0};
    while (goes_on(ep, from < end, all)) {
        if (from >= end) {
            score(scorer, 0, NULL, NULL, NULL);
            continue;
        }
        kc_batch_whole(corpus, &from, end, &d->doc, &d->batch);
        score(scorer, omp_get_thread_num(), &d->batch, d->nats, d->hit);
        for (int32_t i = 0; i < d->batch.n_spans; ++i)
            add_span(&sums, info, &d->batch.spans[i], d->nats, d->hit);
    }
    return sums;
}

static void add_sums(kc_span_sums *to, const kc_span_sums *from)
{
    double *left = (double *)to;
    const double *right = (const double *)from;
    for (size_t i = 0; i < sizeof *to / sizeof *left; ++i)
        left[i] += right[i];
}

/* The groups of a corpus, and how they are spread. */
typedef struct shares {
    int64_t people, groups, here; /* of a group; of all; of a rank, at most */
} shares;

static shares shares_of(int64_t n_people, int ranks)
{
    const int64_t even = (n_people + GROUPS - 1) / GROUPS;
    const int64_t people = even > PEOPLE ? even : PEOPLE;
    const int64_t groups = (n_people + people - 1) / people;
    return (shares){people, groups, (groups + ranks - 1) / ranks};
}

size_t kc_measure_spans_bytes(const kc_corpus_info *info, int64_t context, int ranks, int threads)
{
    const shares s = shares_of(info->n_people, ranks);
    desk count = {0};
    return kc_arena_need(threads, sizeof(desk)) +
           (size_t)threads * carve(&count, info, context, NULL) +
           kc_arena_need(s.here, sizeof(kc_span_sums)) +
           kc_arena_need(s.here * ranks, sizeof(kc_span_sums));
}

void kc_measure_spans(const kc_grid *g, const kc_corpus *corpus, int64_t context, kc_score score,
                      void *scorer, int threads, kc_span_sums *sums)
{
    const kc_corpus_info *info = kc_corpus_about(corpus);
    const shares s = shares_of(info->n_people, g->size);
    const int64_t N = info->n_people, people = s.people, groups = s.groups, here = s.here;
    kc_arena arena;
    kc_arena_create(&arena, kc_measure_spans_bytes(info, context, g->size, threads));
    desk *desks = kc_arena_take(&arena, threads, sizeof *desks);
    for (int i = 0; i < threads; ++i)
        carve(&desks[i], info, context, &arena);
    kc_span_sums *mine = kc_arena_take(&arena, here, sizeof *mine);
    kc_span_sums *all = kc_arena_take(&arena, here * g->size, sizeof *all);
    int *asked = malloc((size_t)kc_grid_ep(g) * sizeof *asked);
    KC_CHECK(asked, "out of memory");
    const int at_once = g->ep ? 1 : threads;
#pragma omp parallel for num_threads(at_once) if (at_once > 1) schedule(dynamic)
    for (int64_t i = 0; i < here; ++i) {
        const int64_t from = (i * g->size + g->rank) * people, end = from + people;
        mine[i] = measure_group(g->ep, corpus, &desks[omp_get_thread_num()], from,
                                end < N ? end : N, score, scorer, asked);
    }
    free(asked);
    kc_allgather(g, mine, all, (size_t)here * sizeof *mine);
    *sums = (kc_span_sums){0};
    for (int64_t i = 0; i < groups; ++i)
        add_sums(sums, &all[i % g->size * here + i / g->size]);
    kc_arena_destroy(&arena);
}
