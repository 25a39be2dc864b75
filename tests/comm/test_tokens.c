/* SPDX-License-Identifier: BSD-3-Clause */
/* Rows of tokens arrive where they belong. */
#include "grids.h"

#include "kcap/comm/tokens.h"

enum { EACH = 3, WIDTH = 5 };

/* Rows that `from` sends to expert e of `to` in round `round`; in some rounds nobody sends, in some
 * one rank sends everything to one. */
static int32_t rows_between(int round, int from, int to, int e)
{
    if (round == 0)
        return 0;
    if (round == 1)
        return from == 0 && e == 1 ? 7 : 0;
    return (int32_t)((from * 31 + to * 17 + e * 5 + round * 13) % 6 * (round == 4 ? 40 : 1));
}

static float value(int round, int from, int to, int64_t row, int64_t i)
{
    return (float)(round + 10 * from + 100 * to) + (float)(row * WIDTH + i) / 16384.0f;
}

static int64_t sum_of(int round, int from, int to)
{
    int64_t sum = 0;
    for (int e = 0; e < EACH; ++e)
        sum += rows_between(round, from, to, e);
    return sum;
}

KC_TEST(counts_arrive_in_the_senders_order)
{
    const kc_grid *g = *state;
    int32_t *send = test_room(g->size * EACH, sizeof *send),
            *receive = test_room(g->size * EACH + 1, sizeof *receive);
    for (int round = 0; round < 5; ++round) {
        receive[g->size * EACH] = -7;
        for (int i = 0; i < g->size * EACH; ++i)
            send[i] = rows_between(round, g->rank, i / EACH, i % EACH);
        kc_tokens_counts(g, send, receive, EACH);
        kc_tokens_finish(g);
        for (int i = 0; i < g->size * EACH; ++i)
            assert_int_equal(receive[i], rows_between(round, i / EACH, g->rank, i % EACH));
        assert_int_equal(receive[g->size * EACH], -7);
    }
}

/* One rank's buffers of a round. */
typedef struct load {
    int64_t to[8], from[8], sent, arrived;
    float *send, *receive;
} load;

static load pack(const kc_grid *g, int round)
{
    load l = {.sent = 0};
    for (int r = 0; r < g->size; ++r) {
        l.sent += l.to[r] = sum_of(round, g->rank, r);
        l.arrived += l.from[r] = sum_of(round, r, g->rank);
    }
    l.send = test_room(l.sent * WIDTH + 1, sizeof(float));
    l.receive = test_room(l.arrived * WIDTH + 1, sizeof(float));
    float *at = l.send;
    for (int r = 0; r < g->size; ++r)
        for (int64_t row = 0; row < l.to[r]; ++row)
            for (int64_t i = 0; i < WIDTH; ++i)
                *at++ = value(round, g->rank, r, row, i);
    for (int64_t i = 0; i <= l.arrived * WIDTH; ++i)
        l.receive[i] = -1;
    return l;
}

/* Every row from r lies where r's turn is. */
static void check_arrived(const kc_grid *g, int round, const load *l)
{
    const float *at = l->receive;
    for (int r = 0; r < g->size; ++r)
        for (int64_t row = 0; row < l->from[r]; ++row)
            for (int64_t i = 0; i < WIDTH; ++i, ++at)
                assert_true(*at == value(round, r, g->rank, row, i));
    assert_true(*at == -1);
    assert_int_equal(at - l->receive, l->arrived * WIDTH);
}

KC_TEST(rows_arrive)
{
    const kc_grid *g = *state;
    for (int round = 0; round < 5; ++round) {
        load l = pack(g, round);
        kc_tokens_start(g, l.send, l.to, l.receive, l.from, WIDTH);
        kc_tokens_finish(g);
        check_arrived(g, round, &l);
    }
}

/* What comes back lies where it was sent from. */
KC_TEST(there_and_back)
{
    const kc_grid *g = *state;
    for (int round = 0; round < 5; ++round) {
        load l = pack(g, round);
        float *back = test_room(l.sent * WIDTH + 1, sizeof *back);
        kc_tokens_start(g, l.send, l.to, l.receive, l.from, WIDTH);
        kc_tokens_finish(g);
        for (int64_t i = 0; i < l.arrived * WIDTH; ++i)
            l.receive[i] *= 2;
        kc_tokens_start(g, l.receive, l.from, back, l.to, WIDTH);
        kc_tokens_finish(g);
        for (int64_t i = 0, r = 0, row = 0; r < g->size; row = 0, ++r)
            for (; row < l.to[r]; ++row)
                for (int k = 0; k < WIDTH; ++k, ++i)
                    assert_true(back[i] == 2 * l.send[i]);
    }
}

/* Groups of a mesh exchange among themselves. */
KC_TEST(groups_do_not_mix)
{
    kc_grid *g = *state;
    for (int ep = 2; ep <= g->size; ep *= 2) {
        kc_grid_mesh(g, ep);
        assert_int_equal(kc_grid_ep(g), ep);
        assert_int_equal(g->ep->rank, g->rank % ep);
        assert_int_equal(g->dp->size, g->size / ep);
        assert_int_equal(g->dp->rank, g->rank / ep);
        const int64_t one[8] = {1, 1, 1, 1, 1, 1, 1, 1};
        float send[8], receive[8];
        for (int r = 0; r < ep; ++r)
            send[r] = (float)(10 * g->rank + r);
        kc_tokens_start(g->ep, send, one, receive, one, 1);
        kc_tokens_finish(g->ep);
        for (int r = 0; r < ep; ++r)
            assert_true(receive[r] == (float)(10 * (g->rank / ep * ep + r) + g->ep->rank));
    }
    kc_grid_mesh(g, 1);
    assert_null(g->ep);
    assert_int_equal(kc_grid_ep(g), 1);
}

KC_TEST_MAIN(all_ranks, all_ranks_stop)
