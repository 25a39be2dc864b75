/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_MEASURE_SPANS_H
#define KCAP_MEASURE_SPANS_H

#include "kcap/comm/grid.h"
#include "kcap/data/corpus.h"
#include "kcap/nn/model.h"

/* What predicts the targets of a window: nats[t] = -ln Pr[target t | what stands before it],
 * hit[t] = 1 when it is the most likely token. Called from several threads at a time, `thread`
 * below the number of threads. A model is one (kc_scorer_score); tests put oracles in its place.
 * Where experts are spread over ranks it is called on all of them in step, by one thread, with a
 * window of NULL where this rank has none. */
typedef void (*kc_score)(void *context, int thread, const kc_batch *window, float *nats,
                         uint8_t *hit);

/* A model as a scorer: one room a thread. */
typedef struct kc_scorer {
    const kc_model *model;
    const kc_weights *weights;
    int threads; /* windows at a time; 1 where experts are spread, with the threads inside */
    kc_arena arena;
    kc_work **work; /* [threads] */
} kc_scorer;

/* Bytes that kc_scorer_create takes. */
size_t kc_scorer_bytes(const kc_model *model, int threads);
void kc_scorer_create(kc_scorer *s, const kc_model *model, const kc_weights *weights, int threads);
void kc_scorer_destroy(kc_scorer *s);
void kc_scorer_score(void *scorer, int thread, const kc_batch *window, float *nats, uint8_t *hit);

/* Share of its block's (token, choice) pairs that chose each expert, over all that this scorer has read
 * on all ranks: [l, E], nothing where there are no experts.
 *   collective  on all ranks of g
 *   bits        do not depend on ranks or threads */
void kc_scorer_loads(const kc_grid *g, const kc_scorer *s, double *share);

/* Sums over all people. */
typedef struct kc_span_sums {
    double nats[KC_ATTRIBUTES_MAX];   /* summed loss of the attribute's tokens               */
    double recall[KC_ATTRIBUTES_MAX]; /* people all of whose tokens of it are the likeliest  */
    double first[KC_ATTRIBUTES_MAX];  /* people whose first token of it is                   */
    double read[KC_ATTRIBUTES_MAX];   /* people who have it                                  */
    double
        held_out_nats; /* of the names (random: strings) of who is never shown                  */
    double first_chunk_nats; /* over counted attributes but the name: first chunk's loss x weight */
} kc_span_sums;

/* Bytes that kc_measure_spans takes while it runs on so many ranks. */
size_t kc_measure_spans_bytes(const kc_corpus_info *info, int64_t context, int ranks, int threads);

/* Who watches a reading. */
typedef struct kc_stopper {
    /* Between windows: what this rank wants it broken off for, more than 0, or 0: it does not. Called from
     * several threads at a time; NULL: never. */
    int (*stop)(void *of);
    void *of;

    /* About every second, on one thread: how much of it is through. NULL: nobody wants to know. */
    void (*seen)(void *of, double share);

    /* Each window that this rank has scored, from several threads at a time. NULL: nobody wants them. */
    void (*read)(void *of, const kc_batch *window, const float *nats, const uint8_t *hit);
} kc_stopper;

/* People of a group: group k, of people k x so many and those that follow, is read by rank k modulo the
 * number of ranks. */
int64_t kc_measure_group(const kc_corpus_info *info);

/* Read every person's measurement document once. People are taken in fixed groups of consecutive
 * ones; a group's whole documents are packed into windows of `context` tokens in order; groups
 * are spread over ranks and threads, and their sums added in group order.
 * Ranks ask each other about every second whether one wants to break it off; then all do.
 *   stopper     NULL: it is never broken off
 *   collective  on all ranks
 *   bits        do not depend on ranks or threads
 *   returns     0, or what it was broken off for, the same on all ranks; sums are then not set
 *   errors      aborts when a document does not fit the context, which is checked before */
int kc_measure_spans(const kc_grid *g, const kc_corpus *corpus, int64_t context, kc_score score,
                     void *scorer, int threads, const kc_stopper *stopper, kc_span_sums *sums);

/* The same of people first ... end-1 alone. */
int kc_measure_range(const kc_grid *g, const kc_corpus *corpus, int64_t first, int64_t end,
                     int64_t context, kc_score score, void *scorer, int threads,
                     const kc_stopper *stopper, kc_span_sums *sums);

/* The same of the documents that are held out. */
int kc_measure_held_out(const kc_grid *g, const kc_corpus *corpus, int64_t context, kc_score score,
                        void *scorer, int threads, const kc_stopper *stopper, kc_span_sums *sums);

#endif
