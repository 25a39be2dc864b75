/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_DATA_CORPUS_H
#define KCAP_DATA_CORPUS_H

#include "kcap/config/config.h"
#include "kcap/types/batch.h"
#include "kcap/types/files.h"
#include "kcap/types/record.h"

/* A corpus is a function, not a file: person(i) and document(i, exposure) follow from the seed and
 * the pools. Sources: arXiv 2404.05405 section 2 (bioS, bioD), its footnotes 9 and 12;
 * arXiv 2505.24832 (random; its bits are explained in src/data/kind/random.h). */
typedef struct kc_corpus kc_corpus;

/* corpus.kind, in the order of its words. */
typedef enum kc_kind { KC_KIND_BIOS, KC_KIND_BIOD, KC_KIND_RANDOM } kc_kind;

kc_kind kc_kind_of(const kc_config *cfg);

/* One attribute of a person. Attribute 0 is always the name; of random, the string. */
typedef struct kc_attribute {
    char name[32];    /* name, birth_date, ..., or id1, id2, ...; random: string                 */
    double log2_pool; /* bits of one value: log2 of the values it is drawn from, uniformly       */
    int counted;      /* 0: follows from another attribute (working_city) and stores no bits      */
} kc_attribute;

/* What the corpus holds; constant. */
typedef struct kc_corpus_info {
    kc_kind kind;
    int64_t n_people, exposures; /* N, documents of each */
    int64_t n_vocab;             /* V */
    int32_t n_attributes;        /* the name included */
    kc_attribute attribute[KC_ATTRIBUTES_MAX];
    int32_t max_doc_tokens; /* longest possible document, <eos> included */
    double mean_doc_tokens; /* expected length, <eos> included */
    int lengths_are_equal;  /* 1: every document has mean_doc_tokens tokens exactly */
    double log2_names;      /* log2 N0; random: log2 V^S, V without <eos> */
    double log2_values;     /* bios: log2 S0; biod: log2 D^C, of one attribute; random: 0 */
    double log2_strings;    /* biod: log2 T^L; else 0 */
    int64_t K, C, D, L;     /* biod; else 0, but for L: S of random */
    double max_name_bits, max_value_bits, max_diversity_bits, max_bits; /* of the whole corpus */
    double ordered_bits; /* random: H = N S log2 V; else 0 */
} kc_corpus_info;

enum { KC_MEASURE = -1 }; /* in place of an exposure: the document that measurement reads */

enum { KC_EOS = 0 }; /* token that begins every document */

/* Read the pool and template files that this configuration needs.
 *   collective  no: one rank reads, the session gives the others what it read
 *   owns        the caller frees with kc_files_free
 *   errors      KC_EIO or KC_EINPUT naming the file that is missing, and the folders tried;
 *               random needs no file and has none of these */
int kc_files_load(const kc_config *cfg, kc_files *files, kc_error *e);
void kc_files_free(kc_files *files);

/* Build pools, templates and vocabulary; keeps what it needs of `files`, which may be freed after.
 *   collective  no; the same on every rank
 *   owns        release with kc_corpus_destroy, which accepts NULL
 *   errors      KC_EINPUT: a pool with fewer values than the key asks (both counts named), an empty
 *               or doubled line (file:line), a template without {subject} first or {value} once, a
 *               company without `; City, ST`, more people than names, D > T^L, N > V^S, two values
 *               that a sentence in use cannot tell apart (`Acme` and `Acme Inc` before its word
 *               `Inc`) */
int kc_corpus_create(const kc_config *cfg, const kc_files *files, kc_corpus **corpus, kc_error *e);
void kc_corpus_destroy(kc_corpus *corpus);

/* Borrowed; lives as long as the corpus. */
const kc_corpus_info *kc_corpus_about(const kc_corpus *corpus);

/* The document of a person at an exposure: fresh templates and sentence order at each (random:
 * always the same text).
 *   exposure    0 ... , or KC_MEASURE: one fixed draw of its own, in which the working city never
 *               comes before the employer, so that the employer's bits are read before they leak
 *   doc         buffers of the caller: max_doc_tokens tokens, n_attributes spans; spans stand in
 *               the order of the text, each attribute once; the pronoun's span is its first
 *               occurrence. A value that is a proper prefix of another one of its pool spans the
 *               token after it too, so that Pr[value] sums to at most 1 over the pool
 *   collective  no; same bits everywhere */
void kc_corpus_document(const kc_corpus *corpus, int64_t person, int64_t exposure, kc_doc *doc);

/* Index of the person's value of attribute a, below the pool's size (a = 0: of the full name, below
 * N0; birth_date: (year * 12 + month) * 28 + day; working_city: that of the employer;
 * biod: of chunk 0; random: of the string's first token, below V). For tests and tables. */
int64_t kc_corpus_value(const kc_corpus *corpus, int64_t person, int32_t attribute);

/* The word of a token: borrowed, UTF-8. <eos> for KC_EOS. */
const char *kc_corpus_word(const kc_corpus *corpus, int32_t token);

/* All words in the order of their tokens, a line each. The caller frees the text. */
char *kc_corpus_words(const kc_corpus *corpus);

/* 1 when no blank stands before this word in running text (, . ; : ! ?). */
int kc_corpus_word_joins(const kc_corpus *corpus, int32_t token);

#endif
