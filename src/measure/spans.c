/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/measure/spans.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "kcap/base/memory.h"
#include "kcap/data/batch.h"
#include "measure/rounds.h"

/* At most so many groups, and at least so many people in one: enough to share, few to add. */
enum { GROUPS = 4096, PEOPLE = 128 };

/* Windows at a time: of spread experts one, with the threads inside. */
static int rooms_of(const kc_model *model, int threads)
{
    return model->ep_size > 1 ? 1 : threads;
}

static kc_scorer scorer_of(const kc_model *model, const kc_weights *weights, int threads,
                           kc_arena *a)
{
    const int rooms = rooms_of(model, threads);
    kc_scorer s = {.model = model, .weights = weights, .threads = rooms};
    s.work = kc_arena_take(a, rooms, sizeof *s.work);
    for (int i = 0; i < rooms; ++i) {
        kc_work *work = kc_work_create(model, a, threads / rooms);
        if (work)
            s.work[i] = work;
    }
    return s;
}

size_t kc_scorer_bytes(const kc_model *model, int threads)
{
    kc_arena count = {0};
    scorer_of(model, NULL, threads, &count);
    return count.used;
}

void kc_scorer_create(kc_scorer *s, const kc_model *model, const kc_weights *weights, int threads)
{
    kc_arena arena = {0};
    scorer_of(model, weights, threads, &arena);
    kc_arena_reserve(&arena);
    *s = scorer_of(model, weights, threads, &arena);
    s->arena = arena;
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

void kc_scorer_loads(const kc_grid *g, const kc_scorer *s, double *share)
{
    const int64_t E = s->model->shape.E, n = s->model->shape.l * E;
    if (n == 0)
        return;
    int64_t *sum = kc_alloc(n * (1 + g->size), sizeof *sum, "loads of experts"), *all = sum + n;
    for (int i = 0; i < s->threads; ++i)
        for (int64_t k = 0; k < n; ++k)
            sum[k] += kc_work_load(s->work[i])[k];
    kc_allgather(g, sum, all, (size_t)n * sizeof *all);
    memset(sum, 0, (size_t)n * sizeof *sum);
    for (int64_t k = 0; k < n * g->size; ++k)
        sum[k % n] += all[k];
    for (int64_t k = 0; k < n; ++k) {
        int64_t block = 0;
        for (int64_t e = 0; e < E; ++e)
            block += sum[k / E * E + e];
        share[k] = (double)sum[k] / (double)block;
    }
    free(sum);
}

/* One thread's window and what is predicted of it. */
typedef struct window {
    kc_batch batch;
    kc_doc doc;
    float *nats;
    uint8_t *hit;
} window;

static window window_of(const kc_corpus_info *info, int64_t T, kc_arena *a)
{
    window w = {.batch = {.windows = 1, .context = T}};
    w.batch.tokens = kc_arena_take(a, T, sizeof *w.batch.tokens);
    w.batch.targets = kc_arena_take(a, T, sizeof *w.batch.targets);
    w.batch.spans = kc_arena_take(a, T, sizeof *w.batch.spans);
    w.doc.tokens = kc_arena_take(a, info->max_doc_tokens, sizeof *w.doc.tokens);
    w.doc.spans = kc_arena_take(a, info->n_attributes, sizeof *w.doc.spans);
    w.nats = kc_arena_floats(a, T);
    w.hit = kc_arena_take(a, T, sizeof *w.hit);
    return w;
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
    sums->read[a]++;
    sums->nats[a] += all;
    sums->recall[a] += hits;
    sums->first[a] += hit[span->begin];
    if (a > 0 && info->attribute[a].counted)
        sums->first_chunk_nats += chunk * info->attribute[a].weight;
}

/* People read one after the other. */
typedef struct group {
    const kc_corpus *corpus;
    int64_t exposure, from, end; /* KC_MEASURE or KC_HELD_OUT */
} group;

static kc_span_sums measure_group(const kc_grid *ep, const group *of, window *w, kc_score score,
                                  void *scorer, const kc_stopper *stopper)
{
    const kc_corpus_info *info = kc_corpus_about(of->corpus);
    int64_t from = of->from;
    kc_span_sums sums = {0};
    for (;;) {
        if (kc_wants_to_stop(stopper))
            from = of->end; /* nobody will ask for the sums */
        if (!kc_goes_on(ep, from < of->end))
            return sums;
        if (from >= of->end) {
            score(scorer, 0, NULL, NULL, NULL);
            continue;
        }
        kc_batch_whole(of->corpus, of->exposure, &from, of->end, &w->doc, &w->batch);
        score(scorer, omp_get_thread_num(), &w->batch, w->nats, w->hit);
        for (int32_t i = 0; i < w->batch.n_spans; ++i)
            add_span(&sums, info, &w->batch.spans[i], w->nats, w->hit);
        if (stopper && stopper->read)
            stopper->read(stopper->of, &w->batch, w->nats, w->hit);
    }
}

static void add_sums(kc_span_sums *to, const kc_span_sums *from)
{
    double *left = (double *)to;
    const double *right = (const double *)from;
    for (size_t i = 0; i < sizeof *to / sizeof *left; ++i)
        left[i] += right[i];
}

/* A reading of the corpus: how people are grouped and groups are spread, and its room. */
typedef struct reading {
    int64_t people, groups, here; /* of a group; of all; of a rank, at most */
    window *windows;              /* [threads]                              */
    kc_span_sums *mine, *all;     /* [here], [ranks, here]                  */
} reading;

int64_t kc_measure_group(const kc_corpus_info *info)
{
    const int64_t even = (info->n_people + GROUPS - 1) / GROUPS;
    return even > PEOPLE ? even : PEOPLE;
}

static reading reading_of(const kc_corpus_info *info, int64_t context, int ranks, int threads,
                          kc_arena *a)
{
    reading r = {.people = kc_measure_group(info)};
    r.groups = (info->n_people + r.people - 1) / r.people;
    r.here = (r.groups + ranks - 1) / ranks;
    r.windows = kc_arena_take(a, threads, sizeof *r.windows);
    for (int i = 0; i < threads; ++i) {
        const window w = window_of(info, context, a);
        if (r.windows)
            r.windows[i] = w;
    }
    r.mine = kc_arena_take(a, r.here, sizeof *r.mine);
    r.all = kc_arena_take(a, r.here * ranks, sizeof *r.all);
    return r;
}

/* Group `i` of these people, empty behind the last. */
static group group_of(const reading *r, const group *people, int64_t i)
{
    group of = *people;
    of.from = people->from + i * r->people;
    of.end = of.from + r->people < people->end ? of.from + r->people : people->end;
    return of;
}

size_t kc_measure_spans_bytes(const kc_corpus_info *info, int64_t context, int ranks, int threads)
{
    kc_arena count = {0};
    reading_of(info, context, ranks, threads, &count);
    return count.used;
}

/* What groups are read with. */
typedef struct readers {
    const kc_grid *g;
    const group *people;
    const reading *r;
    kc_score score;
    void *scorer;
    const kc_stopper *stopper;
} readers;

static void read_group(void *readers_, int64_t i)
{
    const readers *by = readers_;
    const reading *r = by->r;
    const group of = group_of(r, by->people, i * by->g->size + by->g->rank);
    r->mine[i] = measure_group(by->g->ep, &of, &r->windows[omp_get_thread_num()], by->score,
                               by->scorer, by->stopper);
}

/* At most all people of the corpus. */
static int read_people(const kc_grid *g, const group *people, int64_t context, kc_score score,
                       void *scorer, int threads, const kc_stopper *stopper, kc_span_sums *sums)
{
    const kc_corpus_info *info = kc_corpus_about(people->corpus);
    kc_arena arena = {0};
    reading_of(info, context, g->size, threads, &arena);
    kc_arena_reserve(&arena);
    const reading r = reading_of(info, context, g->size, threads, &arena);
    readers by = {g, people, &r, score, scorer, stopper};
    const int why = kc_rounds(g, r.here, g->ep ? 1 : threads, stopper, read_group, &by);
    *sums = (kc_span_sums){0};
    if (!why) {
        kc_allgather(g, r.mine, r.all, (size_t)r.here * sizeof *r.mine);
        for (int64_t i = 0; i < r.groups; ++i)
            add_sums(sums, &r.all[i % g->size * r.here + i / g->size]);
    }
    kc_arena_destroy(&arena);
    return why;
}

int kc_measure_spans(const kc_grid *g, const kc_corpus *corpus, int64_t context, kc_score score,
                     void *scorer, int threads, const kc_stopper *stopper, kc_span_sums *sums)
{
    const group people = {corpus, KC_MEASURE, 0, kc_corpus_about(corpus)->n_people};
    return read_people(g, &people, context, score, scorer, threads, stopper, sums);
}

int kc_measure_range(const kc_grid *g, const kc_corpus *corpus, int64_t first, int64_t end,
                     int64_t context, kc_score score, void *scorer, int threads,
                     const kc_stopper *stopper, kc_span_sums *sums)
{
    const group people = {corpus, KC_MEASURE, first, end};
    return read_people(g, &people, context, score, scorer, threads, stopper, sums);
}

int kc_measure_held_out(const kc_grid *g, const kc_corpus *corpus, int64_t context, kc_score score,
                        void *scorer, int threads, const kc_stopper *stopper, kc_span_sums *sums)
{
    const group people = {corpus, KC_HELD_OUT, 0, kc_corpus_about(corpus)->n_held_out};
    return read_people(g, &people, context, score, scorer, threads, stopper, sums);
}
