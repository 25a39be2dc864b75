/* SPDX-License-Identifier: BSD-3-Clause */
/* A vocabulary whose tokens a file gives. */
#include <string.h>

#include "data/word/bpe.h"
#include "data/word/printable.h"
#include "data/word/tokens.h"

static int fix_line(kc_vocab *vocab, const char *line, int32_t n, kc_error *e)
{
    int bytes;

    for (int32_t i = 0; i < n; i += bytes)
        if (kc_printable_byte(line + i, &bytes) < 0)
            return kc_fail(e, KC_EINPUT, "a character that stands for no byte");
    if (n == 0 || kc_vocab_find(vocab, line, n) >= 0)
        return kc_fail(e, KC_EINPUT, n ? "a token that stands there already" : "no token");
    kc_vocab_intern(vocab, line, n);
    return KC_OK;
}

int kc_vocab_fix(kc_vocab *vocab, const char *path, const char *text, kc_error *e)
{
    const kc_vocab *symbols = &vocab->bpe->symbols;
    int64_t line = 1;

    for (const char *at = text; *at; line++) {
        const size_t n = strcspn(at, "\n"), cr = n > 0 && at[n - 1] == '\r';
        kc_error why = {0};

        if (line > 1 && fix_line(vocab, at, (int32_t)(n - cr), &why) != KC_OK)
            return kc_fail(
                e, KC_EINPUT,
                "%s:%lld: `%.*s`: %s; a line holds a token as GPT-2's encoder.json has it", path,
                (long long)line, (int)(n < 100 ? n : 100), at, why.text);
        at += n + (at[n] == '\n');
    }
    for (int32_t i = 0; i < symbols->n; i++) {
        const char *symbol = kc_vocab_word(symbols, i);
        const int32_t token = kc_vocab_find(vocab, symbol, (int32_t)strlen(symbol));

        vocab->token_of[i] = token < 0 ? 0 : token;
    }
    vocab->is_fixed = 1;
    return KC_OK;
}
