/* SPDX-License-Identifier: BSD-3-Clause */
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
 *                            say which it is. This is max_bits of the corpus. It
 *                            holds for strings that all differ; where some are alike (some N^2 over
 *                            2 V^S pairs), picking one costs less, and the bound is passed by as
 *                            much.
 * Strings that are never shown come behind the N in the same stream. Of n of them no model stores
 * anything: for any that gives probabilities, the mean of 2^stored is at most 1, so more than t bits
 * are read with probability 2^-t at most.
 *
 * The published figures count against H, and so does `stored` above: the two maxima bound the same
 * number. Their difference, log2 N of S log2 V, is 2 % for 16384 strings of 64 tokens out of
 * 2048. */
#include <math.h>
#include <stdlib.h>

#include "data/kind/kind.h"
#include "kcap/base/rng.h"
#include "kcap/base/memory.h"

enum { HELD_OUT_MOST = 4096 };

typedef struct strings {
    uint64_t seed;
    int64_t N, S, V;
    int32_t word; /* token of the first value, r0 */
} strings;

static const kc_source sources[] = {{NULL, NULL, 0}};

/* Strings are drawn, not dealt out: some will be alike long before all have been seen. More of them
 * than there can be different ones is a slip all the same. */
static int check(const kc_config *settled, const kc_origin *o, kc_error *e)
{
    const kc_corpus_keys *keys = &settled->corpus;
    const double most = pow((double)keys->vocab, (double)keys->length);
    char vocab[KC_SAID_MAX], length[KC_SAID_MAX];

    if ((double)keys->people <= most)
        return kc_kind_numbered(settled, o, e);
    return kc_fail_key(e, o, KC_AT_corpus_people,
                       "%lld strings cannot all differ with %s and %s; at most %.0f, or a larger "
                       "vocab or length, would do",
                       (long long)keys->people, kc_key_said(settled, o, KC_AT_corpus_vocab, vocab),
                       kc_key_said(settled, o, KC_AT_corpus_length, length), most);
}

/* No string is kept: each token is a function of (seed, string, place). */
static void *create(const kc_corpus_keys *keys, uint64_t seed, const kc_files *files,
                    kc_vocab *vocab, const kc_corpus *first, kc_corpus_info *info, kc_error *e)
{
    const double N = (double)keys->people;
    const double log2_string = (double)keys->length * log2((double)keys->vocab);
    strings *r = kc_alloc(1, sizeof *r, "corpus");

    (void)first;
    (void)files;
    (void)e;
    *r = (strings){seed, keys->people, keys->length, keys->vocab,
                   kc_vocab_numbered(vocab, "r", 0, "", keys->vocab)};
    info->n_held_out = r->N < HELD_OUT_MOST ? r->N : HELD_OUT_MOST;
    info->n_attributes = 1;
    info->attribute[0] = (kc_attribute){.name = "string", .log2_pool = log2_string, .counted = 1};
    info->term[KC_READ_NAME] = (kc_term){info->many, N, N, log2_string, log2(N), 0};
    info->max_doc_tokens = (int32_t)(1 + r->S);
    info->mean_doc_tokens = info->max_doc_tokens;
    info->lengths_are_equal = 1;
    return r;
}

/* Value at place t of a string, below V. It depends on the seed, V, string and place alone: neither
 * on N nor on S. */
static int64_t at(const strings *r, int64_t string, int64_t t)
{
    return (int64_t)kc_rand_below(r->seed, KC_STREAM_RANDOM, (uint64_t)string, (uint32_t)t,
                                  (uint64_t)r->V);
}

static int64_t value(const void *made, int64_t string, int32_t attribute)
{
    (void)attribute;
    return at(made, string, 0);
}

static void document(const void *made, int64_t person, int64_t exposure, kc_doc *doc)
{
    const strings *r = made;
    const int64_t string = person + (exposure == KC_HELD_OUT ? r->N : 0);
    const int32_t n = (int32_t)(1 + r->S);

    doc->tokens[0] = KC_EOS;
    for (int32_t t = 1; t < n; t++)
        doc->tokens[t] = r->word + (int32_t)at(r, string, t - 1);
    doc->person = person;
    doc->n_tokens = n;
    doc->n_spans = 1;
    doc->spans[0] = (kc_span){person, 0, 1, 2, n, 0};
}

const kc_kind_ops kc_kind_random = {.sources = sources,
                                    .by_index = 1,
                                    .check = check,
                                    .create = create,
                                    .document = document,
                                    .value = value,
                                    .destroy = free};
