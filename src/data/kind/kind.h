/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_DATA_KIND_KIND_H
#define KCAP_DATA_KIND_KIND_H

#include "data/text/pool.h"
#include "data/word/vocab.h"
#include "kcap/config/place.h"
#include "kcap/data/corpus.h"

enum { KC_NAME_PARTS = 3 }; /* first, middle, last */

/* What a kind of corpus is. No function is collective but create, and that where kc_files.readers is set;
 * each gives the same on every rank. */
typedef struct kc_kind_ops {
    const kc_source *sources; /* the files it is made of, the last followed by an empty one */
    int by_index; /* 1: there is a person for any index, so that parts need not share any */

    /* Add files that keys name one by one, behind the sources; NULL: there are none.
     *   errors      KC_EINPUT */
    int (*load)(const kc_corpus_keys *keys, kc_files *files, kc_error *e);

    /* Are files that keys name those of a checkpoint, where they are there? NULL: they need not be.
     *   errors      KC_EINPUT */
    int (*same)(const kc_corpus_keys *keys, const kc_files *files, kc_error *e);

    /* What its keys demand of each other.
     *   o           for messages (kc_fail_key); may be NULL
     *   errors      KC_EINPUT */
    int (*check)(const kc_config *settled, const kc_origin *o, kc_error *e);

    /* Make what the other functions take; returns it for destroy, after an error too.
     *   keys        settled, and passed by check
     *   vocab       holds <eos> alone before, and the words of earlier parts; receives the other words
     *   first       the first part, which lives as long; NULL: this is it
     *   info        words, people and exposures filled in before, all else is filled in but
     *               n_vocab and max_bits
     *   errors      KC_EINPUT as kc_corpus_create */
    void *(*create)(const kc_corpus_keys *keys, uint64_t seed, const kc_files *files,
                    kc_vocab *vocab, const kc_corpus *first, kc_corpus_info *info, kc_error *e);

    /* As kc_corpus_document and kc_corpus_value. */
    void (*document)(const void *made, int64_t person, int64_t exposure, kc_doc *doc);
    int64_t (*value)(const void *made, int64_t person, int32_t attribute);
    void (*destroy)(void *made);

    /* As kc_corpus_values, of an attribute but the name; NULL: there are no lists. */
    kc_values (*values)(const void *made, int32_t attribute);

    /* What the name of a person is put together from, for questions: value part[i] of pool[i], borrowed.
     * Returns how many there are; NULL: nothing is asked of this kind. */
    int (*name)(const void *made, int64_t person, const kc_pool *pool[KC_NAME_PARTS],
                int64_t part[KC_NAME_PARTS]);

    /* As kc_corpus_whom, held out or not; NULL: the document's own. */
    int64_t (*whom)(const void *made, int64_t document, int is_held_out);
} kc_kind_ops;

/* The row of functions at the end of src/data/kind/<kind>.c. */
#define KC_KIND_ROW(key, kind, ...) extern const kc_kind_ops kc_kind_##kind;
KC_KINDS(KC_KIND_ROW, )
#undef KC_KIND_ROW

/* The row of a value of corpus.kind. */
const kc_kind_ops *kc_kind_of(int64_t kind);

/* The files that a part of these keys is made of: those of its kind, but for questions about a table, which
 * name theirs one by one. */
const kc_source *kc_kind_sources(const kc_corpus_keys *keys);

/* For the check of a kind whose tokens are numbered, and no texts.
 *   errors      KC_EINPUT: vocab.kind is not words */
int kc_kind_numbered(const kc_config *settled, const kc_origin *o, kc_error *e);

#endif
