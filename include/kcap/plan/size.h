/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_PLAN_SIZE_H
#define KCAP_PLAN_SIZE_H

#include <stdint.h>

#include "kcap/base/err.h"
#include "kcap/data/corpus.h"

/* From bits to models and back, by a capacity law. Nothing here is collective. */

enum { KC_LAWS_MAX = 32, KC_SIZE_GRIDS = 3 };

/* Ranks of the grids that a choice's memory is forecast for. */
extern const int kc_size_ranks[KC_SIZE_GRIDS];

/* Bits a parameter that a model keeps after so many exposures of each fact. */
typedef struct kc_law {
    char source[300]; /* where it is from */
    int n;
    double exposures[KC_LAWS_MAX], bits_per_param[KC_LAWS_MAX];
} kc_law;

/* arXiv 2404.05405, results 1 and 4: 2 bits a parameter after 1000 exposures, 1 after 100. */
void kc_law_published(kc_law *law);

/* What is to be stored. */
typedef struct kc_load {
    double bits;            /* of all facts, more than 0         */
    double exposure_tokens; /* of one exposure of all of them    */
    int64_t n_vocab;
    const kc_corpus *corpus; /* that they are; NULL: not there */
} kc_load;

/* Tokens of a vocabulary that suits a model for so many bits at the law's most bits a parameter: a power
 * of two from 512 to 2048, so that the embedding is about a quarter of it. */
int64_t kc_size_vocab(double bits, const kc_law *law);

/* One answer: a model, and what it takes to train it. */
typedef struct kc_size {
    double exposures, bits_per_param, wanted; /* wanted: parameters that the law asks for */
    double tokens, flops;
    kc_model_keys model;
    int64_t n_params;
    double peak_bytes[KC_SIZE_GRIDS]; /* memory of a rank */
} kc_size;

/* The smallest sensible model that holds the load after law->exposures[i] exposures: about as many layers
 * as heads, at least 2 layers and a width of 16, more layers only with 16 floats of width for each; heads of
 * 64 floats or narrower where those are too coarse. Where the vocabulary is large for the load the
 * embedding alone can be more than is needed.
 *   like        all keys but layers, heads and head_dim; width, mlp_width and kv_heads, where they are
 *               not 0, keep their proportions. Memory is forecast for 256 lanes of one window
 *   errors      KC_EINPUT: more parameters are needed than 200 layers of
 *               256 heads have; as kc_plan_make */
int kc_size_choose(const kc_load *load, const kc_config *like, const kc_law *law, int i,
                   kc_size *size, kc_error *e);

#endif
