/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/data/find.h"

#include <stdlib.h>
#include <string.h>

#include "data/corpus_internal.h"
#include "data/text/lines.h"
#include "data/word/tokens.h"
#include "kcap/base/memory.h"
#include "kcap/base/plain.h"
#include "kcap/base/text.h"

enum { WORDINGS = 4000, LEFT_OUT = 3 };

static int text_check(const char *text, kc_error *e)
{
    uint32_t code;
    int64_t at = 0;
    int n;

    for (; text[at]; at += n) {
        n = kc_utf8(text + at, &code);
        if (!n)
            return kc_fail(e, KC_EINPUT, "byte %lld of the text is not UTF-8", (long long)at + 1);
        if ((code < ' ' && code != '\t') || code == 127)
            return kc_fail(e, KC_EINPUT, "byte %lld of the text is a control character",
                           (long long)at + 1);
        if (at >= KC_ASKED_BYTES)
            return kc_fail(e, KC_EINPUT, "a text of more than %d bytes", KC_ASKED_BYTES);
    }
    return KC_OK;
}

int kc_corpus_read(const kc_corpus *corpus, const char *text, int32_t most, int32_t *tokens,
                   int32_t *n, kc_error *e)
{
    char *plain = NULL, missing[64];
    int32_t *all = NULL;
    int64_t bytes;

    *n = 0;
    KC_TRY(text_check(text, e));
    plain = kc_text_copy(text);
    bytes = kc_plain_blanks(plain);
    kc_lines_normal(plain, plain + bytes, plain);
    bytes = (int64_t)strlen(plain);
    all = kc_alloc(bytes + 2, sizeof *all, "tokens of a text");
    *n = kc_vocab_read(corpus->vocab, plain, all, missing);
    if (*n == 0)
        kc_fail(e, KC_EINPUT, "an empty text");
    else if (*n < 0)
        kc_fail(e, KC_EINPUT,
                "`%s` is none of the %lld %s of this model; kcap corpus shows texts that it knows",
                missing, (long long)corpus->info.n_vocab, corpus->info.token_word);
    else if (*n + 1 > most)
        kc_fail(e, KC_EINPUT, "a text of %d tokens; with <eos> and an answer at most %d have room",
                *n, most);
    else {
        tokens[0] = KC_EOS;
        memcpy(tokens + 1, all, (size_t)*n * sizeof *tokens);
        ++*n;
    }
out:
    free(all);
    free(plain);
    return e->code;
}

/* Do these tokens stand in the text? */
static int holds(const int32_t *text, int32_t n, const int32_t *part, int32_t n_part)
{
    for (int32_t i = 0; i + n_part <= n; i++)
        if (memcmp(text + i, part, (size_t)n_part * sizeof *part) == 0)
            return 1;
    return 0;
}

/* The value that the document tells next where it begins as the text, or -1. A tag may stand in front, and
 * of a question its last words, `? Answer:`, be left out. */
static int32_t span_behind(const kc_corpus *part, const kc_doc *doc, const int32_t *tokens,
                           int32_t n)
{
    const int32_t lead = part->lead.n, most = part->kind->whom ? LEFT_OUT : 0;

    if (n + lead > doc->n_tokens ||
        memcmp(doc->tokens + 1 + lead, tokens + 1, (size_t)(n - 1) * sizeof *tokens) != 0)
        return -1;
    for (int32_t i = 1; i < doc->n_spans; i++) {
        const int32_t left = doc->spans[i].begin - n - lead;

        if (left >= 0 && left <= most && doc->spans[i - 1].end <= n + lead)
            return i;
    }
    return -1;
}

/* Is the name of a document's own in the text? */
static int is_named(const kc_corpus *part, int64_t i, int64_t exposure, kc_doc *doc,
                    const int32_t *tokens, int32_t n)
{
    kc_corpus_document(part, i, exposure, doc);
    const kc_span *name = &doc->spans[0];

    return name->attribute == 0 && holds(tokens, n, doc->tokens + name->begin,
                                         name->end - (int32_t)name->opens - name->begin);
}

/* Try all wordings of document i. */
static int try_document(const kc_corpus *part, int64_t i, int held_out, kc_doc *doc,
                        const int32_t *tokens, int32_t n, kc_place *place)
{
    if (!is_named(part, i, held_out ? KC_HELD_OUT : KC_MEASURE, doc, tokens, n))
        return 0;
    place->person = kc_corpus_whom(part, i, held_out ? KC_HELD_OUT : KC_MEASURE);
    for (int64_t w = 0; w < WORDINGS; w++) {
        const int64_t exposure = held_out ? KC_HELD_OUT - w : KC_MEASURE + w;

        kc_corpus_document(part, i, exposure, doc);
        const int32_t s = span_behind(part, doc, tokens, n);
        if (s >= 0) {
            *place = (kc_place){.part = part->number,
                                .person = place->person,
                                .document = i,
                                .exposure = exposure,
                                .attribute = doc->spans[s].attribute,
                                .begin = doc->spans[s].begin};
            return 1;
        }
    }
    return 0;
}

/* Names of random strings are the strings: nothing is told of them. */
static int find_in(const kc_corpus *part, kc_doc *doc, const int32_t *tokens, int32_t n,
                   kc_place *place)
{
    const kc_corpus_info *info = &part->info;

    if (info->n_attributes < 2)
        return 0;
    for (int64_t i = 0; i < info->n_people; i++)
        if (try_document(part, i, 0, doc, tokens, n, place))
            return 1;
    for (int64_t i = 0; part->kind->whom && i < info->n_held_out; i++)
        if (try_document(part, i, 1, doc, tokens, n, place))
            return 1;
    return 0;
}

kc_place kc_corpus_find(const kc_corpus *corpus, const int32_t *tokens, int32_t n)
{
    const kc_corpus *whole = corpus->whole;
    kc_place place = {.part = -1, .person = -1};
    kc_doc doc = {.tokens = kc_alloc(whole->info.room_tokens + 1, sizeof *doc.tokens, "tokens")};

    doc.spans = kc_alloc(whole->info.room_spans, sizeof *doc.spans, "spans");
    for (int p = 0; p < whole->n_parts; p++)
        if (find_in(whole->part[p], &doc, tokens, n, &place))
            break;
    free(doc.tokens);
    free(doc.spans);
    return place;
}
