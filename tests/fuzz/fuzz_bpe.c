/* SPDX-License-Identifier: BSD-3-Clause */
/* Merges of byte pairs, and the first line as the pattern of pieces: with whatever is read, the tokens of
 * any text are its bytes; and the numbers of tokens, held against merges. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "data/word/bpe.h"
#include "data/word/encoder.h"
#include "data/word/pretoken.h"
#include "data/word/printable.h"
#include "data/word/tokens.h"
#include "kcap/base/memory.h"
#include "kcap/base/plain.h"

static const char *const texts[] = {
    "#version: 0.2\n\xc4\xa0 t\nh e\n\xc4\xa0t he\ni n\nr e\n\xc4\x8a \xc4\x8a\n1 9\n19 9\n",
    "a a\r\naa a\r\naa aa\r\naaaa aaa\r\n",
    "\xc3\x83 \xc2\xab\n\xc3\xb0 \xc5\x81\nab c\na b\n",
    "<eos>\na\n\xc4\xa0\nt\nh\ne\naa\n1\n9\n.\n\xc3\x83\n\xc2\xab\n",
    "{\"!\": 0, \"\\\"\": 1, \"\\u0120\": 2,\n\"t\": 3, \"\\\\\": 4, \"<|endoftext|>\": 5}\n",
    "(?i:'s|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| "
    "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+\na b\n1 a 22  a.\n\n x",
    "(\\w+)+$|(?<= )\\S\\K.\naaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa! bc",
    NULL};

static const char *const words[] = {
    "#version", "#version: 0.2\n", "(",    ")+",   "\\p{L}", "[^",   "|",     "\xc4\xa0",
    "\xc4\x8a", "a b\n",           "aa ",  " aa",  "a",      "\n\n", "<eos>", "\xc5\x84 a\n",
    "\xc2\xad", "\\u01",           "\": ", ", \"", "{\"",    NULL};

/* The bytes of all tokens, one after the other. */
static void check_tokens(const kc_pattern *pattern, const kc_bpe *bpe, const char *text,
                         size_t bytes)
{
    kc_pieces *pieces = kc_pieces_begin(pattern, text, text + bytes);
    int32_t *symbols = kc_alloc((int64_t)bytes, sizeof *symbols, "symbols");
    const char *at = text, *said = text, *end = text + bytes;
    while (at < end) {
        const int64_t piece = kc_pieces_next(pieces, at - text);
        KC_CHECK(piece > 0 && piece <= end - at, "a piece of %lld bytes", (long long)piece);
        const int32_t n = kc_bpe_encode(bpe, at, (int32_t)piece, symbols);
        at += piece;
        for (int32_t i = 0, bytes_of; i < n; i++)
            for (const char *c = kc_vocab_word(&bpe->symbols, symbols[i]); *c;
                 c += bytes_of, said++)
                KC_CHECK(kc_printable_byte(c, &bytes_of) == (unsigned char)*said, "another text");
        KC_CHECK(said == at, "a piece's tokens end elsewhere");
    }
    kc_pieces_end(pieces);
    free(symbols);
}

/* Lines as the tokens of a model: each is one token, or is refused. */
static void check_fixed(const kc_pattern *pattern, const kc_bpe *bpe, const char *plain)
{
    kc_vocab vocab = {.split = KC_SPLIT_PAIRS, .pattern = pattern, .bpe = bpe};
    kc_error e = {0};
    int32_t tokens[64];
    kc_vocab_add(&vocab, "<eos>", 5);
    vocab.token_of = kc_alloc(bpe->symbols.n, sizeof *vocab.token_of, "symbols");
    if (kc_vocab_fix(&vocab, "tokens", plain, &e) == KC_OK) {
        const int32_t n = vocab.n;
        kc_vocab_tokens(&vocab, "the aaaa 1999. \xc3\xab", tokens);
        kc_vocab_mark(&vocab, "he aa:", tokens);
        KC_CHECK(vocab.n == n, "%d tokens of a vocabulary of %d", vocab.n, n);
    }
    kc_vocab_free(&vocab);
}

/* No text of this size has all bytes. */
static void check_encoder(const kc_bpe *bpe, const char *plain)
{
    kc_error e = {0};
    KC_CHECK(kc_encoder_check("encoder", plain, "merges", bpe, &e) == KC_EINPUT && e.text[0],
             "`%s`", e.text);
}

/* What the first line says, or GPT-2's. */
static kc_pattern *pattern_of(const char *plain)
{
    char line[256];
    kc_error e = {0};
    snprintf(line, sizeof line, "%.*s", (int)strcspn(plain, "\n"), plain);
    kc_pattern *pattern = kc_pattern_create(line, &e);
    KC_CHECK((pattern != NULL) == (e.code == KC_OK), "`%s`", e.text);
    return pattern ? pattern : kc_pattern_create("", &e);
}

static int read(const char *text, size_t bytes, kc_error *e)
{
    const char *path = kc_fuzz_file(text, bytes);
    kc_pattern *pattern = NULL;
    kc_bpe bpe = {0};
    char *plain = NULL;
    int64_t n;
    KC_TRY(kc_plain_read(path, 1 << 20, &plain, &n, e));
    if (kc_bpe_read(path, plain, &bpe, e) != KC_OK) {
        kc_bpe_free(&bpe);
        kc_bpe_create(&bpe);
    }
    bpe.takes_whole = bytes % 2;
    pattern = pattern_of(plain);
    check_fixed(pattern, &bpe, plain);
    check_encoder(&bpe, plain);
    KC_TRY(e->code);
    check_tokens(pattern, &bpe, text, bytes);
    check_tokens(pattern, &bpe, "aaaaaaaaaaaaaaaa\xff \xe1\x9a\x80 the 1999 \n\n x", 36);
out:
    free(plain);
    kc_pattern_free(pattern);
    kc_bpe_free(&bpe);
    return e->code;
}

const kc_fuzz kc_fuzz_target = {texts, words, read};
