/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/data/corpus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/corpus_internal.h"
#include "data/mix.h"
#include "data/word/tokens.h"
#include "kcap/base/memory.h"

int kc_corpus_check(const kc_config *cfg, const kc_origin *o, kc_error *e)
{
    const kc_config settled = kc_config_settled(cfg);

    KC_TRY(kc_vocabulary_keys(cfg, o, e));
    for (int part = 0; part < cfg->parts; part++) {
        const kc_config one = kc_config_of_part(&settled, part);
        const kc_origin from = o ? kc_origin_of_part(o, part) : (kc_origin){.path = NULL};

        KC_TRY(kc_kind_of(one.corpus.kind)->check(&one, o ? &from : NULL, e));
        KC_TRY(kc_lead_check(&one, o ? &from : NULL, e));
        KC_TRY(kc_mix_check(&settled, part, o, e));
        KC_TRY(kc_skew_check(&settled, part, o, e));
    }
out:
    return e->code;
}

/* What the keys and the kind's row say. */
static kc_corpus_info described(const kc_config *cfg)
{
#define KC_SAYS(key, word, one_, many_, help, length, bits, words)                                 \
    {.kind = #word, .one = one_, .many = many_, .law = words, .law_bits_per_param = bits},
    static const kc_corpus_info rows[] = {KC_KINDS(KC_SAYS, )};
    kc_corpus_info info = rows[cfg->corpus.kind];

    info.n_people = kc_config_settled(cfg).corpus.people;
    info.exposures = cfg->corpus.exposures;
    info.of_one = 1;
    info.share = cfg->corpus.share;
    info.windows_are_single = cfg->corpus.windows == KC_corpus_windows_single;
    return info;
}

/* Bits of the whole from those of its terms; what a kind left out of its attributes. */
static void add_terms(kc_corpus_info *info)
{
    size_t n = 0;

    for (kc_attribute *a = info->attribute; a < info->attribute + info->n_attributes; a++) {
        a->share = a->share > 0 ? a->share : 1;
        a->weight = a->weight > 0 ? a->weight : 1;
    }
    for (kc_term *t = info->term; t < info->term + KC_N_READS; t++)
        t->max_bits = t->items * (t->log2_size - t->log2_left);
    for (int r = 0; r < KC_N_READS; r++) {
        const kc_term *t = &info->term[r];

        info->max_bits += t->max_bits;
        info->ordered_bits += t->items * t->log2_size;
        n += (size_t)snprintf(info->terms + n, sizeof info->terms - n, "%s%s", r ? " " : "",
                              t->name ? t->name : "-");
    }
}

/* The room that documents of all parts take, and what is common to all. */
static void join_parts(kc_corpus *corpus)
{
    kc_corpus_info *whole = &corpus->info;

    for (int i = 0; i < corpus->n_parts; i++) {
        const kc_corpus_info *info = &corpus->part[i]->info;

        if (info->max_doc_tokens > whole->room_tokens)
            whole->room_tokens = info->max_doc_tokens;
        if (!whole->asked_part && info->n_held_out && corpus->part[i]->kind->whom)
            whole->asked_part = i + 1;
        if (info->n_attributes > whole->room_spans)
            whole->room_spans = info->n_attributes;
    }
    for (int i = 0; i < corpus->n_parts; i++) {
        kc_corpus_info *info = &corpus->part[i]->info;

        info->n_vocab = corpus->vocab->n;
        info->token_word = corpus->vocab->split == KC_SPLIT_WORDS ? "words" : "tokens";
        info->n_parts = corpus->n_parts;
        info->asked_part = whole->asked_part;
        info->room_tokens = whole->room_tokens;
        info->room_spans = whole->room_spans;
    }
}

/* `cfg` is of this part alone. Its people are those from `corpus->first` on. */
static int part_create(const kc_config *cfg, int part, const kc_files *files, kc_corpus *corpus,
                       kc_error *e)
{
    kc_files *own = kc_alloc(1, sizeof *own, "files");
    kc_corpus_info *info = &corpus->info;

    *info = described(cfg);
    info->part = part;
    if (!corpus->paces)
        info->exposures = KC_NO_END;
    corpus->seed = (uint64_t)cfg->run.seed;
    corpus->kind = kc_kind_of(cfg->corpus.kind);
    kc_files_of_part(files, part, own);
    corpus->made = corpus->kind->create(&cfg->corpus, corpus->seed, own, corpus->vocab,
                                        part ? corpus->whole : NULL, info, e);
    KC_TRY(e->code);
    KC_TRY(kc_mix_names(corpus, part, e));
    kc_lead_create(cfg->corpus.tag, corpus->vocab, &corpus->lead);
    info->max_doc_tokens += corpus->lead.n;
    info->mean_doc_tokens += corpus->lead.n;
    add_terms(info);
    if (corpus->paces)
        kc_skew_create(&cfg->corpus, info, &corpus->skew);
out:
    free(own);
    return e->code;
}

int kc_corpus_create(const kc_config *cfg, const kc_files *files, kc_corpus **corpus, kc_error *e)
{
    const kc_split split = cfg->vocab.kind == KC_vocab_kind_words ? KC_SPLIT_WORDS : KC_SPLIT_PAIRS;

    return kc_corpus_make(cfg, files, split, corpus, e);
}

int kc_corpus_make(const kc_config *cfg, const kc_files *files, kc_split split, kc_corpus **corpus,
                   kc_error *e)
{
    const kc_config settled = kc_config_settled(cfg);
    kc_corpus *c = NULL;
    int64_t first = 0;

    *corpus = NULL;
    KC_TRY(kc_corpus_check(cfg, NULL, e));
    c = kc_alloc(1, sizeof *c, "corpus");
    c->whole = c;
    c->vocab = kc_alloc(1, sizeof *c->vocab, "corpus");
    c->by_documents = cfg->train.mix == KC_train_mix_documents;
    KC_TRY(kc_vocabulary_create(cfg, files, split, c, e));
    while (c->n_parts < cfg->parts) {
        const int number = c->n_parts;
        const kc_config one = kc_config_of_part(&settled, number);
        kc_corpus *part;

        KC_TRY(kc_mix_lists(cfg, number, files, e));
        part = number ? kc_alloc(1, sizeof *part, "corpus") : c;
        c->part[c->n_parts++] = part;
        part->number = number;
        part->paces = number == kc_config_pace(cfg);
        part->whole = c;
        part->vocab = c->vocab;
        part->first = kc_kind_of(one.corpus.kind)->by_index ? first : 0;
        KC_TRY(part_create(&one, number, files, part, e));
        first += part->kind->by_index ? part->info.n_people + part->info.n_held_out : 0;
    }
    KC_TRY(kc_vocabulary_check(c, e));
    join_parts(c);
    *corpus = c->part[kc_config_pace(cfg)];
    return KC_OK;
out:
    kc_corpus_destroy(c);
    return e->code;
}

int kc_corpus_reads(const char *key)
{
    static const char *const read[] = {"corpus.", "vocab.", "run.seed", "train.mix"};

    for (size_t i = 0; i < sizeof read / sizeof *read; i++)
        if (!strncmp(key, read[i], strlen(read[i])))
            return 1;
    return 0;
}

void kc_corpus_destroy(kc_corpus *part)
{
    if (!part)
        return;
    kc_corpus *corpus = part->whole, **of = corpus->part;
    for (int i = corpus->n_parts - 1; i >= 0; i--) {
        kc_skew_free(&of[i]->skew);
        if (of[i]->made)
            of[i]->kind->destroy(of[i]->made);
    }
    for (int i = 1; i < corpus->n_parts; i++)
        free(of[i]);
    kc_vocab_free(corpus->vocab);
    kc_pattern_free(corpus->pattern);
    kc_bpe_free(&corpus->bpe);
    free(corpus->vocab);
    free(corpus);
}

const kc_corpus *kc_corpus_part(const kc_corpus *corpus, int part)
{
    return corpus->whole->part[part];
}

int kc_corpus_people(const kc_corpus *corpus)
{
    return corpus->kind->whom ? 0 : corpus->number;
}

const kc_corpus_info *kc_corpus_about(const kc_corpus *corpus)
{
    return &corpus->info;
}

void kc_corpus_document(const kc_corpus *corpus, int64_t person, int64_t exposure, kc_doc *doc)
{
    const int64_t all = exposure <= KC_HELD_OUT ? corpus->info.n_held_out : corpus->info.n_people;

    KC_CHECK(person >= 0 && person < all, "person %lld of %lld", (long long)person, (long long)all);
    corpus->kind->document(corpus->made, corpus->first + person, exposure, doc);
    kc_lead_put(&corpus->lead, doc);
    doc->person = person;
    for (int32_t i = 0; i < doc->n_spans; i++)
        doc->spans[i].person = person;
}

int64_t kc_corpus_value(const kc_corpus *corpus, int64_t person, int32_t attribute)
{
    KC_CHECK(attribute >= 0 && attribute < corpus->info.n_attributes, "attribute %d of %d",
             attribute, corpus->info.n_attributes);
    return corpus->kind->value(corpus->made, corpus->first + person, attribute);
}

kc_values kc_corpus_values(const kc_corpus *corpus, int32_t attribute)
{
    KC_CHECK(attribute >= 0 && attribute < corpus->info.n_attributes, "attribute %d of %d",
             attribute, corpus->info.n_attributes);
    return attribute && corpus->kind->values ? corpus->kind->values(corpus->made, attribute)
                                             : (kc_values){.n = 0};
}

int64_t kc_corpus_whom(const kc_corpus *corpus, int64_t document, int64_t exposure)
{
    return corpus->kind->whom ? corpus->kind->whom(corpus->made, document, exposure <= KC_HELD_OUT)
                              : document;
}

const char *kc_corpus_word(const kc_corpus *corpus, int32_t token)
{
    return kc_vocab_word(corpus->vocab, token);
}

char *kc_corpus_words(const kc_corpus *corpus)
{
    const kc_vocab *vocab = corpus->vocab;
    char *words = kc_alloc(vocab->bytes + 1, 1, "bytes of words");

    memcpy(words, vocab->text, (size_t)vocab->bytes);
    for (int32_t t = 0; t < vocab->n; t++) /* where each word's zero byte is */
        words[vocab->begin[t] + strlen(words + vocab->begin[t])] = '\n';
    return words;
}

char *kc_corpus_text(const kc_corpus *corpus, const int32_t *tokens, int32_t n)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);

    KC_ROOM(out, "out of memory for the text of %d tokens", n);
    for (int32_t i = 0; i < n; i++)
        kc_vocab_say(corpus->vocab, tokens[i], out);
    KC_CHECK(fclose(out) == 0, "no memory for the text of %d tokens", n);
    return text;
}
