/* SPDX-License-Identifier: BSD-3-Clause */
/* Memorisation: is each attribute recalled after the text of training, and where does the true value stand
 * among all? Where there are questions that were never asked: is what is recalled so also answered
 * (arXiv 2404.05405, appendix A.2: memorisable and extractable accuracy)? Greedy continuation gives
 * the value exactly where each of its tokens is the most likely one after those before it. */
#include "measure/recall.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "kcap/base/memory.h"
#include "kcap/base/rng.h"
#include "measure/recall_row.h"
#include "measure/rounds.h"

enum { PARTS = 3 }; /* that is measured; the first; of questions */

static void columns(const kc_corpus_info *info, const kc_shape *shape, kc_schema *s)
{
    const int64_t attributes = info->n_attributes;
    const int64_t asked = info->asked_part ? attributes : KC_NO_COLUMN;
    const int64_t pairs = info->asked_part ? 0 : KC_NO_COLUMN; /* one, which stands alone */
    const kc_column all[] = {KC_COLUMNS_EVENT(KC_COLUMN_ROW) KC_LISTS_RECALL(KC_COLUMN_LIST)};
    (void)shape;
    kc_schema_create(s, "/recall", 64, all, sizeof all / sizeof *all);
    const char **labels = kc_schema_label(s, info->n_attributes);
    for (int a = 0; a < info->n_attributes; ++a)
        labels[a] = info->attribute[a].name;
}

static int64_t every(const kc_config *cfg)
{
    return cfg->measure.recall_every;
}

static kc_recall_draw draw_of(const kc_subject *x, int64_t all, int64_t n, int width)
{
    kc_recall_draw d = {.x = x, .all = all, .n = n < all ? n : all, .width = width};
    d.here = (d.n + x->grid->size - 1) / x->grid->size;
    d.mine = kc_alloc(d.here * width, sizeof *d.mine, "recalled values");
    d.told = kc_alloc(d.here * width * x->grid->size, sizeof *d.told, "recalled values");
    for (int64_t i = 0; i < d.here * width; ++i)
        d.mine[i].attribute = -1;
    return d;
}

/* The document that a rank reads as its i-th, or -1. */
static int64_t drawn(const kc_recall_draw *d, int64_t i)
{
    const kc_subject *x = d->x;
    const int64_t at = i * x->grid->size + x->grid->rank;
    return at < d->n ? (int64_t)kc_perm((uint64_t)x->cfg->run.seed, KC_STREAM_RECALL, 0,
                                        (uint64_t)at, (uint64_t)d->all)
                     : -1;
}

static void read_shown(void *draw_, int64_t i)
{
    const kc_recall_draw *d = draw_;
    const int64_t document = drawn(d, i);
    if (document >= 0)
        kc_ranker_read(d->shown, omp_get_thread_num(), document, KC_MEASURE, KC_RANK_ALL,
                       d->mine + i * d->width);
    kc_ranker_serve(d->shown);
}

/* A question that was never asked, and the same fact in the biography. */
static void read_pair(kc_recall_draw *d, int64_t question, kc_told *pair)
{
    const int thread = omp_get_thread_num();
    const kc_corpus *asked =
        kc_corpus_part(d->x->corpus, kc_corpus_about(d->x->corpus)->asked_part - 1);
    const kc_corpus *first = kc_corpus_part(d->x->corpus, 0);
    kc_told said[KC_ATTRIBUTES_MAX];
    const int32_t n = kc_ranker_read(d->asked, thread, question, KC_HELD_OUT, KC_RANK_ALL, said);
    pair[0] = said[n - 1]; /* the answer; the name stands before it */
    const int32_t a = kc_recall_named(kc_corpus_about(first),
                                      kc_corpus_about(asked)->attribute[pair[0].attribute].name);
    const int32_t m = kc_ranker_read(d->shown, thread, kc_corpus_whom(asked, question, KC_HELD_OUT),
                                     KC_MEASURE, KC_RANK_NONE, said);
    for (int32_t i = 0; i < m; ++i)
        if (said[i].attribute == a)
            pair[1] = said[i];
}

static void read_asked(void *draw_, int64_t i)
{
    kc_recall_draw *d = draw_;
    const int64_t question = drawn(d, i);
    if (question >= 0)
        read_pair(d, question, d->mine + i * d->width);
    kc_ranker_serve(d->shown);
}

/* Read all, of one window after the other where experts are spread; told [j, width] is of document j. */
static int read_all(kc_recall_draw *d, int threads, void (*one)(void *, int64_t))
{
    const kc_grid *g = d->x->grid;
    const int64_t bytes = d->width * (int64_t)sizeof *d->mine;
    const int why = kc_rounds(g, d->here, g->ep ? 1 : threads, &d->x->stopper, one, d);
    kc_told *all = kc_alloc(d->here * g->size, (size_t)bytes, "recalled values");
    kc_allgather(g, d->mine, all, (size_t)(d->here * bytes));
    for (int64_t j = 0; j < d->here * g->size; ++j)
        memcpy(d->told + j * d->width, all + (j % g->size * d->here + j / g->size) * d->width,
               (size_t)bytes);
    free(all);
    return why;
}

static void draw_free(kc_recall_draw *d)
{
    free(d->mine);
    free(d->told);
}

static int recall_shown(const kc_subject *x, kc_ranker *ranker, int threads, int64_t people,
                        const kc_recall_lists *to)
{
    const kc_corpus_info *info = kc_corpus_about(x->corpus);
    kc_recall_draw d = draw_of(x, info->n_people, people * info->of_one, info->n_attributes);
    d.shown = ranker;
    const int why = read_all(&d, threads, read_shown);
    if (!why)
        kc_recall_fill_shown(&d, to);
    draw_free(&d);
    return why;
}

static int recall_asked(const kc_subject *x, kc_ranker *first, kc_ranker *asked, int threads,
                        int64_t people, const kc_recall_lists *to)
{
    const kc_corpus_info *info =
        kc_corpus_about(kc_corpus_part(x->corpus, kc_corpus_about(x->corpus)->asked_part - 1));
    kc_recall_draw d = draw_of(x, info->n_held_out, people * info->of_one, 2);
    d.shown = first;
    d.asked = asked;
    const int why = read_all(&d, threads, read_asked);
    if (!why)
        kc_recall_fill_asked(&d, to);
    draw_free(&d);
    return why;
}

/* The part of questions, or NULL: there is none, or documents are longer than windows. */
static const kc_corpus *asked_of(const kc_subject *x)
{
    const int number = kc_corpus_about(x->corpus)->asked_part;
    const kc_corpus *first = kc_corpus_part(x->corpus, 0);
    const kc_corpus *asked = number ? kc_corpus_part(x->corpus, number - 1) : NULL;
    const int64_t T = x->model->shape.T;
    return asked && kc_corpus_about(first)->max_doc_tokens <= T &&
                   kc_corpus_about(asked)->max_doc_tokens <= T
               ? asked
               : NULL;
}

int kc_recall(const kc_subject *x, kc_predict predict, void *predictor, int threads, int64_t people,
              const kc_schema *schema, void *row)
{
    const kc_recall_lists to = kc_recall_lists_of(schema, row);
    const kc_corpus *part[PARTS] = {x->corpus, kc_corpus_part(x->corpus, 0), asked_of(x)};
    kc_ranker *of[PARTS] = {0};
    for (int i = 0; i < (part[2] ? PARTS : 1); ++i)
        of[i] = i == 1 && part[1] == part[0]
                    ? of[0]
                    : kc_ranker_create(part[i], (uint64_t)x->cfg->run.seed, predict, predictor,
                                       threads, x->grid->ep, &x->stopper);
    int why = recall_shown(x, of[0], threads, people, &to);
    if (!why && part[2])
        why = recall_asked(x, of[1], of[2], threads, people, &to);
    for (int i = PARTS - 1; i >= 0; --i)
        if (of[i] && (i != 1 || of[1] != of[0]))
            kc_ranker_destroy(of[i]);
    return why;
}

/* Of parts whose documents are not longer than the longest of any. */
static size_t bytes(const kc_config *cfg, const kc_corpus_info *info, const kc_model *model,
                    int ranks, int threads)
{
    const size_t rooms =
        (size_t)(info->asked_part ? PARTS : 1) * kc_ranker_bytes(info, model->shape.V, threads);
    size_t all = kc_predictor_bytes(model, info->room_tokens, threads);
    (void)cfg;
    (void)ranks;
    return __builtin_add_overflow(all, rooms, &all) ? SIZE_MAX : all;
}

static int take(const kc_subject *x, const kc_schema *schema, void *row)
{
    const kc_corpus_info *info = kc_corpus_about(x->corpus);
    kc_predictor p;
    kc_predictor_create(&p, x->model, x->weights, info->room_tokens, x->threads);
    const int why = kc_recall(x, kc_predictor_predict, &p, p.threads, x->cfg->measure.recall_people,
                              schema, row);
    kc_predictor_destroy(&p);
    return why;
}

const kc_measure kc_measure_recall = {columns, every, bytes, take};
