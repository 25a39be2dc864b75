/* SPDX-License-Identifier: BSD-3-Clause */
#include "data/word/encoder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kcap/base/memory.h"

enum { TOKEN_MOST = 4096, NUMBERS_MOST = 1 << 24 };

/* The file as far as it is read. */
typedef struct reader {
    const char *path, *merges, *at;
    int64_t line;
    char token[TOKEN_MOST + 4];
    int64_t number;
    char *is_symbol; /* [symbols]: 1: it is one of the tokens */
    char *is_number; /* [numbers]                             */
    int64_t numbers;
} reader;

static int fail(const reader *r, const char *what, kc_error *e)
{
    return kc_fail(e, KC_EINPUT, "%s:%lld: %s; a file reads `{\"!\": 0, \"\\u0120the\": 262}`",
                   r->path, (long long)r->line, what);
}

static int fail_token(const reader *r, const char *what, kc_error *e)
{
    return kc_fail(e, KC_EINPUT, "%s:%lld: `%.100s` %s %s; both files must be of one tokenizer",
                   r->path, (long long)r->line, r->token, what, r->merges);
}

static void pass_blanks(reader *r)
{
    for (; *r->at && strchr(" \t\r\n", *r->at); r->at++)
        r->line += *r->at == '\n';
}

/* 1 and past it where the mark stands behind blanks. */
static int takes(reader *r, char mark)
{
    pass_blanks(r);
    if (*r->at != mark)
        return 0;
    r->at++;
    return 1;
}

/* A code as UTF-8; returns its bytes. */
static int put(uint32_t code, char *to)
{
    if (code < 0x80) {
        to[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        to[0] = (char)(0xC0 | code >> 6);
        to[1] = (char)(0x80 | (code & 0x3F));
        return 2;
    }
    to[0] = (char)(0xE0 | code >> 12);
    to[1] = (char)(0x80 | (code >> 6 & 0x3F));
    to[2] = (char)(0x80 | (code & 0x3F));
    return 3;
}

/* What stands behind a backslash; returns the bytes it stands for, 0: it is none. */
static int unescape(reader *r, char *to)
{
    static const char from[] = "\"\\/bfnrt", stands[] = "\"\\/\b\f\n\r\t";
    const char which = *r->at, *plain = which ? strchr(from, which) : NULL;
    char hex[5] = "", *end;

    r->at += which != 0;
    if (plain) {
        *to = stands[plain - from];
        return 1;
    }
    strncpy(hex, r->at, 4);
    const unsigned long code = strtoul(hex, &end, 16);

    if (which != 'u' || end != hex + 4 || code == 0)
        return 0;
    r->at += 4;
    return put((uint32_t)code, to);
}

/* A string into r->token; 0: it is none. */
static int take_string(reader *r)
{
    int n = 0;

    if (!takes(r, '"'))
        return 0;
    while (*r->at != '"' && n < TOKEN_MOST) {
        const char c = *r->at++;
        const int bytes = c == '\\' ? unescape(r, r->token + n) : 1;

        if (!bytes || !c || c == '\n')
            return 0;
        if (c != '\\')
            r->token[n] = c;
        n += bytes;
    }
    r->token[n] = 0;
    return takes(r, '"');
}

static int take_number(reader *r)
{
    char *end;

    pass_blanks(r);
    r->number = strtoll(r->at, &end, 10);
    const int is_one = *r->at >= '0' && *r->at <= '9' && r->number < NUMBERS_MOST;

    r->at = end;
    return is_one;
}

/* A token of the tokenizer's own, which no text has: <|endoftext|>, <s>. */
static int is_own(const char *token)
{
    const size_t n = strlen(token);

    return n > 2 && token[0] == '<' && token[n - 1] == '>';
}

static int take_entry(reader *r, const kc_bpe *bpe, kc_error *e)
{
    if (!take_string(r) || !takes(r, ':') || !take_number(r))
        return fail(r, "no token and its number", e);
    const int32_t symbol = kc_vocab_find(&bpe->symbols, r->token, (int32_t)strlen(r->token));

    if (symbol < 0 && !is_own(r->token))
        return fail_token(r, "is no byte, and made by no merge of", e);
    if (symbol >= 0)
        r->is_symbol[symbol] = 1;
    r->is_number = kc_grow(r->is_number, &r->numbers, r->number + 1, 1);
    if (r->is_number[r->number]++)
        return kc_fail(e, KC_EINPUT, "%s:%lld: `%.100s` has the number %lld of an earlier token",
                       r->path, (long long)r->line, r->token, (long long)r->number);
    return KC_OK;
}

/* Symbols of the merges that it has not. */
static int check_all(reader *r, const kc_bpe *bpe, kc_error *e)
{
    for (int32_t s = 0; s < bpe->symbols.n; s++)
        if (!r->is_symbol[s]) {
            snprintf(r->token, sizeof r->token, "%.100s", kc_vocab_word(&bpe->symbols, s));
            return fail_token(r, "is not in it, but a symbol of", e);
        }
    return KC_OK;
}

int kc_encoder_check(const char *path, const char *text, const char *merges, const kc_bpe *bpe,
                     kc_error *e)
{
    reader *r = kc_alloc(1, sizeof *r, "encoders");

    *r = (reader){.path = path, .merges = merges, .at = text, .line = 1};
    r->is_symbol = kc_alloc(bpe->symbols.n, 1, "symbols");
    if (!takes(r, '{'))
        fail(r, "no JSON object", e);
    KC_TRY(e->code);
    do
        KC_TRY(take_entry(r, bpe, e));
    while (takes(r, ','));
    if (!takes(r, '}'))
        fail(r, "no comma and no end behind an entry", e);
    KC_TRY(e->code);
    KC_TRY(check_all(r, bpe, e));
out:
    free(r->is_symbol);
    free(r->is_number);
    free(r);
    return e->code;
}
