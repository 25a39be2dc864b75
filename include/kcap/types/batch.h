/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_TYPES_BATCH_H
#define KCAP_TYPES_BATCH_H

#include <stdint.h>

enum { KC_ATTRIBUTES_MAX = 65 }; /* of a person: the name and up to 64 */

/* The tokens of one attribute's value (or of the name) inside a document or a window. Positions
 * count tokens from 0. `head_end` ends the value's first chunk (bioD: `length` tokens; facts: all of
 * it; else its first token). */
typedef struct kc_span {
    int64_t person;
    int32_t attribute;            /* 0 is the name; index into kc_corpus_info.attribute          */
    int32_t begin, head_end, end; /* begin < head_end <= end                                     */
    int64_t opens; /* n: the last n tokens are not the value's own, but tells that no longer
                                     value is meant                                              */
} kc_span;

/* One document of one person: an <eos> token, then the text. Buffers belong to whoever made the
 * kc_doc and hold at least max_doc_tokens and n_attributes entries (see kc_corpus_info). */
typedef struct kc_doc {
    int64_t person;
    int32_t n_tokens, n_spans;
    int32_t *tokens;
    kc_span *spans;
} kc_doc;

enum { KC_NO_TARGET = -1 }; /* target of a position that is not counted */

/* Windows of T tokens. tokens [B,T]: the inputs; targets [B,T]: the token that follows each, or
 * KC_NO_TARGET. Span positions are those of the *targets*: target t of the window is predicted at
 * position t. The caller owns all buffers. */
typedef struct kc_batch {
    int64_t windows, context; /* B, T */
    int32_t *tokens, *targets;
    int64_t counted; /* targets that count */
    int32_t n_spans; /* measurement only   */
    kc_span *spans;  /* measurement only; NULL in training */
} kc_batch;

/* Where a lane stands in its stream of a part's documents. All zero is the start. */
typedef struct kc_cursor {
    int64_t epoch;  /* exposures of each person already given in full      */
    int64_t next;   /* index of the lane's next document within the epoch  */
    int64_t offset; /* tokens of that document already used as inputs      */
    int64_t docs;   /* documents used up, all epochs                       */
    int64_t used;   /* places of windows that the stream has filled, with what pads them */
} kc_cursor;

#endif
