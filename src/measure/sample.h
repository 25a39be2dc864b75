/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_MEASURE_SAMPLE_H
#define KCAP_MEASURE_SAMPLE_H

#include "kcap/data/corpus.h"

/* What a probe reads: a text of each of some people, alone in a window, places in it, and what is asked of
 * the hidden states there: of each attribute its first token, task a, and its whole value, task
 * `attributes` + a, where a = 0 is attribute 1 of the corpus. A task's classes are what occurs among the people
 * that it is learnt from; what the others have besides is never right. Where there are fewer than
 * four of them to a class nothing is asked. */
typedef struct kc_sample {
    int64_t n, learners; /* people; the first are learnt from, the rest are held out */
    int64_t T;           /* tokens of a window                                       */
    int positions, attributes, tasks;
    int32_t *tokens;   /* [n, T]: up to the last place that is read, <eos> behind the text */
    int32_t *at;       /* [n, positions]: the token whose state is read; -1: there is none */
    int32_t *classes;  /* [tasks]; 0: not asked                                       */
    int32_t *label;    /* [tasks, n]: class; -1: the person has no such value         */
    int32_t *shuffled; /* [tasks, n]: the control, labels of others                   */
    double *chance;    /* [tasks]: share of the held out in the commonest class, NaN: not asked */
    double *told;      /* [positions, attributes]: share of texts that said it before */
} kc_sample;

typedef enum kc_sampled {
    KC_SAMPLE_TEXT, /* the text that measurement reads. Positions: the name's last token, then the token
                     * before each value, in the order of the text                  */
    KC_SAMPLE_NAME /* <eos> name <eos>. One position: the last token              */
} kc_sampled;

/* Draw `people` people (at most all of the corpus) by the key `seed`: a quarter are held out.
 *   collective  no; the same bits everywhere
 *   owns        release with kc_sample_free */
void kc_sample_draw(kc_sample *s, const kc_corpus *corpus, uint64_t seed, int64_t people,
                    kc_sampled what);
void kc_sample_free(kc_sample *s);

/* Bytes that it takes, at most. */
size_t kc_sample_bytes(const kc_corpus_info *info, int64_t people);

#endif
