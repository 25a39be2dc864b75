/* SPDX-License-Identifier: BSD-3-Clause */
/* Ranks move bytes and agree on errors. */
#include "grids.h"

#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "kcap/base/clock.h"
#include "kcap/comm/post.h"
#include "kcap/comm/share.h"

KC_TEST(ranks_know_each_other)
{
    const kc_grid *g = *state;
    int *ranks = test_room(g->size, sizeof *ranks);
    char text[300] = "";
    kc_allgather(g, &g->rank, ranks, sizeof g->rank);
    for (int r = 0; r < g->size; ++r)
        assert_int_equal(ranks[r], r);
    assert_same_on_all(g, &g->size, sizeof g->size);
    assert_int_equal(g->node_ranks, g->size);
    kc_grid_mpi_version(text, sizeof text);
    assert_true(strlen(text) > 3);
    assert_null(strchr(text, '\n'));
}

KC_TEST(the_first_ranks_bytes_reach_all)
{
    const kc_grid *g = *state;
    enum { N = 100003 };
    unsigned char *data = test_room(N, 1);
    for (int i = 0; i < N; ++i)
        data[i] = (unsigned char)(g->rank ? 255 : i % 251);
    kc_bcast(g, data, N);
    for (int i = 0; i < N; ++i)
        assert_int_equal(data[i], i % 251);
    data[0] = 77;
    kc_bcast(g, data, 0);
    assert_int_equal(data[0], 77);
}

KC_TEST(all_bytes_come_in_rank_order)
{
    const kc_grid *g = *state;
    enum { N = 33 };
    double mine[N], *all = test_room(g->size * N, sizeof *all);
    for (int i = 0; i < N; ++i)
        mine[i] = g->rank + i / 64.0;
    kc_allgather(g, mine, all, sizeof mine);
    for (int i = 0; i < N * g->size; ++i)
        assert_true(all[i] == i / N + i % N / 64.0);
}

/* An object of two arrays, the second's length in the first. */
typedef struct pair_of_arrays {
    int64_t n, *lengths;
    double *values;
} pair_of_arrays;

static void walk(void *of, kc_image *image)
{
    pair_of_arrays *p = of;
    kc_image_array(image, &p->lengths, p->n, sizeof *p->lengths);
    kc_image_array(image, &p->values, p->lengths[p->n - 1], sizeof *p->values);
}

/* Ranks of as many nodes as `node` says have rank 0's arrays; `in_common`: once a node. */
static void check_share(const kc_grid *g, int in_common)
{
    enum { N = 1003 };
    pair_of_arrays p = {.n = 3};
    kc_shared shared;
    if (g->rank == 0) {
        p.lengths = kc_alloc(p.n, sizeof *p.lengths, "lengths");
        p.values = kc_alloc(N, sizeof *p.values, "values");
        p.lengths[2] = N;
        for (int i = 0; i < N; ++i)
            p.values[i] = i / 64.0;
    }
    kc_share(g, walk, &p, &shared);
    assert_int_equal(p.lengths[2], N);
    for (int i = 0; i < N; ++i)
        assert_true(p.values[i] == i / 64.0);
    kc_barrier(g);
    if (g->rank == 0)
        p.values[5] = -1; /* as nobody does: who has it in common sees it */
    kc_barrier(g);
    assert_true((p.values[5] < 0) == (g->rank == 0 || (in_common && g->node == 0)));
    assert_int_equal(shared.is_mapped, in_common && g->size > 1);
    kc_barrier(g);
    kc_shared_free(&shared);
}

KC_TEST(the_ranks_of_a_node_have_arrays_in_common)
{
    const kc_grid *g = *state;
    assert_int_equal(g->node, 0);
    check_share(g, 1);
}

KC_TEST(each_node_has_its_own)
{
    kc_grid halves = *(const kc_grid *)*state;
    if (halves.size < 4)
        return;
    halves.node = halves.rank / 2 * 2;
    check_share(&halves, 1);
}

/* The last rank can open no more files. */
KC_TEST(where_nothing_is_in_common_each_has_its_own)
{
    const kc_grid *g = *state;
    struct rlimit most, none;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &most), 0);
    none = (struct rlimit){0, most.rlim_max};
    if (g->rank == g->size - 1)
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    check_share(g, 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &most), 0);
}

KC_TEST(nobody_failed)
{
    const kc_grid *g = *state;
    kc_error e = {0};
    assert_int_equal(kc_agree(g, &e), KC_OK);
    assert_int_equal(e.code, KC_OK);
    assert_string_equal(e.text, "");
}

/* Every set of failing ranks: all learn what the lowest of them found. */
KC_TEST(the_lowest_failing_rank_speaks)
{
    const kc_grid *g = *state;
    for (int failing = 1; failing < 1 << g->size; ++failing) {
        kc_error e = {0};
        char text[40];
        int lowest = 0;
        while (!(failing >> lowest & 1))
            ++lowest;
        if (failing >> g->rank & 1)
            kc_fail(&e, g->rank % 2 ? KC_EIO : KC_EINPUT, "found by %d", g->rank);
        assert_int_equal(kc_agree(g, &e), lowest % 2 ? KC_EIO : KC_EINPUT);
        assert_int_equal(e.code, lowest % 2 ? KC_EIO : KC_EINPUT);
        snprintf(text, sizeof text, "found by %d", lowest);
        assert_string_equal(e.text, text);
    }
}

static int fail_on(const kc_grid *g, int rank, int *calls, kc_error *e)
{
    ++*calls;
    return g->rank == rank ? kc_fail(e, KC_EIO, "found by %d", rank) : KC_OK;
}

/* Rank 0's call fails on rank 0, the one of all on the last rank; *went is how far a rank went on. */
static int try_both(const kc_grid *g, int root_fails, int *calls, int *went, kc_error *e)
{
    KC_TRY_ROOT(g, fail_on(g, root_fails ? 0 : -1, calls, e));
    *went = 1;
    KC_TRY_ALL(g, fail_on(g, g->size - 1, calls, e));
    *went = 2;
out:
    return e->code;
}

KC_TEST(all_leave_where_one_call_failed)
{
    const kc_grid *g = *state;
    kc_error first = {0}, second = {0};
    int calls = 0, went = 0;
    char text[40];
    assert_int_equal(try_both(g, 1, &calls, &went, &first), KC_EIO);
    assert_string_equal(first.text, "found by 0");
    assert_int_equal(calls, g->rank == 0);
    assert_int_equal(went, 0);
    snprintf(text, sizeof text, "found by %d", g->size - 1);
    assert_int_equal(try_both(g, 0, &calls, &went, &second), KC_EIO);
    assert_string_equal(second.text, text);
    assert_int_equal(calls, g->rank == 0 ? 3 : 1);
    assert_int_equal(went, 1);
}

KC_TEST(equal_texts_agree)
{
    const kc_grid *g = *state;
    kc_error e = {0};
    char text[20] = "haswell";
    text[10 + g->rank] = 'x'; /* behind the end */
    assert_int_equal(kc_agree_text(g, "parallel.kernel", text, &e), KC_OK);
    assert_int_equal(kc_agree_text(g, "nothing", "", &e), KC_OK);
    assert_string_equal(e.text, "");
}

KC_TEST(a_text_of_its_own_is_an_error)
{
    const kc_grid *g = *state;
    const int last = g->size - 1;
    kc_error e = {0};
    char want[200];
    if (g->size == 1)
        return; /* one rank always agrees */
    snprintf(want, sizeof want,
             "parallel.kernel: rank 0 has 'zen', rank %d has 'zen3'; all ranks must have the same",
             last);
    assert_int_equal(kc_agree_text(g, "parallel.kernel", g->rank == last ? "zen3" : "zen", &e),
                     KC_EINPUT);
    assert_string_equal(e.text, want);
    kc_error shorter = {0};
    assert_int_equal(kc_agree_text(g, "x", g->rank == last ? "ze" : "zen", &shorter), KC_EINPUT);
}

KC_TEST(barriers_let_all_pass)
{
    const kc_grid *g = *state;
    int passed = 0;
    for (int i = 0; i < 10; ++i) {
        kc_barrier(g);
        ++passed;
    }
    assert_same_on_all(g, &passed, sizeof passed);
}

/* Parts of one and of two ranks are grids of their own. */
KC_TEST(parts_are_grids)
{
    const kc_grid *g = *state;
    for (int size = 1; size <= g->size; size *= 2) {
        kc_grid part;
        kc_grid_split(g, g->rank / size, &part);
        assert_int_equal(part.size, size);
        assert_int_equal(part.rank, g->rank % size);
        assert_int_equal(part.node_ranks, g->node_ranks);
        int first = g->rank;
        kc_bcast(&part, &first, sizeof first);
        assert_int_equal(first, g->rank / size * size);
        kc_grid_leave(&part);
    }
}

/* Everyone posts to rank 0 at once, three times; each one's notes come in order. */
KC_TEST(notes_arrive_in_order)
{
    const kc_grid *g = *state;
    int last[64] = {0}, taken = 0;
    kc_outbox *outbox = kc_outbox_create(g, 3, sizeof taken);
    if (g->rank > 0)
        for (int i = 1; i <= 3; ++i)
            kc_post(outbox, 0, &i, sizeof i);
    while (g->rank == 0 && taken < 3 * (g->size - 1)) {
        int note = 0, from = kc_post_take(g, &note, sizeof note);
        if (from < 0)
            continue;
        assert_int_equal(note, last[from] + 1);
        last[from] = note;
        ++taken;
    }
    kc_barrier(g);
    int note = 0;
    assert_int_equal(kc_post_take(g, &note, sizeof note), -1);
    assert_int_equal(kc_outbox_pending(outbox), 0);
    kc_outbox_destroy(outbox);
    kc_barrier(g);
}

/* Who writes goes on while rank 0 computes, for two seconds here, also with messages that MPI_Send
 * holds until the receiver is in MPI. */
KC_TEST(notes_do_not_wait)
{
    const kc_grid *g = *state;
    enum { NOTES = 20, BYTES = 440 };
    char note[BYTES] = "";
    kc_outbox *outbox = kc_outbox_create(g, NOTES, BYTES);
    kc_barrier(g);
    const double begun = kc_clock();
    if (g->rank == 0)
        sleep(2);
    for (int i = 0; g->rank > 0 && i < NOTES; ++i)
        kc_post(outbox, 0, note, BYTES);
    if (g->rank > 0)
        assert_true(kc_clock() - begun < 1);
    for (int taken = 0; g->rank == 0 && taken < NOTES * (g->size - 1);)
        taken += kc_post_take(g, note, BYTES) >= 0;
    kc_barrier(g);
    kc_outbox_destroy(outbox);
}

KC_TEST_MAIN(all_ranks, all_ranks_stop)
