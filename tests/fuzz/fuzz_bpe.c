/* SPDX-License-Identifier: BSD-3-Clause */
/* Merges of byte pairs: with whatever is read, the tokens of any text are its bytes. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "data/word/bpe.h"
#include "data/word/pretoken.h"
#include "data/word/printable.h"
#include "kcap/base/memory.h"
#include "kcap/base/plain.h"

static const char *const texts[] = {
    "#version: 0.2\n\xc4\xa0 t\nh e\n\xc4\xa0t he\ni n\nr e\n\xc4\x8a \xc4\x8a\n1 9\n19 9\n",
    "a a\r\naa a\r\naa aa\r\naaaa aaa\r\n", "\xc3\x83 \xc2\xab\n\xc3\xb0 \xc5\x81\nab c\na b\n",
    NULL};

static const char *const words[] = {
    "#version", "#version: 0.2\n", "\xc4\xa0",     "\xc4\x8a", "a b\n", "aa ", " aa", "a",
    "\n\n",     "<eos>",           "\xc5\x84 a\n", "\xc2\xad", NULL};

/* The bytes of all tokens, one after the other. */
static void check_tokens(const kc_bpe *bpe, const char *text, size_t bytes)
{
    int32_t *symbols = kc_alloc((int64_t)bytes, sizeof *symbols, "symbols");
    const char *at = text, *said = text, *end = text + bytes;
    while (at < end) {
        const int64_t piece = kc_pretoken(at, end);
        KC_CHECK(piece > 0 && piece <= end - at, "a piece of %lld bytes", (long long)piece);
        const int32_t n = kc_bpe_encode(bpe, at, (int32_t)piece, symbols);
        at += piece;
        for (int32_t i = 0, bytes_of; i < n; i++)
            for (const char *c = kc_vocab_word(&bpe->symbols, symbols[i]); *c;
                 c += bytes_of, said++)
                KC_CHECK(kc_printable_byte(c, &bytes_of) == (unsigned char)*said, "another text");
        KC_CHECK(said == at, "a piece's tokens end elsewhere");
    }
    free(symbols);
}

static int read(const char *text, size_t bytes, kc_error *e)
{
    const char *path = kc_fuzz_file(text, bytes);
    kc_bpe bpe = {0};
    char *plain = NULL;
    int64_t n;
    KC_TRY(kc_plain_read(path, 1 << 20, &plain, &n, e));
    KC_TRY(kc_bpe_read(path, plain, &bpe, e));
    check_tokens(&bpe, text, bytes);
    check_tokens(&bpe, "aaaaaaaaaaaaaaaa\xff \xe1\x9a\x80 the 1999 \n\n x", 36);
out:
    free(plain);
    kc_bpe_free(&bpe);
    return e->code;
}

const kc_fuzz kc_fuzz_target = {texts, words, read};
