/* SPDX-License-Identifier: BSD-3-Clause */
/* Keys at the ends of their ranges, alone and many together: a plan counts them or refuses them. */
#include "../test.h"

#include <math.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kcap/base/rng.h"
#include "kcap/plan/plan.h"

typedef struct key {
    const char *name;
    double least, most;
} key;

#define INT_KEY(section, name, least, most)  {#section "." #name, least, most},
#define REAL_KEY(section, name, least, most) {#section "." #name, least, most},
#define TEXT_KEY(section, name, least, most)
#define PATH_KEY(section, name, least, most)
#define CHOICE_KEY(section, name, least, most)
#define KEY(section, name, type, def, least, most, ...) type##_KEY(section, name, least, most)
#define KEYS(section)                                   KC_KEYS_##section(KEY)
static const key keys[] = {KC_SECTIONS(KEYS)};
enum { N_KEYS = sizeof keys / sizeof *keys, TEXT = 64 };

static void check_numbers(const kc_plan *p)
{
    const double numbers[] = {
        (double)p->arena_bytes,     (double)p->base_bytes,  (double)p->peak_bytes,
        (double)p->node_needs,      (double)p->n_params,    (double)p->n_params_used,
        (double)p->n_vocab,         p->tokens_per_exposure, p->tokens,
        (double)p->tokens_per_step, (double)p->steps,       p->flops,
        p->flop_per_token.all,      p->sent_bytes,          p->checkpoint_bytes};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; ++i)
        if (!(numbers[i] >= 0 && isfinite(numbers[i])))
            fail_msg("number %zu is %g", i, numbers[i]);
    double sum = 0;
    for (int i = 0; i < KC_N_NEEDS; ++i)
        sum += (double)p->needs.bytes[i];
    if (!(fabs(sum + (double)p->base_bytes - (double)p->peak_bytes) <= 1e-9 * sum))
        fail_msg("needs of %g and a base of %g bytes, a peak of %g", sum, (double)p->base_bytes,
                 (double)p->peak_bytes);
    assert_true(p->node_needs >= p->peak_bytes);
    assert_true(p->steps > 0);
}

static int plan(const char *const *sets, int n, const kc_machine *machine, kc_error *e)
{
    kc_config cfg;
    kc_files files = {0};
    kc_corpus *corpus = NULL;
    kc_plan p;
    kc_origin from = {.path = "x.yaml", .sets = sets, .n_sets = n};
    KC_TRY(kc_config_read("", 0, &from, &cfg, e));
    KC_TRY(kc_corpus_check(&cfg, &from, e));
    KC_TRY(kc_files_load(&cfg, NULL, &files, e));
    KC_TRY(kc_corpus_create(&cfg, &files, &corpus, e));
    KC_TRY(kc_plan_make(&cfg, corpus, machine, &p, e));
    check_numbers(&p);
out:
    kc_corpus_destroy(corpus);
    kc_files_free(&files);
    return e->code;
}

/* In a child, so that one that aborts says which keys made it. */
static void check(const char *const *sets, int n, const kc_machine *machine)
{
    int status;
    const pid_t child = fork();
    if (child == 0) {
        kc_error e = {0};
        const int code = plan(sets, n, machine, &e);
        _exit(code == KC_OK || (code == KC_EINPUT && e.text[0]) ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (status == 0)
        return;
    print_error("status %x, %d ranks of %d threads, %d on a node\n", status, machine->ranks,
                machine->threads, machine->ranks_per_node);
    for (int i = 0; i < n; ++i)
        print_error("  %s\n", sets[i]);
    fail();
}

/* What the corpus does not ask has the one that is made soonest. */
KC_TEST(each_key_alone)
{
    const kc_machine machine = {.ranks = 1, .threads = 1, .ranks_per_node = 1};
    for (int k = 0; k < N_KEYS; ++k)
        for (int end = 0; end < 2; ++end) {
            const char *sets[] = {
                test_text("%s=%.17g", keys[k].name, end ? keys[k].most : keys[k].least),
                "corpus.kind=random"};
            const int asks =
                strncmp(keys[k].name, "corpus.", 7) == 0 || strncmp(keys[k].name, "vocab.", 6) == 0;
            check(sets, asks ? 1 : 2, &machine);
        }
}

/* A whole number from `least`, any order of magnitude as likely as another, the ends often; even ones, as
 * heads are wide. */
static long long drawn(int64_t least, int64_t most, uint64_t i, uint32_t draw)
{
    const double u = (double)kc_rand_below(1, 0, i, draw, 1001) / 1000;
    const double at = u > 0.9 ? 1 : u < 0.1 ? 0 : (u - 0.1) / 0.8;
    return (long long)((double)least * pow((double)most / (double)least, at)) / 2 * 2;
}

/* Shapes of which many hold what keys demand of each other, so that they are counted. */
KC_TEST(many_together)
{
    static const struct {
        const char *key;
        int64_t least, most;
    } sizes[] = {{"model.layers", 2, 1000},           {"model.heads", 2, 1000},
                 {"model.head_dim", 2, 1024},         {"model.mlp_width", 2, 1048576},
                 {"train.context", 8, 1048576},       {"corpus.people", 2, 160000000},
                 {"corpus.exposures", 2, 1000000},    {"corpus.vocab", 1000, 20000},
                 {"model.capacity_factor", 2, 65536}, {"model.capacity_factor_measure", 2, 65536}};
    enum { N = sizeof sizes / sizeof *sizes, TIMES = 60, POWERS = 17 };
    for (uint64_t i = 0; i < TIMES; ++i) {
        const char *sets[N + 9] = {"corpus.kind=random", "corpus.length=4",
                                   "model.rotary_fraction=1"};
        int n = 3;
        for (int k = 0; k < N; ++k)
            sets[n++] = test_text("%s=%lld", sizes[k].key,
                                  drawn(sizes[k].least, sizes[k].most, i, (uint32_t)k));
        const int lanes = 1 << kc_rand_below(1, 0, i, 100, 21);
        const int ranks = 1 << kc_rand_below(1, 0, i, 101, 21);
        const int experts = 1 << kc_rand_below(1, 0, i, 102, POWERS);
        int ep = 1 << kc_rand_below(1, 0, i, 103, POWERS);
        ep = ep < experts ? ep : experts;
        ep = ep < ranks ? ep : ranks;
        ep = ep < lanes ? ep : lanes;
        if (i % 4) {
            sets[n++] = test_text("model.experts=%d", experts);
            sets[n++] = test_text("model.experts_topk=%d", experts < 64 ? experts : 64);
            sets[n++] = test_text("parallel.ep=%d", ep);
        }
        sets[n++] = i % 3 ? "model.mlp=gated" : "model.mlp=plain";
        sets[n++] = test_text("train.lanes=%d", lanes);
        sets[n++] = test_text("train.batch=%d", lanes);
        const kc_machine machine = {.ranks = ranks < lanes ? ranks : lanes,
                                    .threads = 1 << kc_rand_below(1, 0, i, 104, 13),
                                    .ranks_per_node = i % 5 ? 1 : ranks};
        check(sets, n, &machine);
        kc_test_end(NULL);
    }
}

KC_TEST_MAIN(NULL, NULL)
