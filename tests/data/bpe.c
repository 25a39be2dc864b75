/* SPDX-License-Identifier: BSD-3-Clause */
/* Byte pairs for bpe.py: `bpe FILE` prints the symbols of each text on standard input, a line a
 * text; `bpe --learn N` prints N merges learnt of them. A zero byte ends each text; the environment
 * has the PATTERN they are cut by, and WHOLE where pieces that are symbols are taken whole. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/word/bpe_learn.h"
#include "data/word/pretoken.h"
#include "data/word/printable.h"
#include "kcap/base/memory.h"
#include "kcap/base/plain.h"

static void print_tokens(const kc_pattern *pattern, const kc_bpe *bpe, const char *text,
                         int64_t bytes)
{
    kc_pieces *pieces = kc_pieces_begin(pattern, text, text + bytes);
    int32_t *symbols = kc_alloc(bytes, sizeof *symbols, "symbols");
    int first = 1;
    for (const char *at = text; at < text + bytes;) {
        const int32_t piece = (int32_t)kc_pieces_next(pieces, at - text);
        const int32_t n = kc_bpe_encode(bpe, at, piece, symbols);
        for (int32_t i = 0; i < n; i++, first = 0)
            printf("%s%s", first ? "" : " ", kc_vocab_word(&bpe->symbols, symbols[i]));
        at += piece;
    }
    puts(kc_pieces_end(pieces) ? " gave up" : "");
    free(symbols);
}

static void count_pieces(const kc_pattern *pattern, kc_vocab *pieces, int64_t **count,
                         int64_t *room, const char *text, int64_t bytes)
{
    kc_pieces *cut = kc_pieces_begin(pattern, text, text + bytes);
    char *seen = kc_alloc(bytes * KC_PRINTABLE_MOST, 1, "bytes");
    for (const char *at = text; at < text + bytes;) {
        const int64_t piece = kc_pieces_next(cut, at - text);
        int32_t n = 0, token;
        for (int64_t i = 0; i < piece; i++)
            n += kc_printable((uint8_t)at[i], seen + n);
        token = kc_vocab_intern(pieces, seen, n);
        *count = kc_grow(*count, room, token + 1, sizeof **count);
        (*count)[token]++;
        at += piece;
    }
    kc_pieces_end(cut);
    free(seen);
}

int main(int argc, char **argv)
{
    const int learns = argc > 2;
    char *text = NULL, *merges = NULL;
    size_t room = 0;
    int64_t count_room = 0, bytes = 0, *count = NULL;
    kc_bpe bpe = {0};
    kc_vocab pieces = {0};
    kc_error e = {0};
    kc_pattern *pattern = kc_pattern_create(getenv("PATTERN") ? getenv("PATTERN") : "", &e);
    if (learns)
        kc_bpe_create(&bpe);
    else if (!pattern || argc < 2 ||
             kc_plain_read(argv[1], 1 << 30, &merges, &bytes, &e) != KC_OK ||
             kc_bpe_read(argv[1], merges, &bpe, &e) != KC_OK) {
        fprintf(stderr, "%s\n", e.text);
        return 2;
    }
    bpe.takes_whole = getenv("WHOLE") != NULL;
    for (ssize_t n; (n = getdelim(&text, &room, 0, stdin)) > 0;)
        if (learns)
            count_pieces(pattern, &pieces, &count, &count_room, text, n - 1);
        else
            print_tokens(pattern, &bpe, text, n - 1);
    if (learns) {
        kc_bpe_learn(&pieces, count, atoll(argv[2]), NULL, &bpe);
        free(merges);
        merges = kc_bpe_text(&bpe, &bytes);
        fputs(merges, stdout);
    }
    free(text);
    free(merges);
    free(count);
    kc_vocab_free(&pieces);
    kc_bpe_free(&bpe);
    kc_pattern_free(pattern);
    return 0;
}
