/* SPDX-License-Identifier: BSD-3-Clause */
#include "data/word/pretoken.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "kcap/base/memory.h"
#include "kcap/base/text.h"
#include "kcap/data/corpus.h"

static const char gpt2[] =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

enum { STEPS_MOST = 10000000 /* of one piece: a fraction of a second */, EXPRESSIONS_MOST = 16 };

struct kc_pattern {
    int n;
    pcre2_code *code[EXPRESSIONS_MOST];
    pcre2_match_context *limits;
};

struct kc_pieces {
    const kc_pattern *pattern;
    pcre2_match_data *found;
    int64_t bytes;
    int64_t begin[EXPRESSIONS_MOST],
        end[EXPRESSIONS_MOST]; /* of the piece of each expression that is cut now */
    int gave_up;
    char text[];
};

void kc_text_version(char *text, size_t size)
{
    char pcre2[64], unicode[64];

    KC_CHECK(pcre2_config(PCRE2_CONFIG_VERSION, NULL) <= (int)sizeof pcre2 &&
                 pcre2_config(PCRE2_CONFIG_UNICODE_VERSION, NULL) <= (int)sizeof unicode,
             "PCRE2 has a long version");
    pcre2_config(PCRE2_CONFIG_VERSION, pcre2);
    pcre2_config(PCRE2_CONFIG_UNICODE_VERSION, unicode);
    snprintf(text, size, "%s, Unicode %s", pcre2, unicode);
}

static int takes_nothing(const pcre2_code *code)
{
    uint32_t may_be_empty = 0;

    pcre2_pattern_info(code, PCRE2_INFO_MATCHEMPTY, &may_be_empty);
    return may_be_empty != 0;
}

/* One more expression, of so many bytes. */
static int add(kc_pattern *pattern, const char *expression, size_t bytes, kc_error *e)
{
    const uint32_t options = PCRE2_UTF | PCRE2_UCP | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C;
    PCRE2_SIZE at = 0;
    PCRE2_UCHAR said[256] = "it takes an empty text, and no piece is empty";
    int why = 0;
    pcre2_code *code;

    if (pattern->n == EXPRESSIONS_MOST)
        return kc_fail(e, KC_EINPUT, "%d lines are expressions at most", EXPRESSIONS_MOST);
    code = pcre2_compile((PCRE2_SPTR)expression, bytes, options, &why, &at, NULL);
    pattern->code[pattern->n++] = code;
    if (code && !takes_nothing(code)) {
        pcre2_jit_compile(code, PCRE2_JIT_COMPLETE); /* only faster; without it it goes on */
        return KC_OK;
    }
    if (!code)
        pcre2_get_error_message(why, said, sizeof said);
    return kc_fail(e, KC_EINPUT, "`%.*s`: byte %zu: %s", bytes < 200 ? (int)bytes : 200, expression,
                   (size_t)at, (char *)said);
}

kc_pattern *kc_pattern_create(const char *expressions, kc_error *e)
{
    kc_pattern *pattern = kc_alloc(1, sizeof *pattern, "patterns");

    pattern->limits = pcre2_match_context_create(NULL);
    KC_ROOM(pattern->limits, "out of memory for a pattern");
    pcre2_set_match_limit(pattern->limits, STEPS_MOST);
    for (const char *at = expressions; *at; at += strspn(at, "\n")) {
        const size_t bytes = strcspn(at, "\n");

        if (bytes && add(pattern, at, bytes, e) != KC_OK)
            goto out;
        at += bytes;
    }
    if (pattern->n || add(pattern, gpt2, sizeof gpt2 - 1, e) == KC_OK)
        return pattern;
out:
    kc_pattern_free(pattern);
    return NULL;
}

void kc_pattern_free(kc_pattern *pattern)
{
    if (!pattern)
        return;
    for (int i = 0; i < pattern->n; i++)
        pcre2_code_free(pattern->code[i]);
    pcre2_match_context_free(pattern->limits);
    free(pattern);
}

/* A character in the place of what PCRE2 must not see: a byte that is not UTF-8; and U+180E, which has not
 * been white space since Unicode 6.3, but is to PCRE2. */
static int put_plain(const char *from, const char *end, char *to)
{
    char whole[5] = "";
    uint32_t code = 0;
    int n;

    memcpy(whole, from, end - from < 4 ? (size_t)(end - from) : 4);
    n = kc_utf8(whole, &code);
    memcpy(to, n == 0 ? "\x01" : code == 0x180E ? "\xe2\x80\x8b" : whole, n ? (size_t)n : 1);
    return n ? n : 1;
}

kc_pieces *kc_pieces_begin(const kc_pattern *pattern, const char *text, const char *end)
{
    kc_pieces *p = kc_alloc((int64_t)sizeof *p + (end - text), 1, "bytes of text");

    *p = (kc_pieces){pattern, pcre2_match_data_create(1, NULL), end - text, {0}, {0}, 0};
    KC_ROOM(p->found, "out of memory for %lld bytes of text", (long long)p->bytes);
    for (const char *at = text; at < end;)
        at += put_plain(at, end, p->text + (at - text));
    return p;
}

/* Expression i on the text from byte `from` to byte `to`, searched from byte `at` on. */
static int match(kc_pieces *p, int i, int64_t from, int64_t to, int64_t at)
{
    const PCRE2_SPTR text = (PCRE2_SPTR)p->text + from;
    const size_t bytes = (size_t)(to - from), start = (size_t)(at - from);
    int n = p->gave_up ? PCRE2_ERROR_NOMATCH
                       : pcre2_match(p->pattern->code[i], text, bytes, start, PCRE2_NO_UTF_CHECK,
                                     p->found, p->pattern->limits);

    if (n == PCRE2_ERROR_JIT_STACKLIMIT)
        n = pcre2_match(p->pattern->code[i], text, bytes, start, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT,
                        p->found, p->pattern->limits);
    p->gave_up |= n < 0 && n != PCRE2_ERROR_NOMATCH;
    return n >= 0;
}

/* Where the piece of expression i that begins at `at` ends. */
static int64_t piece_end(kc_pieces *p, int i, int64_t from, int64_t to, int64_t at)
{
    const PCRE2_SIZE *found = pcre2_get_ovector_pointer(p->found);

    if (!match(p, i, from, to, at))
        return to;
    return from + (int64_t)(found[0] > (size_t)(at - from) ? found[0] : found[1]);
}

/* A piece of each expression lies in one of the expression before; the last one's is what is asked for. */
int64_t kc_pieces_next(kc_pieces *p, int64_t at)
{
    int64_t from = 0, to = p->bytes;
    int is_new = 0;

    for (int i = 0; i < p->pattern->n; i++) {
        is_new |= at >= p->end[i] || i == p->pattern->n - 1;
        if (is_new) {
            p->begin[i] = at;
            p->end[i] = piece_end(p, i, from, to, at);
        }
        from = p->begin[i];
        to = p->end[i];
    }
    return to - at;
}

int kc_pieces_end(kc_pieces *p)
{
    const int gave_up = p->gave_up;

    pcre2_match_data_free(p->found);
    free(p);
    return gave_up;
}
