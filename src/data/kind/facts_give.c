/* SPDX-License-Identifier: BSD-3-Clause */
#include "data/kind/facts.h"

static void pool_arrays(kc_pool *pool, kc_image *image)
{
    kc_image_array(image, &pool->begin, pool->n + 1, sizeof *pool->begin);
    kc_image_array(image, &pool->token, pool->begin[pool->n], sizeof *pool->token);
    kc_image_array(image, &pool->opens, pool->n, sizeof *pool->opens);
}

static void arrays(void *facts, kc_image *image)
{
    kc_facts *f = facts;
    kc_fact_table *t = &f->table;

    kc_image_array(image, &t->begin, f->people.n + 1, sizeof *t->begin);
    kc_image_array(image, &t->of_value, t->n_rows, sizeof *t->of_value);
    kc_image_array(image, &t->of_attribute, t->n_rows, sizeof *t->of_attribute);
    pool_arrays(&f->name, image);
    for (int32_t a = 0; a < f->n_attributes; a++) {
        pool_arrays(&f->value[a], image);
        pool_arrays(&f->before[a], image);
        pool_arrays(&f->after[a], image);
    }
}

int64_t kc_facts_bytes(kc_facts *f)
{
    kc_image image = {.step = KC_IMAGE_COUNT};

    arrays(f, &image);
    return image.used;
}

/* Words lie elsewhere in each rank's memory. */
static void give_info(const kc_grid *g, kc_corpus_info *info)
{
    const kc_corpus_info own = *info;

    kc_bcast(g, info, sizeof *info);
    info->kind = own.kind;
    info->one = own.one;
    info->many = own.many;
    info->law = own.law;
    info->token_word = own.token_word;
    kc_facts_name_terms(info);
}

void kc_facts_give(const kc_grid *g, kc_facts *f, kc_vocab *vocab, kc_corpus_info *info)
{
    kc_bcast(g, f, sizeof *f);
    kc_share(g, arrays, f, &f->shared);
    kc_vocab_give(g, vocab);
    give_info(g, info);
}
