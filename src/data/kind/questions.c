/* SPDX-License-Identifier: BSD-3-Clause */
/* Questions about the people of a first part of biographies, or the names of a table, and their answers:
 * <eos> question answer. Of some people nothing is asked; their questions are held out, and who answers
 * them has taken the facts out of the first part (arXiv 2309.14316, sections 2 and 4). A `person` is a
 * question: the people stand in a keyed order, those who are never asked about last, and of each one
 * comes after the other what there is to ask. What the answers hold is in the first part: there are no
 * bits of their own. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/kind/bios.h"
#include "data/kind/questions.h"
#include "kcap/base/memory.h"
#include "kcap/base/rng.h"

static const kc_source sources[] = {KC_BIOS_SOURCES,
                                    KC_SOURCE("templates/ask_birth_date", sentences),
                                    KC_SOURCE("templates/ask_birth_city", sentences),
                                    KC_SOURCE("templates/ask_university", sentences),
                                    KC_SOURCE("templates/ask_major", sentences),
                                    KC_SOURCE("templates/ask_employer", sentences),
                                    KC_SOURCE("templates/ask_working_city", sentences),
                                    {NULL, NULL, 0}};

static int64_t held_out(const kc_corpus_keys *keys, int64_t people)
{
    return llround(keys->held_out * (double)people);
}

/* How many a table has is known when it is read. */
static int check(const kc_config *settled, const kc_origin *o, kc_error *e)
{
    const int64_t people = settled->corpus.people;

    if (people == 0 || held_out(&settled->corpus, people) < people)
        return KC_OK;
    return kc_fail_key(e, o, KC_AT_corpus_held_out, "%g of %lld people leaves nobody to ask about",
                       settled->corpus.held_out, (long long)people);
}

static int64_t people_of(const kc_questions *q)
{
    return kc_corpus_about(q->about)->n_people;
}

/* The k-th person in their order. */
static int64_t person_at(const kc_questions *q, int64_t k)
{
    return (int64_t)kc_perm(q->about->seed, KC_STREAM_ASK, 0, (uint64_t)k, (uint64_t)people_of(q));
}

/* The first question about the k-th person. */
static int64_t first_of(const kc_questions *q, int64_t k)
{
    return q->begin ? q->begin[k] : k * q->n_forms;
}

/* Whom, in their order, a question is about. */
static int64_t person_of(const kc_questions *q, int64_t question)
{
    int64_t k = 0, end = people_of(q);

    if (!q->begin)
        return question / q->n_forms;
    while (end - k > 1) {
        const int64_t middle = k + (end - k) / 2;

        if (first_of(q, middle) <= question)
            k = middle;
        else
            end = middle;
    }
    return k;
}

/* A question: whom and what it asks, and the answer among the values. */
typedef struct question {
    int64_t person, answer;
    int32_t form;
} question;

static question question_at(const kc_questions *q, int64_t i)
{
    const int64_t k = person_of(q, i);
    question asks = {.person = person_at(q, k), .form = -1};

    for (int64_t left = i - first_of(q, k); left >= 0; left -= asks.answer >= 0)
        asks.answer = kc_corpus_value(q->about, asks.person, q->form[++asks.form].attribute);
    return asks;
}

/* Tokens of a person's name. */
static int32_t name_tokens(const kc_questions *q, int64_t person)
{
    const kc_pool *pool[KC_NAME_PARTS];
    int64_t part[KC_NAME_PARTS];
    int32_t tokens = 0;

    for (int p = q->about->kind->name(q->about->made, person, pool, part) - 1; p >= 0; p--)
        tokens += kc_pool_length(pool[p], part[p]);
    return tokens;
}

/* Tokens of a form's words, <eos> included. */
static kc_lengths form_lengths(const kc_form *f)
{
    kc_lengths l = {1, 1, 1};

    kc_lengths_add(&l, &f->before, 1);
    kc_lengths_add(&l, &f->middle, 1);
    kc_lengths_add(&l, &f->after, 1);
    return l;
}

/* Count what is asked of a table, name by name. */
static void count_table(kc_questions *q, kc_corpus_info *info)
{
    const int64_t people = people_of(q);
    double all = 0;

    q->begin = kc_alloc(people + 1, sizeof *q->begin, "questions");
    for (int64_t k = 0; k < people; k++) {
        const int64_t person = person_at(q, k);
        const int32_t name = name_tokens(q, person);

        q->begin[k + 1] = q->begin[k];
        for (int32_t s = 0; s < q->n_forms; s++) {
            const kc_form *f = &q->form[s];
            const int64_t answer = kc_corpus_value(q->about, person, f->attribute);
            const kc_lengths l = form_lengths(f);

            if (answer < 0)
                continue;
            const int32_t tokens = name + kc_pool_length(&f->answer, answer);

            q->begin[k + 1]++;
            info->max_doc_tokens =
                l.most + tokens > info->max_doc_tokens ? l.most + tokens : info->max_doc_tokens;
            if (k >= q->asked)
                continue;
            all += l.mean + tokens;
            info->attribute[1 + s].share++;
        }
    }
    for (int32_t s = 0; s < q->n_forms; s++)
        info->attribute[1 + s].share /= (double)q->begin[q->asked];
    info->mean_doc_tokens = all / (double)q->begin[q->asked];
}

/* Of biographies all is asked of everybody, and values are uniform. */
static void count_people(const kc_questions *q, kc_corpus_info *info)
{
    const kc_pool *pool[KC_NAME_PARTS];
    int64_t part[KC_NAME_PARTS];
    const int n = q->about->kind->name(q->about->made, 0, pool, part);

    for (int32_t s = 0; s < q->n_forms; s++) {
        kc_lengths l = form_lengths(&q->form[s]);

        for (int p = 0; p < n; p++)
            kc_lengths_add(&l, pool[p], 1);
        kc_lengths_add(&l, &q->form[s].answer, 1);
        info->attribute[1 + s].share = 1.0 / q->n_forms;
        info->max_doc_tokens = l.most > info->max_doc_tokens ? l.most : info->max_doc_tokens;
        info->mean_doc_tokens += l.mean / q->n_forms;
    }
}

static void describe(kc_questions *q, int of_table, int64_t never, kc_corpus_info *info)
{
    const kc_corpus_info *about = kc_corpus_about(q->about);

    info->n_attributes = 1 + q->n_forms;
    info->attribute[0] = (kc_attribute){.name = "name"};
    for (int32_t s = 0; s < q->n_forms; s++) {
        const kc_attribute *a = &about->attribute[q->form[s].attribute];

        info->attribute[1 + s] = (kc_attribute){.log2_pool = a->log2_pool, .counted = a->counted};
        memcpy(info->attribute[1 + s].name, a->name, sizeof a->name);
    }
    if (of_table)
        count_table(q, info);
    else
        count_people(q, info);
    info->n_people = first_of(q, q->asked);
    info->n_held_out =
        first_of(q, q->asked + (never < q->asked ? never : q->asked)) - info->n_people;
    info->of_one = (info->n_people + q->asked - 1) / q->asked;
}

static void *create(const kc_corpus_keys *keys, uint64_t seed, const kc_files *files,
                    kc_vocab *vocab, const kc_corpus *first, kc_corpus_info *info, kc_error *e)
{
    kc_questions *q = kc_alloc(1, sizeof *q, "corpus");

    (void)seed; /* the first part's */
    q->about = first;
    const int64_t never = held_out(keys, people_of(q));

    q->asked = people_of(q) - never;
    if (q->asked < 1)
        kc_fail(e, KC_EINPUT, "corpus.held_out: %g of %lld names leaves nobody to ask about",
                keys->held_out, (long long)people_of(q));
    KC_TRY(e->code);
    KC_TRY(kc_questions_read(keys, files, vocab, q, e));
    describe(q, keys->file[0] != 0, never, info);
out:
    return q;
}

static void destroy(void *made)
{
    kc_questions *q = made;

    for (int32_t s = 0; s < q->n_forms; s++) {
        kc_pool_free(&q->form[s].before);
        kc_pool_free(&q->form[s].middle);
        kc_pool_free(&q->form[s].after);
        free(q->form[s].answer.opens);
    }
    free(q->begin);
    free(q);
}

static int64_t value(const void *made, int64_t i, int32_t attribute)
{
    const kc_questions *q = made;
    const question asks = question_at(q, i);

    if (attribute == 0)
        return kc_corpus_value(q->about, asks.person, 0);
    return attribute == 1 + asks.form ? asks.answer : -1;
}

static kc_values values(const void *made, int32_t attribute)
{
    return kc_pool_values(&((const kc_questions *)made)->form[attribute - 1].answer);
}

/* The number of a question that is shown or held out. */
static int64_t number_of(const kc_questions *q, int64_t i, int is_held_out)
{
    return i + (is_held_out ? first_of(q, q->asked) : 0);
}

static int64_t whom(const void *made, int64_t i, int is_held_out)
{
    const kc_questions *q = made;

    return person_at(q, person_of(q, number_of(q, i, is_held_out)));
}

static void put_name(const kc_questions *q, int64_t person, kc_doc *doc)
{
    const kc_pool *pool[KC_NAME_PARTS];
    int64_t part[KC_NAME_PARTS];
    const int32_t begin = doc->n_tokens;
    const int n = q->about->kind->name(q->about->made, person, pool, part);

    for (int p = 0; p < n; p++)
        kc_pool_put(pool[p], part[p], doc);
    const int32_t opens = pool[n - 1]->opens[part[n - 1]];

    doc->spans[0] = (kc_span){doc->person, 0, begin, begin + 1, doc->n_tokens + opens, opens};
}

static void document(const void *made, int64_t index, int64_t exposure, kc_doc *doc)
{
    const kc_questions *q = made;
    const int64_t i = number_of(q, index, exposure <= KC_HELD_OUT);
    const question asks = question_at(q, i);
    const kc_form *f = &q->form[asks.form];
    const int64_t t = (int64_t)kc_rand_below(q->about->seed, KC_STREAM_ASK,
                                             kc_people_text(i, exposure), 1, (uint64_t)f->before.n);

    doc->person = index;
    doc->tokens[0] = KC_EOS;
    doc->n_tokens = 1;
    kc_pool_put(&f->before, t, doc);
    put_name(q, asks.person, doc);
    kc_pool_put(&f->middle, t, doc);
    const int32_t begin = doc->n_tokens, opens = f->answer.opens[asks.answer];

    kc_pool_put(&f->answer, asks.answer, doc);
    doc->spans[1] = (kc_span){index, 1 + asks.form, begin, begin + 1, doc->n_tokens + opens, opens};
    doc->n_spans = 2;
    kc_pool_put(&f->after, t, doc);
}

const kc_kind_ops kc_kind_questions = {.sources = sources,
                                       .load = kc_questions_load,
                                       .check = check,
                                       .create = create,
                                       .document = document,
                                       .value = value,
                                       .destroy = destroy,
                                       .values = values,
                                       .whom = whom};
