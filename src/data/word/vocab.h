/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_DATA_WORD_VOCAB_H
#define KCAP_DATA_WORD_VOCAB_H

#include <stdint.h>

#include "kcap/comm/grid.h"

/* What texts are cut into, see kc_vocab_tokens. */
typedef enum kc_split { KC_SPLIT_WORDS, KC_SPLIT_PIECES, KC_SPLIT_PAIRS } kc_split;

/* Of a hash table: a word's number + 1, 0 where the place is free, and its hash. */
typedef struct kc_vocab_slot {
    int32_t word;
    uint32_t hash;
} kc_vocab_slot;

/* Words, numbered from 0 in the order they come. All zero is empty; release with kc_vocab_free. */
typedef struct kc_vocab {
    int32_t n;
    char *text;     /* the words, each followed by a zero byte           */
    int64_t *begin; /* [n]: where a word starts in text                  */
    int64_t bytes;  /* of text                                           */
    int64_t text_room, begin_room;
    kc_vocab_slot *slot; /* [n_slots]: hash table                                          */
    int32_t n_slots;     /* a power of two, or 0                                           */
    kc_split split;
    const struct kc_pattern *pattern; /* of PIECES and PAIRS, borrowed            */
    int gave_up;                      /* it took more steps on a text than it may             */
    const struct kc_bpe *bpe;         /* of PAIRS, borrowed                                   */
    int32_t *token_of;                /* of PAIRS: the token of each symbol; 0: it is none yet */
    int is_fixed;                     /* of PAIRS: there will be no other tokens              */
    int32_t missing;                  /* a symbol that texts need and is no token; 0: none    */
    int32_t n_groups;
    struct kc_vocab_group *group; /* [n_groups]                           */
} kc_vocab;

void kc_vocab_free(kc_vocab *vocab);

/* Rank 0's words to all, in place of theirs; pattern and bpe are the same on all and stay.
 *   collective  on all ranks */
void kc_vocab_give(const kc_grid *g, kc_vocab *vocab);

/* Add a word of `bytes` bytes even if there is one like it; returns its token. */
int32_t kc_vocab_add(kc_vocab *vocab, const char *word, int32_t bytes);

/* Words that are numbered for themselves, even where there are words like them, and are the same for all
 * parts of a corpus. The token of the first where a group of this name has n words or more, else
 * -1: the caller adds them, and they are the group from now on. */
int32_t kc_vocab_group(kc_vocab *vocab, const char *name, int64_t n);

/* A group of n words: <before>, a number from `first` on, <after>; at most 31 bytes each. Returns the
 * token of the first. */
int32_t kc_vocab_numbered(kc_vocab *vocab, const char *before, int64_t first, const char *after,
                          int64_t n);

/* The token of the first word like this one that came by kc_vocab_intern; new if there is none. */
int32_t kc_vocab_intern(kc_vocab *vocab, const char *word, int32_t bytes);

/* The token that kc_vocab_intern would give without making one, or -1. */
int32_t kc_vocab_find(const kc_vocab *vocab, const char *word, int32_t bytes);

/* Borrowed until the next word is added. */
const char *kc_vocab_word(const kc_vocab *vocab, int32_t token);

#endif
