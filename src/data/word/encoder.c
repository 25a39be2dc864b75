/* SPDX-License-Identifier: BSD-3-Clause */
#include "data/word/encoder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kcap/base/memory.h"
#include "kcap/io/json.h"

enum { TOKEN_MOST = 4096, NUMBERS_MOST = 1 << 24 };

/* The file as far as it is read. */
typedef struct reader {
    const char *path, *merges, *at;
    int64_t line;
    char token[TOKEN_MOST];
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

/* Go on behind a value, which may hold ends of lines; 0: there was none. */
static int passed(reader *r, const char *end)
{
    for (; end && r->at < end; r->at++)
        r->line += *r->at == '\n';
    return end != NULL;
}

static int take_string(reader *r)
{
    pass_blanks(r);
    return passed(r, kc_json_text_at(r->at, r->token, sizeof r->token));
}

static int take_number(reader *r)
{
    pass_blanks(r);
    return passed(r, kc_json_count_at(r->at, NUMBERS_MOST, &r->number));
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
    if (symbol >= 0 && r->is_symbol[symbol]++)
        return fail_token(r, "stands twice in this file; once in that of", e);
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
    pass_blanks(r);
    if (*r->at)
        fail(r, "more behind the object's end", e);
out:
    free(r->is_symbol);
    free(r->is_number);
    free(r);
    return e->code;
}
