/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/measure/each.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kcap/base/memory.h"
#include "kcap/io/new_file.h"

/* What became of one fact. */
typedef struct kept {
    float nats;
    int32_t read, recalled;
} kept;

/* Who remembers. Rank r reads groups r, r + ranks, ... of `group` people. */
struct kc_each {
    const kc_grid *grid;
    const kc_corpus *corpus;
    const kc_corpus_info *info;
    int64_t group, rounds;
    kept *mine;       /* [rounds, group, attributes] */
    kc_new_file file; /* rank 0's                    */
};

static kept *place(const kc_each *m, int64_t person, int32_t attribute)
{
    const int64_t round = person / m->group / m->grid->size, within = person % m->group;
    return &m->mine[(round * m->group + within) * m->info->n_attributes + attribute];
}

static void remember(void *each, const kc_batch *window, const float *nats, const uint8_t *hit)
{
    const kc_each *m = each;
    for (int32_t i = 0; i < window->n_spans; ++i) {
        const kc_span *s = &window->spans[i];
        double sum = 0;
        kept k = {.read = 1, .recalled = 1};
        for (int32_t t = s->begin; t < s->end; ++t) {
            sum += nats[t];
            k.recalled &= hit[t];
        }
        k.nats = (float)sum;
        *place(m, s->person, s->attribute) = k;
    }
}

/* Who writes. */
typedef struct writer {
    const kc_corpus *corpus;
    const kc_corpus_info *info;
    FILE *out;
    kc_doc doc;
} writer;

/* The text of a span without the tokens that only tell its end; the caller frees it. */
static char *text_of(const writer *w, const kc_span *s)
{
    char *text = kc_corpus_text(w->corpus, w->doc.tokens + s->begin, s->end - s->opens - s->begin);
    if (text[0] == ' ')
        memmove(text, text + 1, strlen(text));
    return text;
}

static void put_cell(FILE *out, const char *text, const char *end)
{
    if (!text[strcspn(text, ",\"\n")]) {
        fprintf(out, "%s%s", text, end);
        return;
    }
    fputc('"', out);
    for (; *text; ++text)
        fprintf(out, *text == '"' ? "\"\"" : "%c", *text);
    fprintf(out, "\"%s", end);
}

static void put_row(const writer *w, const char *name, const kc_span *s, const kept *k)
{
    const kc_attribute *a = &w->info->attribute[s->attribute];
    char *value = text_of(w, s);
    put_cell(w->out, name, ",");
    put_cell(w->out, a->name, ",");
    put_cell(w->out, value, ",");
    fprintf(w->out, "%.6g,", exp(-(double)k->nats));
    if (a->counted)
        fprintf(w->out, "%.6f", a->log2_pool - (double)k->nats * M_LOG2E);
    fprintf(w->out, ",%d\n", k->recalled);
    free(value);
}

static int by_attribute(const void *a, const void *b)
{
    return ((const kc_span *)a)->attribute - ((const kc_span *)b)->attribute;
}

/* The rows of one person, whose name is the first. */
static void put_person(writer *w, int64_t person, const kept *of)
{
    kc_corpus_document(w->corpus, person, KC_MEASURE, &w->doc);
    qsort(w->doc.spans, (size_t)w->doc.n_spans, sizeof *w->doc.spans, by_attribute);
    char *name = text_of(w, &w->doc.spans[0]);
    for (int32_t i = 0; i < w->doc.n_spans; ++i) {
        const kc_span *s = &w->doc.spans[i];
        KC_CHECK(of[s->attribute].read, "attribute %d of %lld was not read", s->attribute,
                 (long long)person);
        put_row(w, name, s, &of[s->attribute]);
    }
    free(name);
}

/* All ranks' groups of a round, in order. */
static void put_round(writer *w, const kc_each *m, int64_t round, const kept *all)
{
    const int64_t all_ranks = m->group * m->grid->size, first = round * all_ranks;
    for (int64_t i = first; i < first + all_ranks && i < m->info->n_people; ++i)
        put_person(w, i, &all[(i - first) * m->info->n_attributes]);
}

static void put_all(const kc_each *m)
{
    const int64_t n = m->group * m->info->n_attributes;
    writer w = {.corpus = m->corpus, .info = m->info, .out = m->file.out};
    kept *all = kc_alloc(n * m->grid->size, sizeof *all, "facts of a round");
    w.doc.tokens = kc_alloc(m->info->max_doc_tokens, sizeof *w.doc.tokens, "tokens");
    w.doc.spans = kc_alloc(m->info->n_attributes, sizeof *w.doc.spans, "spans");
    for (int64_t round = 0; round < m->rounds; ++round) {
        kc_allgather(m->grid, m->mine + round * n, all, (size_t)n * sizeof *all);
        if (w.out)
            put_round(&w, m, round, all);
    }
    free(all);
    free(w.doc.tokens);
    free(w.doc.spans);
}

static const char heading[] = "name,attribute,value,probability,bits,recalled";

int kc_each_begin(kc_subject *x, const char *path, kc_each **each, kc_error *e)
{
    kc_each *m = *each = kc_alloc(1, sizeof *m, "facts");
    m->grid = x->grid;
    m->corpus = x->corpus;
    m->info = kc_corpus_about(x->corpus);
    m->group = kc_measure_group(m->info);
    m->rounds = ((m->info->n_people + m->group - 1) / m->group + x->grid->size - 1) / x->grid->size;
    KC_TRY_ROOT(x->grid, kc_new_file_begin(&m->file, path, heading, e));
    m->mine = kc_alloc(m->rounds * m->group * m->info->n_attributes, sizeof *m->mine, "facts");
    x->stopper.read = remember;
    x->stopper.of = m;
out:
    return e->code;
}

int kc_each_write(kc_each *m, kc_error *e)
{
    put_all(m);
    KC_TRY_ROOT(m->grid, kc_new_file_end(&m->file, e));
out:
    return e->code;
}

void kc_each_end(kc_each *m, kc_error *e)
{
    if (!m)
        return;
    kc_new_file_end(&m->file, e);
    free(m->mine);
    free(m);
}
