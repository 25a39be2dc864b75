/* SPDX-License-Identifier: BSD-3-Clause */
/* What the keys of vocab and the files of a corpus make of its vocabulary. */
#include <string.h>

#include "data/corpus_internal.h"
#include "data/word/tokens.h"
#include "kcap/base/memory.h"

int kc_vocabulary_keys(const kc_config *cfg, const kc_origin *o, kc_error *e)
{
    kc_error why = {0};
    kc_pattern *own = cfg->vocab.pattern[0] ? kc_pattern_create(cfg->vocab.pattern, &why) : NULL;

    kc_pattern_free(own);
    if (why.code)
        return kc_fail_key(e, o, KC_AT_vocab_pattern,
                           "%s; a regular expression of PCRE2 such as `\\s?\\p{L}+` would do, or "
                           "none: GPT-2's",
                           why.text);
    if (cfg->vocab.kind == KC_vocab_kind_gpt2 && !cfg->vocab.merges[0])
        return kc_fail_key(e, o, KC_AT_vocab_kind,
                           "gpt2 needs vocab.merges, the file of its merges: GPT-2's vocab.bpe, or "
                           "the merges.txt of a tokenizer like it");
    return KC_OK;
}

static int pairs_create(const kc_config *cfg, const kc_files *files, kc_corpus *c, kc_error *e)
{
    const char *tokens;
    int64_t bytes;
    int f = 0;

    while (f < files->n && strcmp(files->file[f].name, KC_MERGES) != 0)
        f++;
    if (f == files->n)
        return kc_fail(e, KC_EINPUT, KC_MERGES ": not among the files given");
    KC_TRY(kc_bpe_read(files->file[f].path, files->text + files->file[f].begin, &c->bpe, e));
    c->bpe.takes_whole = cfg->vocab.whole == KC_vocab_whole_yes;
    c->vocab->bpe = &c->bpe;
    c->vocab->token_of = kc_alloc(c->bpe.symbols.n, sizeof *c->vocab->token_of, "symbols");
    tokens = kc_files_find(files, KC_TOKENS, &bytes);
    if (tokens)
        KC_TRY(kc_vocab_fix(c->vocab, KC_TOKENS, tokens, e));
out:
    return e->code;
}

int kc_vocabulary_create(const kc_config *cfg, const kc_files *files, kc_split split, kc_corpus *c,
                         kc_error *e)
{
    kc_vocab_add(c->vocab, "<eos>", 5);
    c->vocab->split = split;
    if (split == KC_SPLIT_WORDS)
        return KC_OK;
    c->vocab->pattern = c->pattern = kc_pattern_create(cfg->vocab.pattern, e);
    return e->code || split == KC_SPLIT_PIECES ? e->code : pairs_create(cfg, files, c, e);
}

int kc_vocabulary_check(const kc_corpus *c, kc_error *e)
{
    if (c->vocab->gave_up)
        return kc_fail(e, KC_EINPUT,
                       "vocab.pattern: cutting a text takes too many steps; an expression without "
                       "repeats of repeats, such as `(\\p{L}+)+`, would do");
    if (c->vocab->missing)
        return kc_fail(e, KC_EINPUT,
                       "vocab.tokens: the texts need `%s`, which is none of them; a model reads "
                       "texts of its own tokens alone",
                       kc_vocab_word(&c->bpe.symbols, c->vocab->missing - 1));
    return KC_OK;
}
