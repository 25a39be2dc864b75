/* SPDX-License-Identifier: BSD-3-Clause */
/* Linear probes of oracles: a planted linear feature is found, noise is not, shuffled labels read chance; the same
 * on any ranks and threads as alone. And the systems that they solve. */
#include <math.h>

#include "../comm/grids.h"
#include "samples.h"

#include "kcap/base/rng.h"
#include "kcap/math/gemm.h"
#include "measure/linear.h"

enum { PEOPLE = 600, LAYERS = 3, WIDTH = 24, PLANTED = 2, NOISE = 0, FEATURE = 1, NOTHING = 2 };

/* Layers: noise of each person; noise and, at each place from `since` on, a direction of the planted
 * attribute's value; one state for all. */
typedef struct states {
    const kc_sample *s;
    int task, since;
    float *room; /* [threads, layers, T, width] */
} states;

static float normal(int64_t a, int64_t b)
{
    return (float)kc_rand_normal(5, KC_STREAM_TEXT, (uint64_t)a, (uint32_t)b);
}

static void read_states(void *of, int thread, const int32_t *tokens, kc_mat *hidden)
{
    const states *p = of;
    const int64_t i = (tokens - p->s->tokens) / p->s->T, n = p->s->T * WIDTH;
    const int32_t class = p->s->label[p->task * p->s->n + i];
    for (int l = 0; l < LAYERS; ++l) {
        hidden[l] = kc_mat_of(p->room + (thread * LAYERS + l) * n, p->s->T, WIDTH);
        for (int64_t k = 0; k < n; ++k)
            hidden[l].p[k] = l == NOTHING ? 1.5f : 0.3f * normal(i * 8 + l, k);
    }
    for (int64_t t = p->since; t < p->s->T; ++t)
        for (int64_t j = 0; j < WIDTH; ++j)
            hidden[FEATURE].p[t * WIDTH + j] += normal(-1 - class, j);
}

typedef struct found {
    kc_sample s;
    kc_probed probed;
    size_t bytes;
} found;

static found probe(const kc_grid *g, int threads)
{
    const kc_config cfg = strings_of(700, 3, 12, 2, 40);
    kc_sample *s = sample_of(shipped_corpus(&cfg), 3, PEOPLE, KC_SAMPLE_TEXT);
    found f = {.s = *s};
    states p = {s, s->attributes + PLANTED, 4,
                test_room(threads * LAYERS * s->T * WIDTH, sizeof(float))};
    const int64_t n = (int64_t)s->tasks * LAYERS * s->positions;
    f.bytes = (size_t)n * sizeof(double);
    f.probed = (kc_probed){test_room(n, sizeof(double)), test_room(n, sizeof(double))};
    const kc_states of = {LAYERS, WIDTH, threads, read_states, &p};
    char kernel[32];
    assert_int_equal(kc_gemm_start(NULL, kernel, &(kc_error){0}), KC_OK);
    assert_int_equal(kc_linear_probe(g, s, &of, threads, NULL, &f.probed), 0);
    return f;
}

static double at(const found *f, const double *x, int task, int layer, int position)
{
    return x[(task * LAYERS + layer) * f->s.positions + position];
}

/* Within four standard deviations of a share of 150 people, however uneven the classes. */
static void assert_chance(const found *f, const double *x, int task, int layer, int position)
{
    const double share = at(f, x, task, layer, position), even = 1.0 / f->s.classes[task];
    const double p = f->s.chance[task] > even ? f->s.chance[task] : even;
    if (!(share >= 0 && share < p + 4 * sqrt(p * (1 - p) / (PEOPLE / 4.0))))
        fail_msg("task %d of %d classes, layer %d, position %d: %g where chance is %g", task,
                 f->s.classes[task], layer, position, share, p);
}

KC_TEST(what_is_planted_is_found_and_noise_is_not)
{
    const found f = probe(*state, 1);
    assert_int_equal(f.s.learners, 450);
    for (int task = 0; task < f.s.tasks; ++task) {
        const int same = task % 3 == PLANTED; /* the value's first token goes with it */
        assert_true(f.s.classes[task] >= 8 && f.s.classes[task] <= 12);
        for (int p = 0; p < f.s.positions; ++p) {
            const double seen = at(&f, f.probed.accuracy, task, FEATURE, p);
            assert_chance(&f, f.probed.accuracy, task, NOISE, p);
            assert_float_equal(at(&f, f.probed.accuracy, task, NOTHING, p), f.s.chance[task],
                               1e-12);
            if (same && p > 0)
                assert_float_equal(seen, 1, 0.03);
            else
                assert_chance(&f, f.probed.accuracy, task, FEATURE, p);
            for (int l = 0; l < LAYERS; ++l)
                assert_chance(&f, f.probed.control, task, l, p);
        }
    }
}

KC_TEST(ranks_and_threads_change_no_bit)
{
    alone self;
    alone_create(&self, *state);
    const found all = probe(*state, 2), one = probe(&self.grid, 1);
    assert_memory_equal(all.probed.accuracy, one.probed.accuracy, all.bytes);
    assert_memory_equal(all.probed.control, one.probed.control, all.bytes);
}

/* Positions are those of the text: what stands there is what the value is said after. */
KC_TEST(a_text_tells_its_values_in_turn)
{
    const found f = probe(*state, 1);
    double told = 0;
    for (int p = 0; p < f.s.positions; ++p, told = 0) {
        for (int a = 0; a < f.s.attributes; ++a)
            told += f.s.told[p * f.s.attributes + a];
        assert_float_equal(told, p > 1 ? p - 1 : 0, 1e-9);
    }
    for (int64_t i = 0; i < f.s.n; ++i)
        for (int p = 1; p < f.s.positions; ++p)
            assert_true(f.s.at[i * f.s.positions + p] >= f.s.at[i * f.s.positions + p - 1]);
}

KC_TEST_MAIN(all_ranks, all_ranks_stop)
