/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/data/corpus.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/corpus_internal.h"
#include "data/room.h"

kc_kind kc_kind_of(const kc_config *cfg)
{
    return (kc_kind)cfg->corpus.kind;
}

/* Names and strings alike: each kind has said how many there can be. */
static void names_describe(kc_corpus_info *info)
{
    const double N = (double)info->n_people;

    info->attribute[0].log2_pool = info->log2_names;
    info->attribute[0].counted = 1;
    info->max_name_bits = N * (info->log2_names - log2(N));
}

int kc_corpus_create(const kc_config *cfg, const kc_files *files, kc_corpus **corpus, kc_error *e)
{
    kc_corpus *c = kc_room(1, sizeof *c);
    kc_corpus_info *info = &c->info;

    *corpus = NULL;
    info->kind = kc_kind_of(cfg);
    info->n_people = cfg->corpus.people;
    info->exposures = cfg->corpus.exposures;
    kc_vocab_add(&c->vocab, "<eos>", 5);
    switch (info->kind) {
    case KC_KIND_BIOS:
        KC_TRY(kc_bios_create(cfg, files, &c->bios, &c->vocab, &c->people, info, e));
        break;
    case KC_KIND_BIOD:
        KC_TRY(kc_biod_create(cfg, files, &c->biod, &c->vocab, &c->people, info, e));
        break;
    case KC_KIND_RANDOM:
        KC_TRY(kc_random_create(cfg, &c->random, &c->vocab, &c->people, info, e));
        break;
    }
    names_describe(info);
    info->n_vocab = c->vocab.n;
    info->max_bits = info->max_name_bits + info->max_value_bits + info->max_diversity_bits;
    *corpus = c;
    return KC_OK;
out:
    kc_corpus_destroy(c);
    return e->code;
}

void kc_corpus_destroy(kc_corpus *corpus)
{
    if (!corpus)
        return;
    kc_vocab_free(&corpus->vocab);
    kc_bios_free(&corpus->bios);
    kc_biod_free(&corpus->biod);
    free(corpus);
}

const kc_corpus_info *kc_corpus_about(const kc_corpus *corpus)
{
    return &corpus->info;
}

void kc_corpus_document(const kc_corpus *corpus, int64_t person, int64_t exposure, kc_doc *doc)
{
    KC_CHECK(person >= 0 && person < corpus->info.n_people, "person %lld of %lld",
             (long long)person, (long long)corpus->info.n_people);
    switch (corpus->info.kind) {
    case KC_KIND_BIOS:
        kc_bios_document(&corpus->bios, &corpus->people, person, exposure, doc);
        break;
    case KC_KIND_BIOD:
        kc_biod_document(&corpus->biod, &corpus->people, person, exposure, doc);
        break;
    case KC_KIND_RANDOM:
        kc_random_document(&corpus->random, &corpus->people, person, doc);
        break;
    }
}

int64_t kc_corpus_value(const kc_corpus *corpus, int64_t person, int32_t attribute)
{
    KC_CHECK(attribute >= 0 && attribute < corpus->info.n_attributes, "attribute %d of %d",
             attribute, corpus->info.n_attributes);
    if (corpus->info.kind == KC_KIND_BIOS)
        return kc_bios_value(&corpus->bios, &corpus->people, person, attribute);
    if (corpus->info.kind == KC_KIND_RANDOM)
        return kc_random_value(&corpus->random, &corpus->people, person, 0);
    if (!attribute)
        return kc_people_name(&corpus->people, person, NULL);
    return kc_biod_value(&corpus->biod, &corpus->people, person, attribute - 1, 0);
}

const char *kc_corpus_word(const kc_corpus *corpus, int32_t token)
{
    return kc_vocab_word(&corpus->vocab, token);
}

char *kc_corpus_words(const kc_corpus *corpus)
{
    const kc_vocab *vocab = &corpus->vocab;
    char *words = kc_room(vocab->bytes + 1, 1);

    memcpy(words, vocab->text, (size_t)vocab->bytes);
    for (int32_t t = 0; t < vocab->n; t++) /* where each word's zero byte is */
        words[vocab->begin[t] + strlen(words + vocab->begin[t])] = '\n';
    return words;
}

int kc_corpus_word_joins(const kc_corpus *corpus, int32_t token)
{
    const char *word = kc_corpus_word(corpus, token);

    return kc_lines_stop(word[0]) && !word[1];
}
