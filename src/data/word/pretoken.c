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

enum { STEPS_MOST = 10000000 }; /* of one piece: a fraction of a second */

struct kc_pattern {
    pcre2_code *code;
    pcre2_match_context *limits;
};

struct kc_pieces {
    const kc_pattern *pattern;
    pcre2_match_data *found;
    int64_t bytes;
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

kc_pattern *kc_pattern_create(const char *expression, kc_error *e)
{
    const uint32_t options = PCRE2_UTF | PCRE2_UCP | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C;
    kc_pattern *pattern = kc_alloc(1, sizeof *pattern, "patterns");
    PCRE2_SIZE at = 0;
    PCRE2_UCHAR said[256] = "it takes an empty text, and no piece is empty";
    int why = 0;

    pattern->code = pcre2_compile((PCRE2_SPTR)(*expression ? expression : gpt2),
                                  PCRE2_ZERO_TERMINATED, options, &why, &at, NULL);
    pattern->limits = pcre2_match_context_create(NULL);
    KC_ROOM(pattern->limits, "out of memory for a pattern");
    pcre2_set_match_limit(pattern->limits, STEPS_MOST);
    if (pattern->code && !takes_nothing(pattern->code)) {
        pcre2_jit_compile(pattern->code,
                          PCRE2_JIT_COMPLETE); /* only faster; without it it goes on */
        return pattern;
    }
    if (!pattern->code)
        pcre2_get_error_message(why, said, sizeof said);
    kc_fail(e, KC_EINPUT, "`%.200s`: byte %zu: %s", expression, (size_t)at, (char *)said);
    kc_pattern_free(pattern);
    return NULL;
}

void kc_pattern_free(kc_pattern *pattern)
{
    if (!pattern)
        return;
    pcre2_code_free(pattern->code);
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

    *p = (kc_pieces){pattern, pcre2_match_data_create(1, NULL), end - text, 0};
    KC_ROOM(p->found, "out of memory for %lld bytes of text", (long long)p->bytes);
    for (const char *at = text; at < end;)
        at += put_plain(at, end, p->text + (at - text));
    return p;
}

static int match(kc_pieces *p, int64_t at, uint32_t options)
{
    return pcre2_match(p->pattern->code, (PCRE2_SPTR)p->text, (size_t)p->bytes, (size_t)at,
                       PCRE2_NO_UTF_CHECK | options, p->found, p->pattern->limits);
}

int64_t kc_pieces_next(kc_pieces *p, int64_t at)
{
    const PCRE2_SIZE *found = pcre2_get_ovector_pointer(p->found);
    int n = p->gave_up ? PCRE2_ERROR_NOMATCH : match(p, at, 0);

    if (n == PCRE2_ERROR_JIT_STACKLIMIT)
        n = match(p, at, PCRE2_NO_JIT);
    p->gave_up |= n < 0 && n != PCRE2_ERROR_NOMATCH;
    if (n < 0)
        return p->bytes - at;
    return (int64_t)(found[0] > (size_t)at ? found[0] : found[1]) - at;
}

int kc_pieces_end(kc_pieces *p)
{
    const int gave_up = p->gave_up;

    pcre2_match_data_free(p->found);
    free(p);
    return gave_up;
}
