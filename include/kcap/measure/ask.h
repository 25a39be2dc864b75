/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_MEASURE_ASK_H
#define KCAP_MEASURE_ASK_H

#include "kcap/data/find.h"
#include "kcap/measure/subject.h"

/* A model that answers: greedy continuation of a text, each token the most likely one after all before. */
typedef struct kc_asker kc_asker;

/* An answer. Texts are owned: kc_answer_free. */
typedef struct kc_answer {
    kc_place place;        /* what the text asks for; part -1: no text of the corpus's */
    const char *attribute; /* its name, borrowed; NULL: not known                      */
    char *question;        /* the text                                                 */
    char *text;            /* the continuation, up to <eos>                            */
    char *answer;       /* of it the value, where it is one that the attribute can have, else all */
    double probability; /* of the answer's tokens, each after those before it       */
    char *truth;        /* NULL: not known                                          */
    double truth_probability,
        rank; /* of all its tokens, those that tell its end too; NaN: no list */
    int64_t candidates;
    int right; /* the truth is what comes out                                     */
} kc_answer;
void kc_answer_free(kc_answer *a);

/* x: borrowed. collective on all ranks, as all that follows: each rank has the same answers.
 *   tokens      of a continuation, at most */
kc_asker *kc_asker_create(const kc_subject *x, int64_t tokens);
void kc_asker_destroy(kc_asker *asker);

/* People are those of kc_corpus_people: of questions whom they ask about. How many; a person's name: the caller frees it. collective: no */
const kc_corpus_info *kc_asker_people(const kc_asker *asker);
char *kc_asker_name(kc_asker *asker, int64_t person);

/* Continue a text, in a line of anybody's.
 *   errors      KC_EINPUT as kc_corpus_read; nothing is owned then */
int kc_ask(kc_asker *asker, const char *text, kc_answer *a, kc_error *e);

/* What the model says of a person, after the beginning of the text that measurement reads,
 * and asked by the questions of a later part: one after the other.
 *   i           from 0
 *   returns     1, or 0: there are no more */
int kc_ask_person(kc_asker *asker, int64_t person, int64_t i, kc_answer *a);

#endif
