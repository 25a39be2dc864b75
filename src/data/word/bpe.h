/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_DATA_WORD_BPE_H
#define KCAP_DATA_WORD_BPE_H

#include "data/word/vocab.h"
#include "kcap/base/err.h"

enum { KC_BYTES = 256 };

/* A pair of symbols that stands for a third one; the earlier rank is merged first. */
typedef struct kc_merge {
    int32_t left, right, symbol;
} kc_merge;

enum { KC_SYMBOL_MOST = 4096 }; /* bytes of a symbol in printable form */

/* Byte-pair encoding over bytes (Sennrich et al., arXiv 1508.07909; over bytes in GPT-2). All zero
 * is empty; release with kc_bpe_free. */
typedef struct kc_bpe {
    kc_vocab symbols; /* in printable form; symbol b < 256 is byte b */
    kc_merge *merge;  /* [n], in the order of ranks                  */
    int32_t n, *slot; /* hash table of ranks + 1; 0 is a free place  */
    int64_t room, n_slots;
    int takes_whole; /* a piece that is a symbol is that one, whatever its pairs make */
} kc_bpe;

/* Read merges: a line each, two symbols in printable form parted by a blank. A first line that
 * begins with `#version` is none.
 *   path        for messages
 *   text        ends with a zero byte
 *   owns        the caller frees *bpe with kc_bpe_free, after an error too
 *   errors      KC_EINPUT with file:line: not two symbols, a character that stands for no byte, a
 *               symbol that is neither a byte nor made by a merge, a pair twice; no merge at all is
 *               none */
int kc_bpe_read(const char *path, const char *text, kc_bpe *bpe, kc_error *e);

/* One with the bytes alone; then add merges in the order of their ranks. Returns the new symbol. */
void kc_bpe_create(kc_bpe *bpe);
int32_t kc_bpe_add(kc_bpe *bpe, int32_t left, int32_t right);
void kc_bpe_free(kc_bpe *bpe);

/* The rank of a pair; -1: it is not merged. */
int32_t kc_bpe_rank(const kc_bpe *bpe, int32_t left, int32_t right);

/* The merges as kc_bpe_read takes them; the caller frees the text. */
char *kc_bpe_text(const kc_bpe *bpe, int64_t *bytes);

/* The symbols of one piece of a text (kc_pieces_next): again and again the pair of the earliest rank
 * is merged, from the left.
 *   symbols     room for `bytes`; returns how many there are */
int32_t kc_bpe_encode(const kc_bpe *bpe, const char *piece, int32_t bytes, int32_t *symbols);

#endif
