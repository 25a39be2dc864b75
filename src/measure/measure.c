/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/measure/measure.h"

#include <stdlib.h>

#include "kcap/base/clock.h"
#include "kcap/base/memory.h"

#define DECLARE(name) extern const kc_measure kc_measure_##name;
KC_MEASURES(DECLARE)
#undef DECLARE

#define ROW(name) &kc_measure_##name,
static const kc_measure *const measures[] = {KC_MEASURES(ROW)};
#undef ROW

void kc_measurements_create(kc_measurements *all, const kc_config *cfg, const kc_corpus_info *info,
                            const kc_shape *shape)
{
    *all = (kc_measurements){.n = 0};
    for (int i = 0; i < KC_N_MEASURES; ++i) {
        kc_measured *m = &all->of[all->n];
        if (measures[i]->every(cfg) < 0) {
            measures[i]->columns(info, shape, &all->unasked[all->n_unasked++]);
            continue;
        }
        m->measure = measures[i];
        m->id = (kc_measure_id)i;
        m->measure->columns(info, shape, &m->schema);
        m->row = kc_row_create(&m->schema);
        ++all->n;
    }
}

void kc_measurements_free(kc_measurements *all)
{
    for (int i = 0; i < all->n; ++i) {
        kc_schema_free(&all->of[i].schema);
        free(all->of[i].row);
    }
    for (int i = 0; i < all->n_unasked; ++i)
        kc_schema_free(&all->unasked[i]);
    *all = (kc_measurements){.n = 0};
}

size_t kc_measurements_bytes(const kc_config *cfg, const kc_corpus_info *info,
                             const kc_model *model, int ranks, int threads)
{
    size_t most = 0;
    for (int i = 0; i < KC_N_MEASURES; ++i) {
        const size_t bytes =
            measures[i]->every(cfg) < 0 ? 0 : measures[i]->bytes(cfg, info, model, ranks, threads);
        most = bytes > most ? bytes : most;
    }
    return most;
}

/* Of the slowest rank. */
static double seconds_since(const kc_grid *g, double start)
{
    double mine = kc_clock() - start, *all = kc_alloc(g->size, sizeof *all, "ranks");
    kc_allgather(g, &mine, all, sizeof mine);
    for (int r = 0; r < g->size; ++r)
        mine = all[r] > mine ? all[r] : mine;
    free(all);
    return mine;
}

int kc_measured_take(kc_measured *m, const kc_subject *x)
{
    const double start = kc_clock();
    kc_event *event = m->row;
    if (event->step == x->step)
        return 0;
    const int why = m->measure->take(x, &m->schema, m->row);
    if (why)
        return -why;
    *event = (kc_event){.step = x->step, .tokens = x->tokens, .exposures = x->exposures[x->part]};
    event->seconds = seconds_since(x->grid, start);
    return 1;
}
