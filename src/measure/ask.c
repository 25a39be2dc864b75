/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/measure/ask.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kcap/base/memory.h"
#include "measure/rank.h"

/* Windows of SHORT tokens and their doubles, the last of which takes any text. */
enum { SHORT = 16, LENGTHS = 40 };

struct kc_asker {
    const kc_subject *x;
    const kc_corpus *people;         /* the part of those whom kc_ask_person knows */
    kc_predictor room[LENGTHS];      /* see predict; made when one is needed */
    int64_t T, V, tokens;            /* tokens: of a continuation */
    kc_ranker *ranker[KC_PARTS_MAX]; /* of parts that were asked about */
    int32_t *text;                   /* [T + 1] */
    float *logits, *scratch;         /* [V] */
    double *nats;                    /* [T + 1]: of each token of the continuation */
    kc_doc doc;
};

kc_asker *kc_asker_create(const kc_subject *x, int64_t tokens)
{
    kc_asker *a = kc_alloc(1, sizeof *a, "answers");
    a->x = x;
    a->people = kc_corpus_part(x->corpus, kc_corpus_people(x->corpus));
    const kc_corpus_info *info = kc_corpus_about(a->people);
    a->T = x->model->shape.T;
    a->V = x->model->shape.V;
    a->tokens = tokens;
    a->text = kc_alloc(a->T + 1, sizeof *a->text, "tokens");
    a->nats = kc_alloc(a->T + 1, sizeof *a->nats, "tokens");
    a->logits = kc_alloc(a->V, sizeof *a->logits, "logits");
    a->scratch = kc_alloc(a->V, sizeof *a->scratch, "logits");
    a->doc.tokens = kc_alloc(info->room_tokens + 1, sizeof *a->doc.tokens, "tokens");
    a->doc.spans = kc_alloc(info->room_spans, sizeof *a->doc.spans, "spans");
    return a;
}

void kc_asker_destroy(kc_asker *a)
{
    for (int p = 0; p < KC_PARTS_MAX; ++p)
        if (a->ranker[p])
            kc_ranker_destroy(a->ranker[p]);
    for (int k = 0; k < LENGTHS; ++k)
        kc_predictor_destroy(&a->room[k]);
    free(a->text);
    free(a->nats);
    free(a->logits);
    free(a->scratch);
    free(a->doc.tokens);
    free(a->doc.spans);
    free(a);
}

void kc_answer_free(kc_answer *a)
{
    free(a->question);
    free(a->text);
    free(a->answer);
    free(a->truth);
    *a = (kc_answer){.rank = NAN};
}

/* Running text of some tokens, without the blank in front. */
static char *text_of(const kc_asker *a, const int32_t *tokens, int32_t n)
{
    char *text = kc_corpus_text(a->x->corpus, tokens, n);
    if (text[0] == ' ')
        memmove(text, text + 1, strlen(text));
    return text;
}

const kc_corpus_info *kc_asker_people(const kc_asker *a)
{
    return kc_corpus_about(a->people);
}

char *kc_asker_name(kc_asker *a, int64_t person)
{
    kc_corpus_document(a->people, person, KC_MEASURE, &a->doc);
    const kc_span *s = &a->doc.spans[0];
    return text_of(a, a->doc.tokens + s->begin, s->end - (int32_t)s->opens - s->begin);
}

/* A kc_predict. A window costs what it has room for, and a text is much shorter than most: it gets the first
 * that it fits, of one thread: threads would wait for each other more than they do. */
static void predict(void *asker, int thread, const int32_t *tokens, int64_t first, int64_t n,
                    float *logits)
{
    kc_asker *a = asker;
    int k = 0;
    while (((int64_t)SHORT << k) < first + n)
        ++k;
    if (!a->room[k].threads)
        kc_predictor_create(&a->room[k], a->x->model, a->x->weights, (int64_t)SHORT << k, 1);
    kc_predictor_predict(&a->room[k], thread, tokens, first, n, logits);
}

/* Continue the n tokens of a->text up to <eos>; returns the tokens then, <eos> left out. Of equally likely
 * tokens the first is taken, as kc_model_score has it. */
static int32_t continue_text(kc_asker *a, int32_t n)
{
    for (int64_t i = 0; i < a->tokens && n < a->T; ++i) {
        int64_t best = 0;
        predict(a, 0, a->text, n - 1, 1, a->logits);
        for (int64_t v = 1; v < a->V; ++v)
            best = a->logits[v] > a->logits[best] ? v : best;
        if (best == KC_EOS)
            break;
        a->nats[n] = kc_log_sum(a->logits, a->V, a->scratch) - (double)a->logits[best];
        a->text[n++] = (int32_t)best;
    }
    return n;
}

/* The longest value that the n tokens begin with, in tokens; 0: none. */
static int32_t value_in(const kc_values *v, const int32_t *tokens, int32_t n)
{
    int32_t longest = 0;
    for (int64_t i = 0; i < v->n; ++i) {
        const int32_t m = v->begin[i + 1] - v->begin[i];
        if (m > longest && m <= n &&
            memcmp(v->token + v->begin[i], tokens, (size_t)m * sizeof *tokens) == 0)
            longest = m;
    }
    return longest;
}

/* Of a continuation of n tokens those that are the value: one of the list, or as many as any has where only
 * first chunks are listed; 0: it is none. a->doc is the place's document. */
static int32_t value_of(const kc_asker *a, const kc_place *p, const int32_t *tokens, int32_t n)
{
    const kc_values all = kc_corpus_values(kc_corpus_part(a->x->corpus, p->part), p->attribute);
    if (!all.heads)
        return value_in(&all, tokens, n);
    for (int32_t i = 0; i < a->doc.n_spans; ++i) {
        const kc_span *s = &a->doc.spans[i];
        if (s->attribute == p->attribute && s->end - s->begin <= n)
            return s->end - s->begin;
    }
    return 0;
}

/* What comes behind the first n tokens of a->text; of it the answer: a value, or all. */
static void say(kc_asker *a, int32_t n, kc_answer *to)
{
    const int32_t end = continue_text(a, n);
    int32_t value = 0;
    double nats = 0;
    if (to->place.part >= 0)
        value = value_of(a, &to->place, a->text + n, end - n);
    value = value ? value : end - n;
    for (int32_t i = n; i < n + value; ++i)
        nats += a->nats[i];
    to->question = text_of(a, a->text + 1, n - 1);
    to->text = text_of(a, a->text + n, end - n);
    to->answer = text_of(a, a->text + n, value);
    to->probability = exp(-nats);
}

/* The truth, how likely it is and its rank. The document begins as the text does. */
static void judge(kc_asker *a, kc_answer *to)
{
    const kc_place *p = &to->place;
    const kc_corpus *part = kc_corpus_part(a->x->corpus, p->part);
    kc_told told[KC_ATTRIBUTES_MAX];
    kc_ranker **r = &a->ranker[p->part];
    if (!*r)
        *r = kc_ranker_create(part, (uint64_t)a->x->cfg->run.seed, predict, a, 1, a->x->grid->ep,
                              NULL);
    const int32_t n = kc_ranker_read(*r, 0, p->document, p->exposure, p->attribute, told);
    kc_ranker_serve(*r);
    kc_corpus_document(part, p->document, p->exposure, &a->doc);
    for (int32_t i = 0; i < n; ++i) {
        const kc_span *s = &a->doc.spans[i];
        if (s->attribute != p->attribute)
            continue;
        to->truth = text_of(a, a->doc.tokens + s->begin, s->end - (int32_t)s->opens - s->begin);
        to->truth_probability = exp(-told[i].nats);
        to->rank = told[i].rank;
        to->right = told[i].recalled;
    }
    to->candidates = kc_ranker_candidates(*r, p->attribute);
    to->attribute = kc_corpus_about(part)->attribute[p->attribute].name;
}

/* Documents of the part fit a window. */
static int fits(const kc_asker *a, int part)
{
    return kc_corpus_about(kc_corpus_part(a->x->corpus, part))->max_doc_tokens <= a->T;
}

int kc_ask(kc_asker *a, const char *text, kc_answer *to, kc_error *e)
{
    int32_t n;
    *to = (kc_answer){.rank = NAN};
    if (kc_corpus_read(a->x->corpus, text, (int32_t)a->T, a->text, &n, e) != KC_OK)
        return e->code;
    to->place = kc_corpus_find(a->x->corpus, a->text, n);
    if (to->place.part >= 0 && !fits(a, to->place.part))
        to->place.part = -1;
    if (to->place.part >= 0) { /* as the document has it, with a tag in front */
        kc_corpus_document(kc_corpus_part(a->x->corpus, to->place.part), to->place.document,
                           to->place.exposure, &a->doc);
        n = to->place.begin;
        memcpy(a->text, a->doc.tokens, (size_t)n * sizeof *a->text);
    }
    say(a, n, to);
    if (to->place.part >= 0)
        judge(a, to);
    return KC_OK;
}

/* The i-th value of a document, behind its beginning. */
static int ask_span(kc_asker *a, kc_place place, int64_t i, kc_answer *to)
{
    kc_corpus_document(kc_corpus_part(a->x->corpus, place.part), place.document, place.exposure,
                       &a->doc);
    const kc_span *s = &a->doc.spans[i];
    *to = (kc_answer){.rank = NAN, .place = place};
    to->place.attribute = s->attribute;
    to->place.begin = s->begin;
    memcpy(a->text, a->doc.tokens, (size_t)s->begin * sizeof *a->text);
    say(a, s->begin, to);
    judge(a, to);
    return 1;
}

/* The k-th question about a person, shown or held out; document -1: there are no more. */
static kc_place question_about(const kc_asker *a, int part, int64_t person, int64_t k)
{
    const kc_corpus *asked = kc_corpus_part(a->x->corpus, part);
    const kc_corpus_info *info = kc_corpus_about(asked);
    for (int64_t i = 0; i < info->n_people + info->n_held_out; ++i) {
        const int held_out = i >= info->n_people;
        kc_place at = {.part = part, .person = person, .document = i};
        at.exposure = held_out ? KC_HELD_OUT : KC_MEASURE;
        at.document -= held_out ? info->n_people : 0;
        if (kc_corpus_whom(asked, at.document, at.exposure) == person && k-- == 0)
            return at;
    }
    return (kc_place){.document = -1};
}

int kc_ask_person(kc_asker *a, int64_t person, int64_t i, kc_answer *to)
{
    const kc_corpus_info *info = kc_corpus_about(a->people);
    const int told = fits(a, info->part), asked = info->part == 0 ? info->asked_part - 1 : -1;
    const kc_place first = {
        .part = info->part, .person = person, .exposure = KC_MEASURE, .document = person};
    kc_corpus_document(a->people, person, KC_MEASURE, &a->doc);
    if (told && i + 1 < a->doc.n_spans)
        return ask_span(a, first, i + 1, to); /* the name is nothing to ask for */
    if (asked < 0 || !fits(a, asked))
        return 0;
    const int64_t k = told ? i + 1 - a->doc.n_spans : i;
    const kc_place at = question_about(a, asked, person, k);
    return at.document >= 0 ? ask_span(a, at, 1, to) : 0;
}
