/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_DATA_KIND_BIOS_H
#define KCAP_DATA_KIND_BIOS_H

#include "data/kind/people.h"
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

/* Its files; a sentence for each attribute that is told. */
enum {
    KC_BIOS_NAMES,
    KC_BIOS_CITIES = KC_NAME_PARTS,
    KC_BIOS_UNIVERSITIES,
    KC_BIOS_MAJORS,
    KC_BIOS_EMPLOYERS,
    KC_BIOS_TEMPLATES,
    KC_BIOS_SENTENCES = 6
};
#define KC_BIOS_SOURCES                                                                            \
    KC_NAME_SOURCES, KC_SOURCE("pools/city", cities), KC_SOURCE("pools/university", universities), \
        KC_SOURCE("pools/field", majors), KC_SOURCE("pools/company", employers),                   \
        KC_SOURCE("templates/birth_date", sentences),                                              \
        KC_SOURCE("templates/birth_city", sentences),                                              \
        KC_SOURCE("templates/university", sentences), KC_SOURCE("templates/major", sentences),     \
        KC_SOURCE("templates/employer", sentences), KC_SOURCE("templates/working_city", sentences)
extern const kc_source kc_bios_sources[KC_BIOS_TEMPLATES + KC_BIOS_SENTENCES + 1];

/* How a sentence is put: of one (a name, He, She), or of They. */
enum { KC_BIOS_ONE, KC_BIOS_THEY, KC_BIOS_FORMS };
enum { KC_BIOS_CALLED_THEY = 2 }; /* as a value of the pronoun */

/* Sentences of one attribute. Sentence t is the subject, before[t], the value, after[t] of a form;
 * that of They is empty where nobody is called so. */
typedef struct kc_sentences {
    int32_t attribute;
    kc_pool before[KC_BIOS_FORMS], after[KC_BIOS_FORMS];
} kc_sentences;

/* bioS(N): six sentences in fresh words and fresh order, and its variants. arXiv 2404.05405 section
 * 2, 2309.14316 appendix A.1. All zero is empty. */
typedef struct kc_bios {
    kc_people people;
    int64_t texts;         /* of a person; 0: a fresh one at each exposure          */
    int permute, fullname; /* as the keys say                                       */
    kc_pool name[KC_NAME_PARTS];
    kc_pool value[KC_BIOS_ATTRIBUTES]; /* that of the name is empty                     */
    kc_sentences sentence[KC_BIOS_SENTENCES];
} kc_bios;

/* Read what bios is made of, but for people: the part of its create that talks of files.
 *   errors      KC_EINPUT as kc_corpus_create */
int kc_bios_read(const kc_corpus_keys *keys, const kc_files *files, kc_bios *bios, kc_vocab *vocab,
                 kc_error *e);

#endif
