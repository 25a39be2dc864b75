/* SPDX-License-Identifier: BSD-3-Clause */
#include "data/learn.h"

#include <math.h>
#include <stdlib.h>

#include "data/corpus_internal.h"
#include "data/word/bpe_learn.h"
#include "data/word/printable.h"
#include "data/word/tokens.h"
#include "kcap/base/memory.h"
#include "kcap/base/rng.h"
#include "kcap/comm/grid.h"

enum { DRAWN = 100000 }; /* documents; a few more where that makes the same number of each person */
enum { TOLD_DOCUMENTS = 1024 };

/* Documents of a part for each token of all that are drawn, as the shares have it. */
static double documents_of(const kc_corpus *part)
{
    const kc_corpus_info *info = kc_corpus_about(part);

    return info->share / info->mean_doc_tokens;
}

/* The pieces of about `drawn` documents of a part, as many of each person. */
static void count_part(const kc_corpus *c, double drawn, kc_doc *doc, int64_t *count,
                       kc_teller *teller)
{
    const kc_corpus_info *info = kc_corpus_about(c);
    const int64_t N = info->n_people, people = (double)N < drawn ? N : (int64_t)ceil(drawn);
    const int64_t enough = (int64_t)ceil(drawn / (double)people);
    const int64_t each = info->exposures < enough ? info->exposures : enough;

    for (int64_t i = 0; i < people * each; i++) {
        const uint64_t person = kc_perm(c->seed, KC_STREAM_VOCAB, (uint64_t)c->number,
                                        (uint64_t)(i % people), (uint64_t)N);

        kc_corpus_document(c, (int64_t)person, i / people, doc);
        for (int32_t t = 0; t < doc->n_tokens; t++)
            count[doc->tokens[t]]++;
        if (i % TOLD_DOCUMENTS == 0)
            kc_tell(teller, "counting pieces of documents: %lld of %lld", (long long)i,
                    (long long)(people * each));
    }
}

/* How often each piece occurs in the documents drawn. */
static int64_t *count_pieces(const kc_corpus *c, kc_teller *teller)
{
    const kc_corpus_info *info = kc_corpus_about(c);
    int64_t *count = kc_alloc(info->n_vocab, sizeof *count, "pieces");
    kc_doc doc = {.tokens = kc_alloc(info->room_tokens, sizeof *doc.tokens, "tokens"),
                  .spans = kc_alloc(info->room_spans, sizeof *doc.spans, "spans")};
    double all = 0;

    for (int i = 0; i < info->n_parts; i++)
        all += documents_of(kc_corpus_part(c, i));
    for (int i = 0; i < info->n_parts; i++) {
        const kc_corpus *part = kc_corpus_part(c, i);

        count_part(part, DRAWN * documents_of(part) / all, &doc, count, teller);
    }
    for (int32_t i = 0; i < c->vocab->n; i++)
        count[i] *= !kc_vocab_is_mark(c->vocab, i);
    free(doc.tokens);
    free(doc.spans);
    return count;
}

/* Marks, and the different bytes of all pieces: what there must be tokens for. */
static int64_t count_needed(const kc_vocab *pieces)
{
    char seen[KC_BYTES] = {0};
    int64_t n = 0;

    for (int32_t i = 0; i < pieces->n; i++) {
        const char *at = kc_vocab_word(pieces, i);
        const int is_mark = kc_vocab_is_mark(pieces, i);

        n += is_mark;
        for (int bytes; *at && !is_mark; at += bytes) {
            const int byte = kc_printable_byte(at, &bytes);

            n += !seen[byte];
            seen[byte] = 1;
        }
    }
    return n;
}

/* What one rank learns. */
static int learn(const kc_config *cfg, const kc_corpus *c, kc_teller *teller, char **text,
                 int64_t *bytes, kc_error *e)
{
    const int64_t needed = count_needed(c->vocab);
    kc_bpe bpe = {0};
    int64_t *count;

    if (cfg->vocab.size < needed)
        return kc_fail(e, KC_EINPUT,
                       "vocab.size: %lld tokens, but <eos>, markers and the different bytes of the "
                       "corpus are %lld; at least so many would do",
                       (long long)cfg->vocab.size, (long long)needed);
    count = count_pieces(c, teller);
    kc_bpe_create(&bpe);
    kc_bpe_learn(c->vocab, count, cfg->vocab.size - needed, teller, &bpe);
    *text = kc_bpe_text(&bpe, bytes);
    free(count);
    kc_bpe_free(&bpe);
    return KC_OK;
}

static int agree(const kc_grid *g, kc_error *e)
{
    return g ? kc_agree(g, e) : e->code;
}

/* Rank 0's text to all. */
static void give(const kc_grid *g, char **text, int64_t *bytes)
{
    kc_bcast(g, bytes, sizeof *bytes);
    if (g->rank > 0)
        *text = kc_alloc(*bytes + 1, 1, "bytes of merges");
    kc_bcast(g, *text, (size_t)*bytes);
}

int kc_learn_merges(const kc_config *cfg, const kc_files *files, char **text, int64_t *bytes,
                    kc_error *e)
{
    const kc_grid *g = files->readers;
    kc_corpus *c = NULL;

    *text = NULL;
    kc_corpus_make(cfg, files, KC_SPLIT_PIECES, &c, e);
    KC_TRY(agree(g, e));
    if (!g || g->rank == 0)
        learn(cfg, c, files->teller, text, bytes, e);
    KC_TRY(agree(g, e));
    if (g)
        give(g, text, bytes);
out:
    kc_tell_end(files->teller);
    kc_corpus_destroy(c);
    return e->code;
}
