/* SPDX-License-Identifier: BSD-3-Clause */
#include "data/word/tokens.h"

#include <stdlib.h>
#include <string.h>

#include "data/text/lines.h"
#include "data/word/bpe.h"
#include "data/word/pretoken.h"
#include "data/word/printable.h"
#include "kcap/base/memory.h"

static int32_t words(kc_vocab *vocab, const char *text, int32_t *tokens)
{
    int32_t n = 0;

    while (*text) {
        int32_t bytes = (int32_t)strcspn(text, " "), word = bytes;

        while (word > 0 && kc_lines_stop(text[word - 1]))
            word--;
        if (word > 0)
            tokens[n++] = kc_vocab_intern(vocab, text, word);
        for (int32_t i = word; i < bytes; i++)
            tokens[n++] = kc_vocab_intern(vocab, text + i, 1);
        text += bytes + (text[bytes] == ' ');
    }
    return n;
}

/* A text with each byte as a character that can be seen; the caller frees it. */
static char *seen(const char *text, int32_t bytes, int32_t *n)
{
    char *all = kc_alloc((int64_t)bytes * KC_PRINTABLE_MOST + 1, 1, "bytes of a token");

    *n = 0;
    for (int32_t i = 0; i < bytes; i++)
        *n += kc_printable((uint8_t)text[i], all + *n);
    return all;
}

static int32_t whole(kc_vocab *vocab, const char *piece, int32_t bytes, int32_t *tokens)
{
    int32_t n;
    char *word = seen(piece, bytes, &n);

    *tokens = kc_vocab_intern(vocab, word, n);
    free(word);
    return 1;
}

int32_t kc_vocab_mark(kc_vocab *vocab, const char *word, int32_t *tokens)
{
    const int32_t bytes = (int32_t)strlen(word);
    char *spaced, *all;
    int32_t n, known;

    if (vocab->split == KC_SPLIT_WORDS) {
        *tokens = kc_vocab_add(vocab, word, bytes);
        return 1;
    }
    spaced = kc_alloc(bytes + 1, 1, "bytes of a word");
    spaced[0] = ' ';
    memcpy(spaced + 1, word, (size_t)bytes);
    all = seen(spaced, bytes + 1, &n);
    known = vocab->is_fixed ? kc_vocab_find(vocab, all, n) : kc_vocab_add(vocab, all, n);
    free(spaced);
    free(all);
    *tokens = known;
    return known >= 0 ? 1 : kc_vocab_tokens(vocab, word, tokens);
}

int kc_vocab_is_mark(const kc_vocab *vocab, int32_t token)
{
    const char *word = kc_vocab_word(vocab, token);

    return kc_vocab_find(vocab, word, (int32_t)strlen(word)) != token;
}

/* Symbols become tokens as they are met, so that those that never occur have none. */
static int32_t pairs(kc_vocab *vocab, const char *piece, int32_t bytes, int32_t *tokens)
{
    const int32_t n = kc_bpe_encode(vocab->bpe, piece, bytes, tokens);

    for (int32_t i = 0; i < n; i++) {
        int32_t *token = &vocab->token_of[tokens[i]];

        if (!*token && vocab->is_fixed)
            vocab->missing = tokens[i] + 1;
        else if (!*token) {
            const char *symbol = kc_vocab_word(&vocab->bpe->symbols, tokens[i]);

            *token = kc_vocab_intern(vocab, symbol, (int32_t)strlen(symbol));
        }
        tokens[i] = *token;
    }
    return n;
}

/* 1 when running text has no blank before this one. */
static int joins(const char *text)
{
    while (kc_lines_stop(*text))
        text++;
    return !*text || *text == ' ';
}

int32_t kc_vocab_tokens(kc_vocab *vocab, const char *text, int32_t *tokens)
{
    const char *end = text + strlen(text);
    kc_pieces *cut;
    char *spaced;
    int32_t n = 0;

    if (vocab->split == KC_SPLIT_WORDS)
        return words(vocab, text, tokens);
    text += strspn(text, " ");
    while (end > text && end[-1] == ' ')
        end--;
    if (text == end)
        return 0;
    spaced = kc_alloc(end - text + 1, 1, "bytes of text");
    spaced[0] = ' ';
    memcpy(spaced + 1, text, (size_t)(end - text));
    end = spaced + 1 + (end - text);
    text = spaced + joins(text);
    cut = kc_pieces_begin(vocab->pattern, text, end);
    for (const char *at = text; at < end;) {
        const int32_t bytes = (int32_t)kc_pieces_next(cut, at - text);

        n += (vocab->split == KC_SPLIT_PIECES ? whole : pairs)(vocab, at, bytes, tokens + n);
        at += bytes;
    }
    vocab->gave_up |= kc_pieces_end(cut);
    free(spaced);
    return n;
}

/* A word that is one of its own, or -1. */
static int32_t alike(const kc_vocab *vocab, const char *word, int32_t bytes, int32_t before)
{
    int32_t first = -1;

    for (int32_t t = 1; t < vocab->n; t++) {
        const char *other = kc_vocab_word(vocab, t);

        if (strncmp(other, word, (size_t)bytes) != 0 || other[bytes])
            continue;
        if (t > before)
            return t;
        first = first < 0 ? t : first;
    }
    return first;
}

static int32_t not_there(const char *word, int32_t bytes, char missing[64])
{
    int32_t n = bytes < 63 ? bytes : 63;

    while (n < bytes && n > 0 && ((unsigned char)word[n] & 0xc0) == 0x80)
        n--;
    memcpy(missing, word, (size_t)n);
    missing[n] = 0;
    return -1;
}

/* What stands between two blanks: a word of its own, or a word and stops. */
static int32_t read_word(const kc_vocab *vocab, const char *word, int32_t bytes, int32_t before,
                         int32_t *tokens, char missing[64])
{
    int32_t n = 0, end = bytes;

    tokens[0] = alike(vocab, word, bytes, before);
    if (tokens[0] >= 0)
        return 1;
    while (end > 0 && kc_lines_stop(word[end - 1]))
        end--;
    if (end > 0)
        tokens[n++] = alike(vocab, word, end, before);
    for (int32_t i = end; i < bytes; i++)
        tokens[n++] = kc_vocab_find(vocab, word + i, 1);
    for (int32_t i = 0; i < n; i++)
        if (tokens[i] < 0)
            return end > 0 && i == 0 ? not_there(word, end, missing)
                                     : not_there(word + end, 1, missing);
    return n;
}

/* A piece of byte pairs, the blank in front of it included. */
static int32_t read_piece(const kc_vocab *vocab, const char *piece, int32_t bytes, int32_t *tokens,
                          char missing[64])
{
    const int32_t n = kc_bpe_encode(vocab->bpe, piece, bytes, tokens);

    for (int32_t i = 0; i < n; i++) {
        tokens[i] = vocab->token_of[tokens[i]];
        if (!tokens[i])
            return not_there(piece + (*piece == ' '), bytes - (*piece == ' '), missing);
    }
    return n;
}

/* A mark, such as `capital:`, of byte pairs: a token of its own, or -1. */
static int32_t mark_at(const kc_vocab *vocab, const char *text, int32_t bytes)
{
    int32_t n, token;
    char *word = seen(text, bytes, &n);

    token = alike(vocab, word, n, 0);
    free(word);
    return token > 0 && kc_vocab_is_mark(vocab, token) ? token : -1;
}

static int32_t read_pairs(const kc_vocab *vocab, const char *text, int32_t *tokens,
                          char missing[64])
{
    const int64_t length = (int64_t)strlen(text);
    char *spaced = kc_alloc(length + 2, 1, "bytes of text");
    const char *begin = spaced + joins(text), *end = spaced + 1 + length;
    kc_pieces *cut;
    int32_t n = 0;

    spaced[0] = ' ';
    memcpy(spaced + 1, text, (size_t)length);
    cut = kc_pieces_begin(vocab->pattern, begin, end);
    for (const char *at = begin; at < end && n >= 0;) {
        const int32_t word = 1 + (int32_t)strcspn(at + 1, " ");
        const int32_t mark = *at == ' ' && at + word <= end ? mark_at(vocab, at, word) : -1;
        const int32_t bytes = mark < 0 ? (int32_t)kc_pieces_next(cut, at - begin) : word;

        if (mark >= 0) {
            tokens[n++] = mark;
        } else {
            const int32_t more = read_piece(vocab, at, bytes, tokens + n, missing);

            n = more < 0 ? -1 : n + more;
        }
        at += bytes;
    }
    if (kc_pieces_end(cut) && n >= 0)
        n = not_there(text, (int32_t)length, missing);
    free(spaced);
    return n;
}

int32_t kc_vocab_read(const kc_vocab *vocab, const char *text, int32_t *tokens, char missing[64])
{
    int32_t n = 0, before = 0;

    if (vocab->split != KC_SPLIT_WORDS)
        return *text ? read_pairs(vocab, text, tokens, missing) : 0;
    while (*text) {
        const int32_t bytes = (int32_t)strcspn(text, " ");
        const int32_t more = bytes ? read_word(vocab, text, bytes, before, tokens + n, missing) : 0;

        if (more < 0)
            return -1;
        n += more;
        before = n ? tokens[n - 1] : 0;
        text += bytes + (text[bytes] == ' ');
    }
    return n;
}

void kc_vocab_say(const kc_vocab *vocab, int32_t token, FILE *out)
{
    const char *word = kc_vocab_word(vocab, token);
    int bytes;

    if (vocab->split == KC_SPLIT_WORDS || token == 0)
        fprintf(out, "%s%s", kc_lines_stop(word[0]) && !word[1] ? "" : " ", word);
    else
        for (; *word; word += bytes)
            fputc(kc_printable_byte(word, &bytes), out);
}
