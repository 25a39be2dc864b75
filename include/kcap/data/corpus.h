/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_DATA_CORPUS_H
#define KCAP_DATA_CORPUS_H

#include "kcap/config/place.h"
#include "kcap/types/batch.h"
#include "kcap/types/files.h"
#include "kcap/types/record.h"

/* A corpus is a function, not a file: person(i) and document(i, exposure) follow from the seed and
 * the pools. Sources: arXiv 2404.05405 section 2 (bioS, bioD), its footnotes 9 and 12;
 * arXiv 2505.24832 (random; its bits are explained in src/data/kind/random.c). Facts of the user's
 * (src/data/kind/facts.c) come from a table. */
typedef struct kc_corpus kc_corpus;

/* A corpus has parts, each of a kind and with people of its own, and one vocabulary. What is said of a
 * corpus here is said of the part that sets the pace: the first one that has tokens. That is also what
 * measurement reads along the way. */
const kc_corpus *kc_corpus_part(const kc_corpus *corpus, int part);

/* The part whose people the corpus is about: its own; of questions the first, which they ask about. */
int kc_corpus_people(const kc_corpus *corpus);

/* One attribute of a person. Attribute 0 is always the name; of random, the string. */
typedef struct kc_attribute {
    char name[32];    /* name, birth_date, ..., or id1, id2, ...; random: string                 */
    double log2_pool; /* bits of one value: log2 of the values it is drawn from, uniformly; facts:
                         entropy of the values as they stand in the table                       */
    int counted;      /* 0: follows from another attribute (working_city) and stores no bits      */
    double share;     /* of the people who have it; 1 where create leaves 0                      */
    double weight;    /* of its losses in what KC_READ_CHUNKS reads; 1 where create leaves 0     */
    double distinct, string_bits; /* facts: its different values, and the bits that spell them   */
} kc_attribute;

/* What a table of facts holds besides; all 0 of other kinds. */
typedef struct kc_table_info {
    int64_t n_facts;          /* (name, attribute) with a value                       */
    int64_t n_duplicates;     /* rows left out because the same stands there          */
    int64_t n_contradictions; /* rows left out because another value stands there     */
    double uniform_bits;      /* values, were each drawn uniformly from the distinct ones of its
                                 attribute; entropy says values_bits                  */
    double bytes;             /* memory that it takes, once a node                    */
    char longest[300];        /* where the longest document comes from, file:line: name */
    char warning[900];        /* about rows left out; empty: none were                 */
} kc_table_info;

/* What a loss is read of: the spans of the name, of all counted values, of these' first chunks. */
typedef enum kc_read { KC_READ_NAME, KC_READ_VALUES, KC_READ_CHUNKS, KC_N_READS } kc_read;

/* A part of what a corpus holds: `items` draws of log2_size bits each. Of these a model stores
 *   items x (log2_size - nats x log2 e)
 * bits, with nats the summed loss of what is read over `reads`. Who has learnt all still pays
 * log2_left bits each, to say which of the items is meant where the text does not. */
typedef struct kc_term {
    const char *name; /* for people; NULL: the corpus holds no such part */
    double items, reads, log2_size, log2_left;
    double
        max_bits; /* of a perfect memory: items x (log2_size - log2_left); the corpus fills it in */
} kc_term;

/* People first ... end-1, who are shown about equally often: `exposures` times in the mean. */
typedef struct kc_band {
    int64_t first, end;
    double exposures;
} kc_band;

enum { KC_BANDS_MAX = 32 };

/* What a part of the corpus holds; constant. */
typedef struct kc_corpus_info {
    const char *kind, *one, *many; /* corpus.kind and what it holds, in words     */
    const char *law;               /* what was published of such, see kinds.def   */
    double law_bits_per_param;     /* the same as a number                        */
    int64_t n_people, exposures;   /* N, documents of each; of all parts but one no end */
    int64_t of_one;         /* documents about the same person, rounded up: of questions several */
    int64_t n_held_out;     /* that measurement reads and training never shows; 0: none */
    int64_t n_vocab;        /* V */
    const char *token_word; /* what they are: words, or tokens of several bytes */
    int32_t n_attributes;   /* the name included */
    kc_attribute attribute[KC_ATTRIBUTES_MAX];
    int part, n_parts;               /* which one, from 0; of the whole corpus */
    int asked_part;                  /* the first of questions of which some are held out, from 1;
                                        0: there is none */
    double share;                    /* of all tokens, this part's */
    int32_t room_tokens, room_spans; /* of the longest document of any part */
    int32_t max_doc_tokens;          /* longest possible document, <eos> included */
    double mean_doc_tokens;          /* expected length, <eos> included */
    int lengths_are_equal;           /* 1: every document has mean_doc_tokens tokens exactly */
    int windows_are_single;          /* 1: a window holds one document, and begins with it */
    kc_term term[KC_N_READS];
    char terms[64];      /* their names, - where there is none, parted by blanks           */
    double max_bits;     /* of a perfect memory of all terms                               */
    double ordered_bits; /* the same with log2_left 0: of one that knows whose turn it is  */
    kc_table_info table;
    int n_bands; /* where people are shown more and less often; 0: all alike */
    kc_band band[KC_BANDS_MAX];
} kc_corpus_info;

/* In place of an exposure: the document that measurement reads; one that is never shown, of a `person`
 * below n_held_out, who is none of the corpus's. KC_HELD_OUT - k is a held-out question in other words. */
enum { KC_MEASURE = -1, KC_HELD_OUT = -2 };

enum { KC_EOS = 0 }; /* token that begins every document */

/* Check what the keys of the corpus demand of each other (names that suffice for the people, ...),
 * before anything is read or built.
 *   o           where the values came from, for messages; NULL: not known
 *   collective  no
 *   errors      KC_EINPUT */
int kc_corpus_check(const kc_config *cfg, const kc_origin *o, kc_error *e);

/* Read the pool and template files that this configuration needs.
 *   teller      is told of what takes long, now and where a corpus is made of them; NULL: nobody is
 *   collective  no: one rank reads, kc_input_files gives the others what it read
 *   owns        the caller frees with kc_files_free
 *   errors      KC_EIO or KC_EINPUT naming the file that is missing, and the folders tried;
 *               random needs no file and has none of these. Of vocab.kind bpe those of
 *               kc_corpus_create too, and a vocab.size too small for the bytes that occur: its
 *               merges are learnt here, once, and are a file of the corpus from then on */
int kc_files_load(const kc_config *cfg, kc_teller *teller, kc_files *files, kc_error *e);

/* The same without the merges of vocab.kind bpe, which kc_files_learn then adds. */
int kc_files_read(const kc_config *cfg, kc_teller *teller, kc_files *files, kc_error *e);
void kc_files_free(kc_files *files);

/* Byte pairs learnt of the corpus that the files make, in place of those that are among them.
 *   collective  on all ranks of files->readers, where that is set, and agreed on there
 *   errors      KC_EINPUT as kc_files_load */
int kc_files_learn(const kc_config *cfg, kc_files *files, kc_error *e);

/* Is a file that a key names, where it is there, the one that these of a checkpoint hold or tell of?
 *   collective  no
 *   errors      KC_EINPUT: it is another one */
int kc_files_check(const kc_config *cfg, const kc_files *files, kc_error *e);

/* Build pools, templates and vocabulary; keeps what it needs of `files`, which may be freed after.
 *   collective  on all ranks of files->readers, where that is set: each reads a part of a large table, once,
 *               and the ranks of a node have it in common; the same on every rank
 *   owns        release with kc_corpus_destroy, which accepts NULL
 *   errors      KC_EINPUT: those of kc_corpus_check, a pool with fewer values than the key asks
 *               (both counts named), an empty or doubled line (file:line), a template without
 *               {subject} first or {value} once, a company without `; City, ST`, more people than
 *               names, two values that a sentence in use cannot tell apart (`Acme` and `Acme Inc`
 *               before its word `Inc`) */
int kc_corpus_create(const kc_config *cfg, const kc_files *files, kc_corpus **corpus, kc_error *e);
void kc_corpus_destroy(kc_corpus *corpus);

/* Does a corpus depend on the key that `key` begins with, `corpus.people=20`? Two configurations that
 * differ in others alone make the same one of the same files. */
int kc_corpus_reads(const char *key);

/* Borrowed; lives as long as the corpus. */
const kc_corpus_info *kc_corpus_about(const kc_corpus *corpus);

/* The document of a person at an exposure: fresh templates and sentence order at each (random:
 * always the same text).
 *   exposure    0 ... , or KC_HELD_OUT, or KC_MEASURE: one fixed draw of its own, in which the working city never
 *               comes before the employer, so that the employer's bits are read before they leak
 *   doc         buffers of the caller: max_doc_tokens tokens, n_attributes spans; spans stand in
 *               the order of the text, each attribute once; the pronoun's span is its first
 *               occurrence. A value that is a proper prefix of another one of its pool spans what
 *               follows too, up to the token that tells the two apart (of words one token, of
 *               byte pairs rarely two), so that Pr[value] sums to at most 1 over the pool
 *   collective  no; same bits everywhere */
void kc_corpus_document(const kc_corpus *corpus, int64_t person, int64_t exposure, kc_doc *doc);

/* Index of the person's value of attribute a, below the pool's size (a = 0: of the full name, below
 * N0; birth_date: (year * 12 + month) * 28 + day; working_city: that of the employer;
 * biod: of chunk 0; random: of the string's first token, below V; facts: in the order in which the
 * values come in the table, -1 for an attribute that the name does not have). For tests and tables. */
int64_t kc_corpus_value(const kc_corpus *corpus, int64_t person, int32_t attribute);

/* The values that an attribute can have: value i is token[begin[i]] up to token[begin[i + 1] - 1], and
 * opens[i] tokens more, those that follow in the text, where it is a proper prefix of another one.
 * Borrowed from the corpus. Two may be the same tokens. */
typedef struct kc_values {
    int64_t n; /* 0: there is no list of them: names, random strings */
    const int32_t *begin, *token, *opens;
    int heads; /* 1: of a value's first chunk alone, up to head_end of its span */
} kc_values;
kc_values kc_corpus_values(const kc_corpus *corpus, int32_t attribute);

/* Whom of the first part a document, shown or held out, is about: of questions a person, of all other
 * kinds the document's own.
 *   exposure    KC_HELD_OUT, or any other */
int64_t kc_corpus_whom(const kc_corpus *corpus, int64_t document, int64_t exposure);

/* The word of a token: borrowed, UTF-8. <eos> for KC_EOS; of byte pairs each byte is a character
 * that can be seen (a blank is Ġ), as in GPT-2's files. */
const char *kc_corpus_word(const kc_corpus *corpus, int32_t token);

/* All words in the order of their tokens, a line each. The caller frees the text. */
char *kc_corpus_words(const kc_corpus *corpus);

/* Running text of n tokens, with the blanks that stand before them; the caller frees it. UTF-8,
 * where the tokens begin and end with characters. */
char *kc_corpus_text(const kc_corpus *corpus, const int32_t *tokens, int32_t n);

/* The version of PCRE2, which cuts texts of byte pairs, and of the Unicode it knows. */
void kc_text_version(char *text, size_t size);

#endif
