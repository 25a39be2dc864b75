/* SPDX-License-Identifier: BSD-3-Clause */
#include "data/kind/random.h"

#include <math.h>
#include <string.h>

#include "kcap/base/rng.h"
#include "data/kind/strings.h"

static void describe(const kc_random *r, const kc_people *people, kc_corpus_info *info)
{
    info->L = r->S;
    info->n_attributes = 1;
    strcpy(info->attribute[0].name, "string");
    info->log2_names = (double)r->S * log2((double)r->V);
    info->max_doc_tokens = (int32_t)(1 + r->S);
    info->mean_doc_tokens = info->max_doc_tokens;
    info->lengths_are_equal = 1;
    info->ordered_bits = (double)people->n * info->log2_names;
}

int kc_random_create(const kc_config *cfg, kc_random *r, kc_vocab *vocab, kc_people *people,
                     kc_corpus_info *info, kc_error *e)
{
    r->S = kc_config_settled(cfg).corpus.length;
    r->V = cfg->corpus.vocab;
    *people = (kc_people){.seed = (uint64_t)cfg->run.seed, .n = cfg->corpus.people};
    if ((uint64_t)people->n > kc_strings_count(r->S, r->V))
        return kc_fail(e, KC_EINPUT,
                       "corpus.people: %lld strings, but %lld tokens out of %lld make %llu; lower "
                       "corpus.people or raise corpus.length or corpus.vocab",
                       (long long)people->n, (long long)r->S, (long long)r->V,
                       (unsigned long long)kc_strings_count(r->S, r->V));
    r->word = kc_vocab_numbered(vocab, "r", 0, "", r->V);
    describe(r, people, info);
    return KC_OK;
}

int64_t kc_random_value(const kc_random *r, const kc_people *people, int64_t string, int64_t t)
{
    return (int64_t)kc_rand_below(people->seed, KC_STREAM_RANDOM, (uint64_t)string, (uint32_t)t,
                                  (uint64_t)r->V);
}

void kc_random_document(const kc_random *r, const kc_people *people, int64_t string, kc_doc *doc)
{
    const int32_t n = (int32_t)(1 + r->S);

    doc->tokens[0] = KC_EOS;
    for (int32_t t = 1; t < n; t++)
        doc->tokens[t] = r->word + (int32_t)kc_random_value(r, people, string, t - 1);
    doc->person = string;
    doc->n_tokens = n;
    doc->n_spans = 1;
    doc->spans[0] = (kc_span){string, 0, 1, 2, n};
}
