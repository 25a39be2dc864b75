/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/data/corpus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/corpus_internal.h"
#include "data/word/tokens.h"
#include "kcap/base/memory.h"

int kc_corpus_check(const kc_config *cfg, const kc_origin *o, kc_error *e)
{
    const kc_config settled = kc_config_settled(cfg);

    if (cfg->vocab.kind == KC_vocab_kind_gpt2 && !cfg->vocab.merges[0])
        return kc_fail_key(e, o, KC_AT_vocab_kind,
                           "gpt2 needs vocab.merges, the file of its merges: GPT-2's vocab.bpe, or "
                           "the merges.txt of a tokenizer like it");
    return kc_kind_of(cfg->corpus.kind)->check(&settled, o, e);
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

/* <eos> and, of byte pairs, how texts are cut. */
static int vocab_create(const kc_files *files, kc_split split, kc_corpus *c, kc_error *e)
{
    int f = 0;

    kc_vocab_add(&c->vocab, "<eos>", 5);
    c->vocab.split = split;
    if (split != KC_SPLIT_PAIRS)
        return KC_OK;
    while (f < files->n && strcmp(files->file[f].name, KC_MERGES) != 0)
        f++;
    if (f == files->n)
        return kc_fail(e, KC_EINPUT, KC_MERGES ": not among the files given");
    KC_TRY(kc_bpe_read(files->file[f].path, files->text + files->file[f].begin, &c->bpe, e));
    c->vocab.bpe = &c->bpe;
    c->vocab.token_of = kc_alloc(c->bpe.symbols.n, sizeof *c->vocab.token_of, "symbols");
out:
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

    *corpus = NULL;
    KC_TRY(kc_corpus_check(cfg, NULL, e));
    c = kc_alloc(1, sizeof *c, "corpus");
    c->info = described(cfg);
    c->info.token_word = split == KC_SPLIT_WORDS ? "words" : "tokens";
    c->seed = (uint64_t)cfg->run.seed;
    c->kind = kc_kind_of(cfg->corpus.kind);
    KC_TRY(vocab_create(files, split, c, e));
    c->made = c->kind->create(&settled.corpus, c->seed, files, &c->vocab, &c->info, e);
    KC_TRY(e->code);
    c->info.n_vocab = c->vocab.n;
    add_terms(&c->info);
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
    if (corpus->made)
        corpus->kind->destroy(corpus->made);
    kc_vocab_free(&corpus->vocab);
    kc_bpe_free(&corpus->bpe);
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
    corpus->kind->document(corpus->made, person, exposure, doc);
}

int64_t kc_corpus_value(const kc_corpus *corpus, int64_t person, int32_t attribute)
{
    KC_CHECK(attribute >= 0 && attribute < corpus->info.n_attributes, "attribute %d of %d",
             attribute, corpus->info.n_attributes);
    return corpus->kind->value(corpus->made, person, attribute);
}

const char *kc_corpus_word(const kc_corpus *corpus, int32_t token)
{
    return kc_vocab_word(&corpus->vocab, token);
}

char *kc_corpus_words(const kc_corpus *corpus)
{
    const kc_vocab *vocab = &corpus->vocab;
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
        kc_vocab_say(&corpus->vocab, tokens[i], out);
    KC_CHECK(fclose(out) == 0, "no memory for the text of %d tokens", n);
    return text;
}
