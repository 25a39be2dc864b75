/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_MEASURE_RANK_H
#define KCAP_MEASURE_RANK_H

#include "measure/predict.h"
#include "kcap/measure/spans.h"

/* Reads documents, each alone in its window, and says of each value how likely it is and how many values
 * that its attribute can have are likelier at its place. */
typedef struct kc_ranker kc_ranker;

/* What is said of one value. */
typedef struct kc_told {
    double nats; /* -ln Pr of its tokens, those that tell its end too  */
    double rank; /* 1 and how many values are likelier; NaN: no list of them */
    int32_t attribute;
    int8_t recalled, first; /* each token, the first one, is the most likely one  */
} kc_told;

/* Bytes that kc_ranker_create takes, but for what is small beside a model. */
size_t kc_ranker_bytes(const kc_corpus_info *info, int64_t n_vocab, int threads);

/* predict     called with `predictor`; of texts as long as the longest document, at most
 * ep          ranks that share experts, or NULL
 * stopper     asked before each window; a document is then read without any ranks. May be NULL
 * owns        release with kc_ranker_destroy; corpus, predictor and stopper are borrowed */
kc_ranker *kc_ranker_create(const kc_corpus *corpus, uint64_t seed, kc_predict predict,
                            void *predictor, int threads, const kc_grid *ep,
                            const kc_stopper *stopper);
void kc_ranker_destroy(kc_ranker *r);

/* Values that those of an attribute are ranked among: all different ones, or where they are too many texts
 * a draw of 512 of them; 0: there is no list. */
int64_t kc_ranker_candidates(const kc_ranker *r, int32_t attribute);

/* Read a document; may be called from several threads.
 *   exposure    as kc_corpus_document, or KC_HELD_OUT
 *   ranked      the attribute whose value is ranked, which takes a window for each beginning of a value that
 *               is as likely as the truth; or all or none of them: the other ranks are NaN
 *   told        [n_attributes], in the order of the text
 *   returns     how many */
enum { KC_RANK_ALL = -1, KC_RANK_NONE = -2 };
int32_t kc_ranker_read(kc_ranker *r, int thread, int64_t document, int64_t exposure, int32_t ranked,
                       kc_told *told);

/* Serve experts until nobody who shares them has a window left.
 *   collective  on all ranks of ep */
void kc_ranker_serve(kc_ranker *r);

#endif
