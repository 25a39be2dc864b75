/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_DATA_KIND_RANDOM_H
#define KCAP_DATA_KIND_RANDOM_H

#include "kcap/data/corpus.h"
#include "data/people.h"
#include "data/word/vocab.h"

/* N strings of S tokens, each drawn from V values uniformly and independently of all others, an
 * <eos> before each: what a model stores of them can only be memory. Morris et al.,
 * arXiv 2505.24832. A string is the name of a `person` that has nothing else, so it has
 * one attribute, 0, `string`, and its text is the same at every exposure and in measurement; only
 * the order of the strings is fresh.
 *
 * Bits, with p1 the mean summed loss of a string in nats: stored = N (S log2 V - p1 log2 e), that
 * is H = N S log2 V less the length of the strings in the model's code. It is the name term of bioS
 * and bioD with N0 = V^S. How much can be stored:
 *   H                        the strings in a given order. Only who knows which one comes next pays
 *                            nothing, and no model of documents in random order can know.
 *   N (S log2 V - log2 N)    the set: having learnt all strings, one still pays log2 N for each, to
 *                            say which it is. This is max_name_bits and max_bits of the corpus. It
 *                            holds for strings that all differ; where some are alike (some N^2 over
 *                            2 V^S pairs), picking one costs less, and the bound is passed by as
 *                            much.
 * The published figures count against H, and so does `stored` above: the two maxima bound the same
 * number. Their difference, log2 N of S log2 V, is 2 % for 16384 strings of 64 tokens out of
 * 2048. */
typedef struct kc_random {
    int64_t S, V;
    int32_t word; /* token of the first value, r0 */
} kc_random;

/* Add the words r0, r1, ... to the vocabulary, describe the corpus. Needs no files, and keeps no
 * string: each token is a function of (seed, string, place).
 *   vocab       holds <eos> alone before
 *   people      receives seed and N, enough for kc_people_shuffled; there are no names
 *   info        kind, people and exposures filled in before; the rest is filled in
 *   collective  no; the same on every rank
 *   errors      KC_EINPUT: more strings than V^S */
int kc_random_create(const kc_config *cfg, kc_random *random, kc_vocab *vocab, kc_people *people,
                     kc_corpus_info *info, kc_error *e);

/* Value at place t of a string, below V. It depends on the seed, V, string and place alone: neither
 * on N nor on S.
 *   collective  no; same bits everywhere */
int64_t kc_random_value(const kc_random *random, const kc_people *people, int64_t string,
                        int64_t t);

/* As kc_corpus_document, whatever the exposure. */
void kc_random_document(const kc_random *random, const kc_people *people, int64_t string,
                        kc_doc *doc);

#endif
