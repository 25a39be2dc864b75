/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_DATA_KIND_FACTS_H
#define KCAP_DATA_KIND_FACTS_H

#include "data/kind/people.h"
#include "data/text/fact_table.h"
#include "data/text/pool.h"
#include "kcap/comm/share.h"

/* The user's facts, in tokens. All zero is empty. */
typedef struct kc_facts {
    kc_people people;    /* of its fields only seed and n are meant */
    kc_fact_table table; /* names and values are let go once they are in tokens */
    kc_pool name;
    int32_t n_attributes;
    kc_pool value[KC_ATTRIBUTES_MAX - 1];
    /* How a fact is said: before[a][i] value after[a][i], the name in front of each where it is in
     * sentences; in compact text one marker before and nothing behind. */
    int in_sentences;
    kc_pool before[KC_ATTRIBUTES_MAX - 1], after[KC_ATTRIBUTES_MAX - 1];
    kc_shared shared; /* where all arrays lie that ranks have in common */
} kc_facts;

/* Rank 0's facts to all, with the vocabulary and what is known of the corpus. The table has no texts any
 * more.
 *   collective  on all ranks */
void kc_facts_give(const kc_grid *g, kc_facts *f, kc_vocab *vocab, kc_corpus_info *info);

/* Bytes of the arrays. */
int64_t kc_facts_bytes(kc_facts *f);

/* How facts are said: by the sentences of corpus.templates, or compact; names and values in tokens.
 *   errors      KC_EINPUT: no sentences of an attribute; as kc_lines_load, kc_sentences_halve,
 *               kc_pool_from_texts and kc_pool_mark */
int kc_facts_tokens(const kc_corpus_keys *keys, const kc_files *files, kc_facts *f, kc_vocab *vocab,
                    kc_error *e);

/* Put the sentences, each .txt of corpus.templates, and the table into `files`: whole, or where it is large what it can be told by: path, bytes, hash. A
 * path `-`, which no input file can name, is standard input, held whole.
 *   errors      KC_EINPUT as kc_plain_read; no file named; written to meanwhile */
int kc_facts_load(const kc_corpus_keys *keys, kc_files *files, kc_error *e);

/* As kc_kind_ops.same. */
int kc_facts_same(const kc_corpus_keys *keys, const kc_files *files, kc_error *e);

/* Read the table that `files` holds or names, and whether it is said in sentences: of files->readers rank 0
 * has it then, and each reads a part of a large one where all see the same file. Of a large one the bytes must be those of the hash; it is
 * looked for where corpus.file says, where it was, and in the working directory.
 *   collective  on all ranks of files->readers, where that is set; errors are agreed on
 *   errors      KC_EINPUT as kc_fact_table_read; not found, or another one; written to meanwhile */
int kc_facts_table(const kc_corpus_keys *keys, const kc_files *files, kc_facts *facts, kc_error *e);

/* Fill in what the corpus holds: attributes, terms, lengths.
 *   errors      KC_EINPUT: corpus.universe below the number of names */
int kc_facts_describe(const kc_facts *f, const kc_corpus_keys *keys, const kc_vocab *vocab,
                      kc_corpus_info *info, kc_error *e);

/* The terms' names. */
void kc_facts_name_terms(kc_corpus_info *info);

/* Bits of all texts, token by token, each with an end mark, by how often each token stands in them:
 * M H for M tokens, end marks included, of entropy H. */
double kc_facts_code(const kc_pool *texts, int32_t n_vocab);

#endif
