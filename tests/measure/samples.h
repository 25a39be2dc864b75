/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_TESTS_MEASURE_SAMPLES_H
#define KCAP_TESTS_MEASURE_SAMPLES_H

#include "../data/corpora.h"

#include "measure/sample.h"

/* bioD of values of one chunk, every attribute of `diversity` strings of `length` tokens. */
static inline kc_config strings_of(int64_t people, int64_t attributes, int64_t diversity,
                                   int64_t length, int64_t alphabet)
{
    kc_config cfg = config_of(KC_corpus_kind_biod, people);
    cfg.corpus.attributes = attributes;
    cfg.corpus.chunks = 1;
    cfg.corpus.diversity = diversity;
    cfg.corpus.length = length;
    cfg.corpus.alphabet = alphabet;
    cfg.corpus.first_names = cfg.corpus.middle_names = cfg.corpus.last_names = 9;
    return cfg;
}

static inline void sample_end(void *s)
{
    kc_sample_free(s);
    free(s);
}

static inline kc_sample *sample_of(const kc_corpus *corpus, uint64_t seed, int64_t people,
                                   kc_sampled what)
{
    kc_sample *s = kc_test_owns(kc_alloc(1, sizeof *s, "samples"), sample_end);
    kc_sample_draw(s, corpus, seed, people, what);
    return s;
}

#endif
