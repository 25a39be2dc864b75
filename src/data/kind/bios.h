/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_DATA_KIND_BIOS_H
#define KCAP_DATA_KIND_BIOS_H

#include "kcap/data/corpus.h"
#include "data/people.h"
#include "data/text/pool.h"

/* Attributes of a biography, in the order of kc_corpus_info. */
enum {
    KC_BIOS_NAME,
    KC_BIOS_BIRTH_DATE,
    KC_BIOS_BIRTH_CITY,
    KC_BIOS_UNIVERSITY,
    KC_BIOS_MAJOR,
    KC_BIOS_EMPLOYER,
    KC_BIOS_PRONOUN,
    KC_BIOS_WORKING_CITY,
    KC_BIOS_ATTRIBUTES
};

enum { KC_BIOS_SENTENCES = 6 };

/* Sentences of one attribute. Sentence t is the subject, before[t], the value, after[t]. */
typedef struct kc_sentences {
    int32_t attribute;
    kc_pool before, after;
} kc_sentences;

/* bioS(N): six sentences in fresh words and fresh order. arXiv 2404.05405 section 2, 2309.14316
 * appendix A.1. All zero is empty; release with kc_bios_free. */
typedef struct kc_bios {
    kc_pool name[KC_NAME_PARTS];
    kc_pool value[KC_BIOS_ATTRIBUTES]; /* that of the name is empty                     */
    kc_sentences sentence[KC_BIOS_SENTENCES];
} kc_bios;

/* Read pools and templates, make the vocabulary, describe the corpus.
 *   vocab       holds <eos> alone before
 *   info        kind, people and exposures filled in before; the rest is filled in
 *   owns        the caller frees bios, after an error too
 *   errors      KC_EINPUT as kc_corpus_create */
int kc_bios_create(const kc_config *cfg, const kc_files *files, kc_bios *bios, kc_vocab *vocab,
                   kc_people *people, kc_corpus_info *info, kc_error *e);
void kc_bios_free(kc_bios *bios);

/* Read what bios is made of: the part of kc_bios_create that talks of files. */
int kc_bios_read(const kc_config *cfg, const kc_files *files, kc_bios *bios, kc_vocab *vocab,
                 kc_error *e);

/* Index of the person's value of attribute a; as kc_corpus_value. */
int64_t kc_bios_value(const kc_bios *bios, const kc_people *people, int64_t person, int32_t a);

/* As kc_corpus_document. */
void kc_bios_document(const kc_bios *bios, const kc_people *people, int64_t person,
                      int64_t exposure, kc_doc *doc);

#endif
