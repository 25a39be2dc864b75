/* SPDX-License-Identifier: BSD-3-Clause */
#include "data/kind/biod.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/text/lines.h"
#include "data/room.h"
#include "data/kind/strings.h"

/* Each part of the name has tokens of its own, even for equal words. */
static int names_create(const kc_config *cfg, const kc_files *files, kc_biod *b, kc_vocab *vocab,
                        kc_people *people, kc_error *e)
{
    int64_t part[KC_NAME_PARTS];

    for (int p = 0; p < KC_NAME_PARTS; p++) {
        kc_lines lines;

        if (kc_lines_load(cfg, files, (kc_source)(KC_SOURCE_FIRST_NAME + p), &lines, e) == KC_OK) {
            b->name[p] = vocab->n;
            for (int32_t i = 0; i < lines.n; i++)
                kc_vocab_add(vocab, kc_lines_at(&lines, i),
                             (int32_t)strlen(kc_lines_at(&lines, i)));
        }
        part[p] = lines.n;
        kc_lines_free(&lines);
        if (e->code != KC_OK)
            return e->code;
    }
    return kc_people_create(cfg, part, people, e);
}

static void strings_create(kc_biod *b, uint64_t seed, int32_t character)
{
    int64_t n = b->K * b->D * b->L;

    b->strings = kc_room(n, sizeof *b->strings);
    for (int64_t a = 0; a < b->K; a++) {
        kc_string_shape shape = {.seed = seed, .attribute = a, .D = b->D, .L = b->L, .T = b->T};

        kc_strings_make(&shape, b->strings + a * b->D * b->L);
    }
    for (int64_t i = 0; i < n; i++)
        b->strings[i] += character;
}

static void describe(const kc_biod *b, const kc_people *people, kc_corpus_info *info)
{
    double n = (double)people->n, k = (double)b->K, d = (double)b->D;

    strcpy(info->attribute[0].name, "name");
    info->log2_names = log2((double)people->n_names);
    info->K = b->K;
    info->C = b->C;
    info->D = b->D;
    info->L = b->L;
    info->n_attributes = (int32_t)(1 + b->K);
    info->max_doc_tokens = (int32_t)(1 + KC_NAME_PARTS + b->K * (1 + b->C * b->L));
    info->mean_doc_tokens = info->max_doc_tokens;
    info->lengths_are_equal = 1;
    info->log2_values = (double)b->C * log2(d);
    info->log2_strings = (double)b->L * log2((double)b->T);
    for (int64_t a = 1; a <= b->K; a++) {
        snprintf(info->attribute[a].name, sizeof info->attribute[a].name, "id%lld", (long long)a);
        info->attribute[a].log2_pool = info->log2_values;
        info->attribute[a].counted = 1;
    }
    info->max_value_bits = n * k * info->log2_values;
    info->max_diversity_bits = k * d * (info->log2_strings - log2(d));
}

int kc_biod_create(const kc_config *cfg, const kc_files *files, kc_biod *b, kc_vocab *vocab,
                   kc_people *people, kc_corpus_info *info, kc_error *e)
{
    b->K = cfg->corpus.attributes;
    b->C = cfg->corpus.chunks;
    b->D = cfg->corpus.diversity;
    b->L = kc_config_settled(cfg).corpus.length;
    b->T = cfg->corpus.alphabet;
    if ((uint64_t)b->D > kc_strings_count(b->L, b->T))
        return kc_fail(e, KC_EINPUT,
                       "corpus.diversity: %lld distinct strings, but %lld characters "
                       "of an alphabet of %lld make %llu; lower corpus.diversity or raise "
                       "corpus.length or corpus.alphabet",
                       (long long)b->D, (long long)b->L, (long long)b->T,
                       (unsigned long long)kc_strings_count(b->L, b->T));
    if (names_create(cfg, files, b, vocab, people, e) != KC_OK)
        return e->code;
    b->marker = kc_vocab_numbered(vocab, "id", 1, ":", b->K);
    strings_create(b, people->seed, kc_vocab_numbered(vocab, "c", 0, "", b->T));
    describe(b, people, info);
    return KC_OK;
}

void kc_biod_free(kc_biod *b)
{
    free(b->strings);
    memset(b, 0, sizeof *b);
}

int64_t kc_biod_value(const kc_biod *b, const kc_people *people, int64_t person, int64_t a,
                      int64_t chunk)
{
    return kc_people_fact(people, person, a * b->C + chunk, b->D);
}

void kc_biod_document(const kc_biod *b, const kc_people *people, int64_t person, int64_t exposure,
                      kc_doc *doc)
{
    int64_t part[KC_NAME_PARTS];
    int32_t order[KC_ATTRIBUTES_MAX], n = 0, length = (int32_t)b->L;

    kc_people_name(people, person, part);
    kc_people_order(people, kc_people_text(person, exposure), (int32_t)b->K, order);
    doc->tokens[n++] = KC_EOS;
    for (int p = 0; p < KC_NAME_PARTS; p++)
        doc->tokens[n++] = b->name[p] + (int32_t)part[p];
    doc->spans[0] = (kc_span){person, 0, 1, 2, n};
    for (int32_t s = 0; s < b->K; s++) {
        int32_t a = order[s];

        doc->tokens[n++] = b->marker + a;
        doc->spans[s + 1] = (kc_span){person, a + 1, n, n + length, n + (int32_t)b->C * length};
        for (int64_t chunk = 0; chunk < b->C; chunk++, n += length)
            memcpy(doc->tokens + n,
                   b->strings + (a * b->D + kc_biod_value(b, people, person, a, chunk)) * b->L,
                   (size_t)length * sizeof *doc->tokens);
    }
    doc->person = person;
    doc->n_tokens = n;
    doc->n_spans = (int32_t)b->K + 1;
}
