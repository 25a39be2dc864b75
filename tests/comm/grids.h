/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_TESTS_COMM_GRIDS_H
#define KCAP_TESTS_COMM_GRIDS_H

#include "../test.h"

#include "kcap/comm/mpi.h"

/* A group set-up and tear-down that hand every test the grid of all ranks as *state. With several
 * ranks a failure aborts, since the others may wait for the one that failed. */
static inline int all_ranks(void **state)
{
    kc_grid *g = kc_alloc(1, sizeof *g, "grids");
    test_start_mpi(g);
    if (g->size > 1)
        setenv("CMOCKA_TEST_ABORT", "1", 1);
    *state = g;
    return 0;
}

static inline int all_ranks_stop(void **state)
{
    test_stop_mpi(*state);
    free(*state);
    return 0;
}

/* This rank as the only one: what one process alone would compute. */
typedef struct alone {
    kc_grid grid;
    struct kc_grid_mpi mpi;
    int counts[4];
} alone;

static inline void alone_create(alone *a, const kc_grid *g)
{
    *a = (alone){.grid = {.rank = 0, .size = 1, .node_ranks = 1, .mpi = &a->mpi},
                 .mpi = {.world = MPI_COMM_SELF, .block = g->mpi->block, .counts = a->counts}};
}

/* Fail unless `bytes` bytes are the same on all ranks. */
static inline void assert_same_on_all(const kc_grid *g, const void *mine, size_t bytes)
{
    char *all = test_room(g->size, bytes);
    kc_allgather(g, mine, all, bytes);
    for (int r = 0; r < g->size; ++r)
        assert_memory_equal(all + (size_t)r * bytes, mine, bytes);
}

#endif
