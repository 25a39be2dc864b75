/* SPDX-License-Identifier: BSD-3-Clause */
/* Questions about the people of a first part of biographies, and their answers: <eos> question answer.
 * Of some people nothing is asked; their questions are held out, and who answers them has taken the
 * facts out of the biographies (arXiv 2309.14316, sections 2 and 4). A `person` is a question: question
 * i is about attribute i modulo 6 of person i / 6 in a keyed order of the people, those who are never
 * asked about last. What the answers hold is in the biographies: there are no bits of their own. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/kind/bios.h"
#include "kcap/base/memory.h"
#include "kcap/base/rng.h"

enum { ASKED = KC_BIOS_SENTENCES };

typedef struct questions {
    kc_bios *bios;
    int64_t asked; /* people */
    kc_pool before[ASKED], middle[ASKED], after[ASKED];
} questions;

static const kc_source sources[] = {KC_BIOS_SOURCES,
                                    KC_SOURCE("templates/ask_birth_date", sentences),
                                    KC_SOURCE("templates/ask_birth_city", sentences),
                                    KC_SOURCE("templates/ask_university", sentences),
                                    KC_SOURCE("templates/ask_major", sentences),
                                    KC_SOURCE("templates/ask_employer", sentences),
                                    KC_SOURCE("templates/ask_working_city", sentences),
                                    {NULL, NULL, 0}};
enum { FIRST_ASK = sizeof sources / sizeof *sources - 1 - ASKED };

static const char form[] = "Where was {subject} born? Answer: {value}.";

static int64_t held_out(const kc_corpus_keys *keys)
{
    return llround(keys->held_out * (double)keys->people);
}

static int check(const kc_config *settled, const kc_origin *o, kc_error *e)
{
    if (held_out(&settled->corpus) < settled->corpus.people)
        return KC_OK;
    return kc_fail_key(e, o, KC_AT_corpus_held_out, "%g of %lld people leaves nobody to ask about",
                       settled->corpus.held_out, (long long)settled->corpus.people);
}

static int form_check(const kc_lines *lines, const kc_lines *middle, const kc_lines *after,
                      int32_t i, kc_error *e)
{
    const char *between = kc_lines_at(middle, i);

    if (between[0] && strspn(between, " ") < strlen(between) && kc_lines_at(after, i)[0])
        return KC_OK;
    return kc_fail(e, KC_EINPUT,
                   "%s:%d: the question needs words between `{subject}` and `{value}` and a mark "
                   "behind; a line reads `%s`",
                   lines->path, i + 1, form);
}

static int form_read(const kc_corpus_keys *keys, const kc_files *files, int s, kc_vocab *vocab,
                     questions *q, kc_error *e)
{
    kc_lines whole = {0}, left = {0}, before = {0}, middle = {0}, after = {0};
    kc_corpus_keys all_lines = *keys;

    all_lines.sentences = 0;
    KC_TRY(kc_lines_load(&all_lines, files, &sources[FIRST_ASK + s], &whole, e));
    KC_TRY(kc_lines_halve(&whole, "{value}", form, &left, &after, e));
    KC_TRY(kc_lines_halve(&left, "{subject}", form, &before, &middle, e));
    for (int32_t i = 0; i < whole.n; i++)
        KC_TRY(form_check(&whole, &middle, &after, i, e));
    kc_pool_from_lines(&before, vocab, &q->before[s]);
    kc_pool_from_lines(&middle, vocab, &q->middle[s]);
    kc_pool_from_lines(&after, vocab, &q->after[s]);
out:
    kc_lines_free(&whole);
    kc_lines_free(&left);
    kc_lines_free(&before);
    kc_lines_free(&middle);
    kc_lines_free(&after);
    return e->code;
}

static void add_pool(int32_t *most, double *mean, const kc_pool *pool)
{
    *most += kc_pool_longest(pool);
    *mean += kc_pool_mean(pool);
}

/* The city of work follows from the employer, as in the biographies. */
static void describe(const questions *q, kc_corpus_info *info)
{
    const kc_bios *b = q->bios;

    info->attribute[0] = (kc_attribute){.name = "name"};
    info->n_attributes = 1 + ASKED;
    for (int s = 0; s < ASKED; s++) {
        const int32_t a = b->sentence[s].attribute;
        kc_attribute *asked = &info->attribute[1 + s];
        int32_t most = 1;
        double mean = 1;

        strcpy(asked->name, strrchr(sources[FIRST_ASK + s].name, '/') + sizeof "ask_");
        *strrchr(asked->name, '.') = 0;
        asked->counted = a != KC_BIOS_WORKING_CITY;
        if (asked->counted)
            asked->log2_pool = log2((double)b->value[a].n);
        asked->share = 1.0 / ASKED;
        for (int p = 0; p < KC_NAME_PARTS; p++)
            add_pool(&most, &mean, &b->name[p]);
        add_pool(&most, &mean, &q->before[s]);
        add_pool(&most, &mean, &q->middle[s]);
        add_pool(&most, &mean, &b->value[a]);
        add_pool(&most, &mean, &q->after[s]);
        info->max_doc_tokens = most > info->max_doc_tokens ? most : info->max_doc_tokens;
        info->mean_doc_tokens += mean / ASKED;
    }
}

static void *create(const kc_corpus_keys *keys, uint64_t seed, const kc_files *files,
                    kc_vocab *vocab, kc_corpus_info *info, kc_error *e)
{
    questions *q = kc_alloc(1, sizeof *q, "corpus");
    kc_corpus_info *of_bios = kc_alloc(1, sizeof *of_bios, "corpus");
    const int64_t never = held_out(keys);

    q->asked = keys->people - never;
    q->bios = kc_kind_bios.create(keys, seed, files, vocab, of_bios, e);
    KC_TRY(e->code);
    for (int s = 0; s < ASKED; s++)
        KC_TRY(form_read(keys, files, s, vocab, q, e));
    info->of_one = ASKED;
    info->n_people = q->asked * ASKED;
    info->n_held_out = (never < q->asked ? never : q->asked) * ASKED;
    describe(q, info);
out:
    free(of_bios);
    return q;
}

static void destroy(void *made)
{
    questions *q = made;

    kc_kind_bios.destroy(q->bios);
    for (int s = 0; s < ASKED; s++) {
        kc_pool_free(&q->before[s]);
        kc_pool_free(&q->middle[s]);
        kc_pool_free(&q->after[s]);
    }
    free(q);
}

/* Whom question i is about. */
static int64_t person_of(const questions *q, int64_t i)
{
    const kc_people *people = &q->bios->people;

    return (int64_t)kc_perm(people->seed, KC_STREAM_ASK, 0, (uint64_t)(i / ASKED),
                            (uint64_t)people->n);
}

static int64_t answer(const questions *q, int64_t i)
{
    const int32_t a = q->bios->sentence[i % ASKED].attribute;

    return kc_people_fact(&q->bios->people, person_of(q, i),
                          a == KC_BIOS_WORKING_CITY ? KC_BIOS_EMPLOYER : a, q->bios->value[a].n);
}

static int64_t value(const void *made, int64_t i, int32_t attribute)
{
    return attribute == 0
               ? kc_people_name(&((const questions *)made)->bios->people, person_of(made, i), NULL)
           : attribute == 1 + i % ASKED ? answer(made, i)
                                        : -1;
}

static kc_values values(const void *made, int32_t attribute)
{
    const kc_bios *b = ((const questions *)made)->bios;

    return kc_pool_values(&b->value[b->sentence[attribute - 1].attribute]);
}

static int64_t whom(const void *made, int64_t i, int is_held_out)
{
    const questions *q = made;

    return person_of(q, i + (is_held_out ? q->asked * ASKED : 0));
}

static void document(const void *made, int64_t index, int64_t exposure, kc_doc *doc)
{
    const questions *q = made;
    const kc_bios *b = q->bios;
    const int64_t i = index + (exposure <= KC_HELD_OUT ? q->asked * ASKED : 0);
    const int s = (int)(i % ASKED);
    const kc_pool *answers = &b->value[b->sentence[s].attribute];
    const int64_t said = answer(q, i);
    const int64_t t = (int64_t)kc_rand_below(
        b->people.seed, KC_STREAM_ASK, kc_people_text(i, exposure), 1, (uint64_t)q->before[s].n);
    int64_t part[KC_NAME_PARTS];

    kc_people_name(&b->people, person_of(q, i), part);
    doc->person = index;
    doc->tokens[0] = KC_EOS;
    doc->n_tokens = 1;
    kc_pool_put(&q->before[s], t, doc);
    const int32_t name = doc->n_tokens, open = b->name[2].opens[part[2]];
    for (int p = 0; p < KC_NAME_PARTS; p++)
        kc_pool_put(&b->name[p], part[p], doc);
    doc->spans[0] = (kc_span){index, 0, name, name + 1, doc->n_tokens + open, open};
    kc_pool_put(&q->middle[s], t, doc);
    const int32_t begin = doc->n_tokens, mark = kc_pool_length(&q->after[s], t);
    const int32_t opens = answers->opens[said] < mark ? answers->opens[said] : mark;
    kc_pool_put(answers, said, doc);
    doc->spans[1] = (kc_span){index, 1 + s, begin, begin + 1, doc->n_tokens + opens, opens};
    doc->n_spans = 2;
    kc_pool_put(&q->after[s], t, doc);
}

const kc_kind_ops kc_kind_questions = {.sources = sources,
                                       .check = check,
                                       .create = create,
                                       .document = document,
                                       .value = value,
                                       .destroy = destroy,
                                       .values = values,
                                       .whom = whom};
