/* SPDX-License-Identifier: BSD-3-Clause */
/* Training with experts: whoever holds them, loss, weights, moments and measurement have the bits of
 * one rank alone. */
#include "../comm/grids.h"
#include "../data/corpora.h"

#include <math.h>

#include "kcap/data/batch.h"
#include "kcap/measure/spans.h"
#include "kcap/math/gemm.h"
#include "kcap/train/step.h"

#define N(array) ((int)(sizeof(array) / sizeof *(array)))

enum { MOST_SETS = 32 };

/* What all runs here share; a run's own sets come later and win. */
static const char *const shared[] = {
    "corpus.kind=biod",   "corpus.attributes=3",       "corpus.diversity=8",
    "corpus.alphabet=16", "train.context=32",          "train.batch=4",
    "train.lanes=4",      "train.warmup_steps=3",      "train.lr=0.01",
    "model.head_dim=8",   "model.experts=8",           "model.experts_topk=2",
    "model.init_std=0.1", "model.capacity_factor=0.8", "model.balance_loss=0.05",
};

/* One trainer with its corpus. */
typedef struct run {
    kc_config cfg;
    kc_corpus *corpus;
    kc_trainer *trainer;
    const kc_grid *grid;
    int threads;
} run;

static kc_config config_from(const char *const *sets, int n_sets)
{
    const char *all[MOST_SETS];
    kc_config cfg;
    kc_error e = {0};
    assert_true(N(shared) + n_sets <= MOST_SETS);
    memcpy(all, shared, sizeof shared);
    memcpy(all + N(shared), sets, (size_t)n_sets * sizeof *sets);
    if (kc_config_parse("", 0, "none", all, N(shared) + n_sets, &cfg, &e) != KC_OK)
        fail_msg("%s", e.text);
    return cfg;
}

static void trainer_end(void *trainer)
{
    kc_trainer_destroy(trainer);
}

static void run_start(run *r, kc_config cfg, const kc_grid *g, int ep, int threads)
{
    char kernel[32];
    kc_error e = {0};
    *r = (run){.cfg = cfg, .grid = g, .threads = threads};
    r->cfg.parallel.ep = ep;
    r->corpus = shipped_corpus(&r->cfg);
    if (kc_gemm_start(NULL, kernel, &e) != KC_OK ||
        kc_trainer_create(&r->cfg, g, r->corpus, threads, &r->trainer, &e) != KC_OK)
        fail_msg("%s", e.text);
    kc_test_owns(r->trainer, trainer_end);
}

static kc_step_row run_step(run *r)
{
    kc_step_news news = {.seconds = 0};
    kc_step_row row;
    kc_error e = {0};
    memset(&row, 0, sizeof row);
    if (kc_trainer_step(r->trainer, &news, &row, &e) != KC_OK)
        fail_msg("%s", e.text);
    return row;
}

static kc_span_sums run_measure(run *r)
{
    const kc_model *model = kc_trainer_model(r->trainer);
    kc_scorer scorer;
    kc_span_sums sums;
    kc_scorer_create(&scorer, model, kc_trainer_weights(r->trainer), r->threads);
    kc_measure_spans(r->grid, r->corpus, model->shape.T, kc_scorer_score, &scorer, r->threads, NULL,
                     &sums);
    kc_scorer_destroy(&scorer);
    return sums;
}

/* What this rank holds of the weights and moments, against one rank that holds all. */
static void check_state(const kc_state *one, const kc_state *mine, int rank)
{
    const kc_layout *whole = one->layout, *l = mine->layout;
    const int64_t dense = l->n_dense, skipped = l->first_expert * l->each, lo = mine->lo[rank],
                  *share = mine->expert_lo;
    const size_t moments = (size_t)mine->dense_here * sizeof(float),
                 theirs = (size_t)(share[1] - share[0]) * sizeof(float);
    assert_int_equal(dense, whole->n_dense);
    assert_memory_equal(mine->params, one->params, (size_t)dense * sizeof(float));
    assert_memory_equal(mine->params + dense, one->params + dense + skipped,
                        (size_t)(l->here * l->each) * sizeof(float));
    assert_memory_equal(mine->m, one->m + lo, moments);
    assert_memory_equal(mine->v, one->v + lo, moments);
    const int64_t at = dense + skipped + share[0];
    assert_memory_equal(mine->m + mine->dense_here, one->m + at, theirs);
    assert_memory_equal(mine->v + mine->dense_here, one->v + at, theirs);
    assert_memory_equal(mine->cursors, one->cursors, (size_t)one->n_lanes * sizeof *one->cursors);
}

/* The ranks' moments are all there are, each once. */
static void check_shares(const kc_grid *g, const kc_state *s)
{
    enum { MOST = 8 };
    int64_t mine[2] = {s->dense_here, s->expert_lo[1] - s->expert_lo[0]}, all[2 * MOST],
            sum[2] = {0};
    assert_true(g->size <= MOST);
    kc_allgather(g, mine, all, sizeof mine);
    for (int i = 0; i < 2 * g->size; ++i)
        sum[i % 2] += all[i];
    assert_int_equal(sum[0], s->layout->n_dense);
    assert_int_equal(sum[1], s->layout->experts * s->layout->each);
    assert_int_equal(s->layout->here * kc_grid_ep(g), s->layout->experts);
}

/* Threads tried, on each of at most so many dp x ep; steps before a measurement between two steps. */
enum { THREADS = 2, MESHES = 3, MEASURED = 3 };

/* One rank with one thread, and all ranks on every dp x ep with 1 and 2 threads. */
typedef struct runs {
    alone self;
    kc_grid grid[MESHES];
    run one, many[MESHES * THREADS];
    int n;
} runs;

/* What everybody measures is what one alone does. */
static void same_measurement(runs *r)
{
    const kc_span_sums want = run_measure(&r->one);
    assert_true(want.nats[0] > 0 && isfinite(want.nats[0]));
    for (int i = 0; i < r->n; ++i) {
        const kc_span_sums sums = run_measure(&r->many[i]);
        assert_memory_equal(&sums, &want, sizeof sums);
    }
}

/* All at once, compared after every step, to the end; *dropped: the most that a step dropped. */
static int same_steps(runs *r, double *dropped)
{
    int steps = 0;
    for (; !kc_trainer_done(r->one.trainer); ++steps) {
        if (steps == MEASURED)
            same_measurement(r);
        const kc_step_row want = run_step(&r->one);
        for (int i = 0; i < r->n; ++i) {
            assert_int_equal(kc_trainer_done(r->many[i].trainer), 0);
            const kc_step_row row = run_step(&r->many[i]);
            assert_memory_equal(&row, &want, sizeof row);
            check_state(kc_trainer_state(r->one.trainer), kc_trainer_state(r->many[i].trainer),
                        r->many[i].grid->rank);
        }
        *dropped = fmax(*dropped, want.dropped);
    }
    for (int i = 0; i < r->n; ++i)
        assert_int_equal(kc_trainer_done(r->many[i].trainer), 1);
    same_measurement(r);
    return steps;
}

/* Where experts have too little room, some step drops; where they have room for all, none does. */
enum { ALL_FIT, DROPS };

static void check_grids(const kc_grid *g, const char *const *sets, int n_sets, int least_steps,
                        int drops)
{
    const kc_config cfg = config_from(sets, n_sets);
    runs r = {.n = 0};
    double dropped = 0;
    int meshes = 0;
    alone_create(&r.self, g);
    run_start(&r.one, cfg, &r.self.grid, 1, 1);
    for (int ep = 1; ep <= g->size; ep *= 2) {
        kc_grid *grid = &r.grid[meshes++];
        kc_grid_split(g, 0, grid);
        kc_grid_mesh(grid, ep);
        for (int i = 0; i < THREADS; ++i, ++r.n) {
            run_start(&r.many[r.n], cfg, grid, ep, i + 1);
            check_shares(grid, kc_trainer_state(r.many[r.n].trainer));
        }
    }
    const int steps = same_steps(&r, &dropped);
    if (steps < least_steps || (dropped > 0) != (drops == DROPS))
        fail_msg("%d steps, %g dropped", steps, dropped);
    for (int i = 0; i < meshes; ++i)
        kc_grid_leave(&r.grid[i]);
}

/* 300 people are three groups of a measurement, so that of four ranks one has none. */
KC_TEST(one_lane_a_rank)
{
    static const char *const sets[] = {"corpus.people=300", "corpus.exposures=1",
                                       "train.context=64"};
    check_grids(*state, sets, N(sets), 10, DROPS);
}

KC_TEST(two_windows_a_lane_and_a_z_loss)
{
    static const char *const sets[] = {"corpus.people=40",
                                       "corpus.exposures=6",
                                       "train.batch=8",
                                       "model.experts_topk=1",
                                       "model.experts_gate=renormalised",
                                       "model.z_loss=0.1"};
    check_grids(*state, sets, N(sets), 8, DROPS);
}

/* Sixteen lanes of 21 people: some end long before others, and ranks serve those that go on. */
KC_TEST(lanes_that_end_apart)
{
    static const char *const sets[] = {"corpus.people=21", "corpus.exposures=6", "train.batch=16",
                                       "train.lanes=16", "train.context=24"};
    check_grids(*state, sets, N(sets), 4, DROPS);
}

/* Four lanes of 5 biographies: two windows each, of lengths that differ. */
KC_TEST(few_biographies)
{
    static const char *const sets[] = {
        "corpus.kind=bios",     "corpus.people=5",       "corpus.exposures=5",
        "corpus.first_names=6", "corpus.middle_names=6", "corpus.last_names=6",
        "corpus.birth_years=4", "corpus.cities=10",      "corpus.universities=8",
        "corpus.majors=8",      "corpus.employers=8",    "corpus.sentences=2",
        "train.context=64",     "train.batch=8"};
    check_grids(*state, sets, N(sets), 4, DROPS);
}

KC_TEST(mixtral)
{
    static const char *const sets[] = {"corpus.people=40",
                                       "corpus.exposures=4",
                                       "model.arch=mistral",
                                       "model.heads=4",
                                       "model.kv_heads=2",
                                       "model.experts=4",
                                       "model.experts_gate=renormalised"};
    check_grids(*state, sets, N(sets), 10, DROPS);
}

/* Each expert's matrices are orthogonalised where they are, those that two ranks share on both. */
KC_TEST(muon)
{
    static const char *const sets[] = {
        "corpus.people=40", "corpus.exposures=4",   "model.arch=llama",  "model.canon=ABC",
        "model.experts=4",  "train.optimizer=muon", "train.muon_lr=0.02"};
    check_grids(*state, sets, N(sets), 10, DROPS);
}

/* The paper's routing: an expert of the width of d for each token, its output weighted by the
 * router's probability, through which the router learns. */
KC_TEST(one_expert_a_token)
{
    static const char *const sets[] = {"corpus.people=40", "corpus.exposures=2",
                                       "model.mlp_ratio=1", "model.experts_topk=1",
                                       "model.experts_gate=softmax"};
    check_grids(*state, sets, N(sets), 5, DROPS);
}

/* E / k times its share: an expert has room for every token of a lane, whatever the router does. */
KC_TEST(room_for_all)
{
    static const char *const sets[] = {"corpus.people=40",           "corpus.exposures=2",
                                       "model.mlp_ratio=1",          "model.experts_topk=1",
                                       "model.experts_gate=softmax", "model.capacity_factor=8"};
    check_grids(*state, sets, N(sets), 5, ALL_FIT);
}

/* Two of four experts that hold all, two windows a lane. */
KC_TEST(room_for_both_choices)
{
    static const char *const sets[] = {
        "corpus.people=40", "corpus.exposures=3",      "train.batch=8",
        "model.experts=4",  "model.capacity_factor=2", "model.experts_gate=renormalised"};
    check_grids(*state, sets, N(sets), 4, ALL_FIT);
}

static double loss_and_grad(const run *r, const int32_t *tokens, const int32_t *targets,
                            kc_work *work, float *grad)
{
    const kc_model *model = kc_trainer_model(r->trainer);
    const kc_weights *w = kc_trainer_weights(r->trainer);
    const double loss = kc_model_forward(model, w, tokens, targets, work, grad);
    kc_model_backward(model, w, tokens, work, grad);
    return loss;
}

/* The lanes of a first step by hand: their windows through the model, one after the other. */
static void by_hand(run *r, kc_step_row *row, float *grad)
{
    const kc_model *model = kc_trainer_model(r->trainer);
    const int64_t L = r->cfg.train.lanes, B = r->cfg.train.batch / L, T = model->shape.T;
    int32_t *tokens = test_room(B * T, 4), *targets = test_room(B * T, 4);
    kc_batch batch = {.windows = B, .context = T, .tokens = tokens, .targets = targets};
    kc_doc doc = doc_for(r->corpus);
    kc_arena *arena = test_arena();
    kc_routing all = {0};
    int64_t counted = 0;
    kc_work_create(model, arena, 1);
    kc_arena_reserve(arena);
    kc_work *work = kc_work_create(model, arena, 1);
    memset(row, 0, sizeof *row);
    for (int64_t lane = 0; lane < L; ++lane) {
        kc_cursor cursor = {0};
        kc_batch_next(r->corpus, lane, L, &cursor, &doc, &batch);
        counted += batch.counted;
        kc_work_lane(work);
        for (int64_t b = 0; b < B; ++b)
            row->loss += loss_and_grad(r, tokens + b * T, targets + b * T, work, grad);
        const kc_routing *lane_routing = kc_work_routing(work);
        all.balance += lane_routing->balance;
        all.entropy += lane_routing->entropy;
        all.windows += lane_routing->windows;
        all.sent += lane_routing->sent;
        all.dropped += lane_routing->dropped;
    }
    row->tokens = counted;
    row->loss /= (double)counted;
    row->balance_loss = all.balance / (double)all.windows;
    row->router_entropy = all.entropy / (double)all.windows;
    row->dropped = (double)all.dropped / (double)all.sent;
}

/* A row's columns, and the first moment as a share of the clipped mean gradient. */
KC_TEST(a_step_is_the_sum_of_its_lanes)
{
    static const char *const sets[] = {"corpus.people=40", "corpus.exposures=4", "train.batch=8"};
    alone self;
    run r;
    kc_step_row want;
    alone_create(&self, *state);
    run_start(&r, config_from(sets, N(sets)), &self.grid, 1, 1);
    const int64_t n = kc_model_grad_floats(kc_trainer_model(r.trainer));
    float *grad = test_room(n, sizeof *grad);
    by_hand(&r, &want, grad);
    const kc_step_row row = run_step(&r);
    assert_int_equal(row.tokens, want.tokens);
    assert_float_equal(row.loss, want.loss, 1e-12 * want.loss);
    assert_float_equal(row.balance_loss, want.balance_loss, 1e-12);
    assert_float_equal(row.router_entropy, want.router_entropy, 1e-12);
    assert_true(row.dropped == want.dropped && row.dropped > 0.02);
    assert_true(row.balance_loss > 1.0001);
    double square = 0, most = 0;
    for (int64_t i = 0; i < n; ++i)
        square += (double)grad[i] * grad[i];
    for (int64_t i = 0; i < n; ++i)
        most = fmax(most, fabs((double)grad[i]));
    assert_float_equal(row.grad_norm, sqrt(square) / (double)row.tokens, 1e-6 * row.grad_norm);
    const double scale =
        fmin(1, r.cfg.train.clip / row.grad_norm) * (1 - r.cfg.train.beta1) / (double)row.tokens;
    const float *m = kc_trainer_state(r.trainer)->m;
    for (int64_t i = 0; i < n; ++i)
        if (fabs(m[i] - scale * grad[i]) > 5e-6 * scale * most)
            fail_msg("moment %lld is %g, not %g", (long long)i, (double)m[i], scale * grad[i]);
}

/* Lanes are part of the model: the same batch in other lanes drops other tokens. */
KC_TEST(lanes_decide_who_is_dropped)
{
    static const char *const sets[][3] = {
        {"corpus.people=40", "corpus.exposures=4", "train.lanes=4"},
        {"corpus.people=40", "corpus.exposures=4", "train.lanes=1"}};
    double dropped[2];
    for (int i = 0; i < 2; ++i) {
        alone self;
        run r;
        alone_create(&self, *state);
        run_start(&r, config_from(sets[i], 3), &self.grid, 1, 1);
        dropped[i] = run_step(&r).dropped;
    }
    assert_true(dropped[0] > 0 && dropped[1] > 0 && dropped[0] != dropped[1]);
}

KC_TEST_MAIN(all_ranks, all_ranks_stop)
