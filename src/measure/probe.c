/* SPDX-License-Identifier: BSD-3-Clause */
/* Linear probes along a run: in which layer, at which place of the text, and when is an attribute there to be
 * read off? Of measure.probe_people people, alone in a window each, see kc_linear_probe. */
#include <stdlib.h>
#include <string.h>

#include "kcap/base/memory.h"
#include "measure/probe.def"
#include "measure/linear.h"
#include "kcap/measure/measure.h"

#define POINTER(type, name, width, unit, help) kc_col_##type *name;
typedef struct lists {
    KC_LISTS_PROBE(POINTER)
} lists;
#undef POINTER

static void columns(const kc_corpus_info *info, const kc_shape *shape, kc_schema *s)
{
    const int64_t attributes = info->n_attributes - 1, told = attributes * info->n_attributes;
    const int64_t cells = (shape->l + 2) * told;
    const kc_column all[] = {KC_COLUMNS_EVENT(KC_COLUMN_ROW) KC_COLUMNS_PROBE(KC_COLUMN_ROW)
                                 KC_LISTS_PROBE(KC_COLUMN_LIST)};
    kc_schema_create(s, "/probe", 16, all, sizeof all / sizeof *all);
    const char **labels = kc_schema_label(s, (int)attributes);
    for (int a = 0; a < attributes; ++a)
        labels[a] = info->attribute[a + 1].name;
}

static int64_t every(const kc_config *cfg)
{
    return cfg->corpus.kind == KC_corpus_kind_random ? -1 : cfg->measure.probe_every;
}

static size_t bytes(const kc_config *cfg, const kc_corpus_info *info, const kc_model *model,
                    int ranks, int threads)
{
    const kc_model shorter = kc_model_short(model, info->max_doc_tokens);
    const int64_t people = cfg->measure.probe_people;
    return kc_scorer_bytes(&shorter, threads) + kc_sample_bytes(info, people) +
           kc_linear_bytes(info, people, model->shape.l + 2, model->shape.d, ranks);
}

/* A model's states. */
static void read(void *of, int thread, const int32_t *tokens, kc_mat *hidden)
{
    const kc_scorer *s = of;
    if (!tokens) {
        kc_model_serve(s->model, s->weights, s->work[thread], NULL);
        return;
    }
    kc_model_embed(s->weights, tokens, s->work[thread]);
    kc_model_hidden(s->model, s->weights, s->work[thread], hidden);
}

/* From [tasks, layers, positions] to [layers, positions, attributes] of the first tasks or the others. */
static void put(const kc_sample *s, int64_t cells, const double *from, int whole, double *to)
{
    for (int64_t cell = 0; cell < cells; ++cell)
        for (int a = 0; a < s->attributes; ++a)
            to[cell * s->attributes + a] = from[(whole * s->attributes + a) * cells + cell];
}

static void fill(const kc_sample *s, int64_t layers, const kc_probed *found,
                 const kc_schema *schema, void *row)
{
#define PLACE(type, name, width, unit, help) .name = kc_row_at(schema, row, #name),
    const lists to = {KC_LISTS_PROBE(PLACE)};
#undef PLACE
    const int64_t cells = layers * s->positions, attributes = s->attributes;
    *(int64_t *)kc_row_at(schema, row, "layers") = layers;
    *(int64_t *)kc_row_at(schema, row, "positions") = s->positions;
    *(int64_t *)kc_row_at(schema, row, "attributes") = attributes;
    *(int64_t *)kc_row_at(schema, row, "learners") = s->learners;
    *(int64_t *)kc_row_at(schema, row, "held_out") = s->n - s->learners;
    put(s, cells, found->accuracy, 0, to.first);
    put(s, cells, found->accuracy, 1, to.value);
    put(s, cells, found->control, 0, to.control_first);
    put(s, cells, found->control, 1, to.control_value);
    memcpy(to.told, s->told, (size_t)(s->positions * attributes) * sizeof *to.told);
    memcpy(to.chance_first, s->chance, (size_t)attributes * sizeof *to.chance_first);
    memcpy(to.chance_value, s->chance + attributes, (size_t)attributes * sizeof *to.chance_value);
}

static int take(const kc_subject *x, const kc_schema *schema, void *row)
{
    kc_sample s;
    kc_scorer scorer;
    kc_sample_draw(&s, x->corpus, (uint64_t)x->cfg->run.seed, x->cfg->measure.probe_people,
                   KC_SAMPLE_TEXT);
    const kc_model model = kc_model_short(x->model, s.T);
    const int64_t layers = model.shape.l + 2, n = layers * s.positions * s.tasks;
    kc_scorer_create(&scorer, &model, x->weights, x->threads);
    double *found = kc_alloc(2 * n, sizeof *found, "probes");
    const kc_probed probed = {found, found + n};
    const kc_states states = {layers, model.shape.d, scorer.threads, read, &scorer};
    const int why = kc_linear_probe(x->grid, &s, &states, x->threads, &x->stopper, &probed);
    if (!why)
        fill(&s, layers, &probed, schema, row);
    free(found);
    kc_scorer_destroy(&scorer);
    kc_sample_free(&s);
    return why;
}

const kc_measure kc_measure_probe = {columns, every, bytes, take};
