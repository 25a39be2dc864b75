/* SPDX-License-Identifier: BSD-3-Clause */
#include "measure/sample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kcap/base/memory.h"
#include "kcap/base/rng.h"

enum {
    HELD_OUT = 4,
    TO_A_CLASS = 4
}; /* one of so many is held out; learners to a class, at least */
enum { DRAW, SHUFFLE, SHUFFLE_HELD_OUT }; /* keys of permutations */

/* What stands for a value: its tokens, mixed. Two different ones agree once in 2^64. */
static uint64_t key_of(const int32_t *token, int32_t n)
{
    uint64_t key = 0x9E3779B97F4A7C15u;
    for (int32_t i = 0; i < n; ++i) {
        key = (key ^ (uint64_t)(token[i] + 1)) * 0xBF58476D1CE4E5B9u;
        key ^= key >> 31;
    }
    return key | 1;
}

static int by_key(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* Different ones of the learners' keys, sorted; 0 is none. */
static int64_t distinct(const uint64_t *key, int64_t n, uint64_t *found)
{
    int64_t all = 0, kept = 0;
    for (int64_t i = 0; i < n; ++i)
        if (key[i])
            found[all++] = key[i];
    qsort(found, (size_t)all, sizeof *found, by_key);
    for (int64_t i = 0; i < all; ++i)
        if (kept == 0 || found[kept - 1] != found[i])
            found[kept++] = found[i];
    return kept;
}

static double chance_of(const kc_sample *s, const int32_t *label, int32_t classes)
{
    int64_t *count = kc_alloc(classes + 1, sizeof *count, "classes"), best = 0, right = 0, all = 0;
    for (int64_t i = 0; i < s->learners; ++i)
        if (label[i] >= 0)
            ++count[label[i]];
    for (int64_t c = 1; c < classes; ++c)
        best = count[c] > count[best] ? c : best;
    for (int64_t i = s->learners; i < s->n; ++i) {
        right += label[i] == best;
        all += label[i] >= 0;
    }
    free(count);
    return all > 0 ? (double)right / (double)all : NAN;
}

/* Labels of others: learners' among themselves, and those of who is held out. */
static void shuffle(const kc_sample *s, uint64_t seed, const int32_t *label, int32_t *to)
{
    const uint64_t first = (uint64_t)s->learners, rest = (uint64_t)s->n - first;
    for (uint64_t i = 0; i < first; ++i)
        to[i] = label[kc_perm(seed, KC_STREAM_PROBE, SHUFFLE, i, first)];
    for (uint64_t i = 0; i < rest; ++i)
        to[first + i] = label[first + kc_perm(seed, KC_STREAM_PROBE, SHUFFLE_HELD_OUT, i, rest)];
}

/* From keys [n] to classes. */
static void label_task(kc_sample *s, uint64_t seed, int task, const uint64_t *key, uint64_t *found)
{
    const int64_t classes = distinct(key, s->learners, found);
    int32_t *label = s->label + task * s->n;
    s->chance[task] = NAN;
    if (classes < 2 || classes * TO_A_CLASS > s->learners)
        return;
    s->classes[task] = (int32_t)classes;
    for (int64_t i = 0; i < s->n; ++i) {
        const uint64_t *at = bsearch(&key[i], found, (size_t)classes, sizeof *found, by_key);
        label[i] = at ? (int32_t)(at - found) : key[i] ? (int32_t)classes : -1;
    }
    shuffle(s, seed, label, s->shuffled + task * s->n);
    s->chance[task] = chance_of(s, label, s->classes[task]);
}

/* The document's name, the tokens before its values, and what they say. */
static void place_text(kc_sample *s, const kc_doc *doc, int64_t i)
{
    int32_t *at = s->at + i * s->positions;
    int values = 0;
    memcpy(s->tokens + i * s->T, doc->tokens, (size_t)doc->n_tokens * sizeof *doc->tokens);
    for (int32_t k = 0; k < doc->n_spans; ++k) {
        const kc_span *span = &doc->spans[k];
        if (span->attribute == 0) {
            at[0] = span->end - (int32_t)span->opens - 1;
            continue;
        }
        at[++values] = span->begin - 1;
        for (int p = values + 1; p < s->positions; ++p)
            s->told[p * s->attributes + span->attribute - 1] += 1;
    }
    for (int p = 1; p < s->positions; ++p)
        if (at[p] >= 0 && at[p] < at[0])
            at[p] = -1; /* before the name nobody can know */
}

static void place_name(kc_sample *s, const kc_doc *doc, int64_t i)
{
    int32_t *token = s->tokens + i * s->T, n = 1;
    token[0] = KC_EOS;
    for (int32_t k = 0; k < doc->n_spans; ++k) {
        const kc_span *span = &doc->spans[k];
        for (int32_t t = span->begin; span->attribute == 0 && t < span->end - span->opens; ++t)
            token[n++] = doc->tokens[t];
    }
    s->at[i * s->positions] = n > 1 ? n : -1; /* <eos> stands there */
}

/* keys [tasks, n] of person i. */
static void read_values(const kc_sample *s, const kc_doc *doc, int64_t i, uint64_t *keys)
{
    for (int32_t k = 0; k < doc->n_spans; ++k) {
        const kc_span *span = &doc->spans[k];
        const int32_t *value = doc->tokens + span->begin, n = span->end - span->begin;
        if (span->attribute == 0)
            continue;
        keys[(span->attribute - 1) * s->n + i] = key_of(value, 1);
        keys[(s->attributes + span->attribute - 1) * s->n + i] =
            key_of(value, n - (int32_t)span->opens);
    }
}

static void create(kc_sample *s, const kc_corpus_info *info, int64_t people, kc_sampled what)
{
    const int64_t n = people < info->n_people ? people : info->n_people;
    *s = (kc_sample){.n = n, .learners = n - n / HELD_OUT, .attributes = info->n_attributes - 1};
    s->positions = what == KC_SAMPLE_TEXT ? info->n_attributes : 1;
    s->tasks = 2 * s->attributes;
    s->T = info->max_doc_tokens;
    s->tokens = kc_alloc(n * s->T, sizeof *s->tokens, "texts to probe");
    s->at = kc_alloc(n * s->positions, sizeof *s->at, "texts to probe");
    s->classes = kc_alloc(s->tasks, sizeof *s->classes, "classes");
    s->label = kc_alloc(n * s->tasks, sizeof *s->label, "classes");
    s->shuffled = kc_alloc(n * s->tasks, sizeof *s->shuffled, "classes");
    s->chance = kc_alloc(s->tasks, sizeof *s->chance, "classes");
    s->told = kc_alloc((int64_t)s->positions * s->attributes, sizeof *s->told, "classes");
    memset(s->at, -1, (size_t)(n * s->positions) * sizeof *s->at);
}

/* No token behind the last place that is read is needed. */
static void shorten(kc_sample *s)
{
    int32_t last = 0;
    for (int64_t i = 0; i < s->n * s->positions; ++i)
        last = s->at[i] > last ? s->at[i] : last;
    for (int64_t i = 0; i < s->n; ++i)
        memmove(s->tokens + i * (last + 1), s->tokens + i * s->T,
                (size_t)(last + 1) * sizeof *s->tokens);
    s->T = last + 1;
}

void kc_sample_draw(kc_sample *s, const kc_corpus *corpus, uint64_t seed, int64_t people,
                    kc_sampled what)
{
    const kc_corpus_info *info = kc_corpus_about(corpus);
    create(s, info, people, what);
    uint64_t *keys = kc_alloc(s->tasks * s->n, sizeof *keys, "values");
    uint64_t *found = kc_alloc(s->n, sizeof *found, "values");
    kc_doc doc = {.tokens = kc_alloc(info->max_doc_tokens, sizeof *doc.tokens, "tokens")};
    doc.spans = kc_alloc(info->n_attributes, sizeof *doc.spans, "spans");
    for (int64_t i = 0; i < s->n; ++i) {
        const uint64_t person =
            kc_perm(seed, KC_STREAM_PROBE, DRAW, (uint64_t)i, (uint64_t)info->n_people);
        kc_corpus_document(corpus, (int64_t)person, KC_MEASURE, &doc);
        (what == KC_SAMPLE_TEXT ? place_text : place_name)(s, &doc, i);
        read_values(s, &doc, i, keys);
    }
    shorten(s);
    for (int i = 0; i < s->positions * s->attributes; ++i)
        s->told[i] /= (double)s->n;
    for (int task = 0; task < s->tasks; ++task)
        label_task(s, seed, task, keys + task * s->n, found);
    free(doc.tokens);
    free(doc.spans);
    free(found);
    free(keys);
}

void kc_sample_free(kc_sample *s)
{
    free(s->tokens);
    free(s->at);
    free(s->classes);
    free(s->label);
    free(s->shuffled);
    free(s->chance);
    free(s->told);
    *s = (kc_sample){0};
}

size_t kc_sample_bytes(const kc_corpus_info *info, int64_t people)
{
    const int64_t n = people < info->n_people ? people : info->n_people;
    const int64_t tasks = 2 * (info->n_attributes - 1);
    const int64_t words = info->max_doc_tokens + info->n_attributes + 4 * tasks + 2;
    return (size_t)(n * words) * sizeof(int32_t);
}
