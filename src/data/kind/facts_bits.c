/* SPDX-License-Identifier: BSD-3-Clause */
/* What a table of facts holds, in three parts. With N names, n_a values of attribute a, D_a different
 * ones, H_a their entropy as they stand in the table, n and D the sums of n_a and D_a, and B the bits of
 * texts token by token (kc_facts_code):
 *   names    N (log2 N0 - log2 N), in order N log2 N0; where no universe N0 is stated log2 N0 = B / N
 *   values   sum n_a H_a
 *   strings  sum (B_a - D_a log2 D_a)
 * and of each a model that pays losses p (nats) stores, as arXiv 2404.05405, Definition 4.1, has it,
 *   names    N (log2 N0 - p1 log2 e)              p1 mean over names
 *   values   sum n_a (H_a - p_a log2 e)           p_a mean over the values of attribute a
 *   strings  sum (B_a - D_a (log2 D_a + p_a log2 e)) */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "data/kind/facts.h"
#include "kcap/base/alike.h"
#include "kcap/base/memory.h"

double kc_facts_code(const kc_pool *texts, int32_t n_vocab)
{
    int64_t *count = kc_alloc(n_vocab, sizeof *count, "tokens");
    const double all = (double)texts->begin[texts->n] + texts->n;
    double bits = texts->n * log2(all / texts->n); /* the end marks */

    for (int32_t i = 0; i < texts->begin[texts->n]; i++)
        count[texts->token[i]]++;
    for (int32_t t = 0; t < n_vocab; t++)
        if (count[t])
            bits += (double)count[t] * log2(all / (double)count[t]);
    free(count);
    return bits;
}

/* How often each value stands in the table, an attribute's behind another's; *distinct: how many. The
 * caller frees it. */
static int64_t *count_values(const kc_facts *f, double *distinct)
{
    const kc_fact_table *t = &f->table;
    int64_t first[KC_ATTRIBUTES_MAX] = {0};

    for (int32_t a = 0; a < f->n_attributes; a++)
        first[a + 1] = first[a] + f->value[a].n;
    *distinct = (double)first[f->n_attributes];
    int64_t *count = kc_alloc(first[f->n_attributes], sizeof *count, "values");
    for (int64_t i = 0; i < t->n_rows; i++)
        count[first[t->of_attribute[i]] + t->of_value[i]]++;
    return count;
}

/* n_a H_a of D counts, and n_a, their sum. */
static double entropy(const int64_t *count, int32_t D, double *n)
{
    double bits = 0;

    *n = 0;
    for (int32_t v = 0; v < D; v++)
        *n += (double)count[v];
    for (int32_t v = 0; v < D; v++)
        bits += (double)count[v] * log2(*n / (double)count[v]);
    return bits;
}

static void values_describe(const kc_facts *f, int32_t n_vocab, kc_corpus_info *info)
{
    const kc_fact_table *t = &f->table;
    const double n = (double)t->n_rows;
    double bits = 0, strings = 0, distinct;
    int64_t *count = count_values(f, &distinct), *at = count;

    for (int32_t a = 0; a < f->n_attributes; at += f->value[a++].n) {
        kc_attribute *x = &info->attribute[a + 1];
        const double D = f->value[a].n;
        double n_a;
        const double values = entropy(at, f->value[a].n, &n_a);

        snprintf(x->name, sizeof x->name, "%s", kc_vocab_word(&t->attribute, a));
        x->log2_pool = values / n_a;
        x->counted = 1;
        x->share = n_a / f->name.n;
        x->weight = D / n_a * n / distinct;
        x->distinct = D;
        x->string_bits = kc_facts_code(&f->value[a], n_vocab);
        bits += values;
        strings += x->string_bits - D * log2(D);
        info->table.uniform_bits += n_a * log2(D);
    }
    free(count);
    info->term[KC_READ_VALUES] = (kc_term){NULL, n, n, bits / n, 0, 0};
    info->term[KC_READ_CHUNKS] = (kc_term){NULL, distinct, n, strings / distinct, 0, 0};
}

static int names_describe(const kc_facts *f, const kc_corpus_keys *keys, int32_t n_vocab,
                          kc_corpus_info *info, kc_error *e)
{
    const double N = f->name.n, bits = kc_facts_code(&f->name, n_vocab);
    const double log2_names = keys->universe > 0 ? log2(keys->universe) : bits / N;

    if (keys->universe > 0 && keys->universe < N)
        return kc_fail(
            e, KC_EINPUT,
            "corpus.universe: %g names that could have been are fewer than the %.0f that "
            "are in the table; 0 counts them by their tokens",
            keys->universe, N);
    info->attribute[0] = (kc_attribute){
        .name = "name", .log2_pool = log2_names, .counted = 1, .distinct = N, .string_bits = bits};
    info->term[KC_READ_NAME] = (kc_term){NULL, N, N, log2_names, log2(N), 0};
    return KC_OK;
}

/* Tokens around a value of each attribute: least, most, mean. */
static void around(const kc_facts *f, int32_t a, kc_lengths *l)
{
    const kc_pool *before = &f->before[a], *after = &f->after[a];

    *l = (kc_lengths){.least = INT32_MAX};
    for (int32_t i = 0; i < before->n; i++) {
        const int32_t n = kc_pool_length(before, i) + kc_pool_length(after, i);

        l->least = n < l->least ? n : l->least;
        l->most = n > l->most ? n : l->most;
        l->mean += (double)n / before->n;
    }
}

static kc_lengths tokens_of(const kc_facts *f, const kc_lengths *around_value, int64_t name)
{
    const kc_fact_table *t = &f->table;
    const int64_t facts = t->begin[name + 1] - t->begin[name];
    int32_t n = 1 + kc_pool_length(&f->name, name) * (f->in_sentences ? (int32_t)facts : 1);
    kc_lengths all = {0};

    for (int64_t i = t->begin[name]; i < t->begin[name + 1]; i++) {
        const int a = t->of_attribute[i];

        n += kc_pool_length(&f->value[a], t->of_value[i]);
        all.least += around_value[a].least;
        all.most += around_value[a].most;
        all.mean += around_value[a].mean;
    }
    return (kc_lengths){all.least + n, all.most + n, all.mean + n};
}

static void lengths_describe(const kc_facts *f, const kc_vocab *vocab, kc_corpus_info *info)
{
    const kc_fact_table *t = &f->table;
    kc_lengths around_value[KC_ATTRIBUTES_MAX];
    int32_t least = INT32_MAX, longest = 0;
    char text[KC_VALUE_TOLD + 1];
    double all = 0;

    for (int32_t a = 0; a < f->n_attributes; a++)
        around(f, a, &around_value[a]);
    for (int32_t i = 0; i < f->name.n; i++) {
        const kc_lengths l = tokens_of(f, around_value, i);

        least = l.least < least ? l.least : least;
        all += l.mean;
        if (l.most > info->max_doc_tokens) {
            info->max_doc_tokens = l.most;
            longest = i;
        }
    }
    info->mean_doc_tokens = all / f->name.n;
    info->lengths_are_equal = least == info->max_doc_tokens;
    snprintf(info->table.longest, sizeof info->table.longest, "line %d: `%s`", t->line[longest],
             kc_pool_text(&f->name, longest, vocab, text));
}

static void warn(const kc_fact_table *t, char *text, size_t size)
{
    size_t n = 0;

    if (t->n_duplicates)
        n += (size_t)snprintf(text, size, "rows left out that stand there already: %lld",
                              (long long)t->n_duplicates);
    if (t->n_contradictions)
        n += (size_t)snprintf(text + n, size - n,
                              "%srows left out that contradict an earlier one: %lld, first %s",
                              n ? "; " : "", (long long)t->n_contradictions, t->contradiction);
    if (t->n_twins)
        snprintf(text + n, size - n, "%s" KC_TWINS ": %lld, first %s", n ? "; " : "",
                 (long long)t->n_twins, t->twin);
}

void kc_facts_name_terms(kc_corpus_info *info)
{
    info->term[KC_READ_NAME].name = "names";
    info->term[KC_READ_VALUES].name = "values";
    info->term[KC_READ_CHUNKS].name = "strings";
}

int kc_facts_describe(const kc_facts *f, const kc_corpus_keys *keys, const kc_vocab *vocab,
                      kc_corpus_info *info, kc_error *e)
{
    const kc_fact_table *t = &f->table;

    KC_TRY(names_describe(f, keys, vocab->n, info, e));
    info->n_people = f->name.n;
    info->n_attributes = f->n_attributes + 1;
    info->table.n_facts = t->n_rows;
    info->table.n_duplicates = t->n_duplicates;
    info->table.n_contradictions = t->n_contradictions;
    values_describe(f, vocab->n, info);
    kc_facts_name_terms(info);
    lengths_describe(f, vocab, info);
    warn(t, info->table.warning, sizeof info->table.warning);
out:
    return e->code;
}
