/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/comm/exchange.h"

#include "kcap/base/sum.h"
#include "kcap/comm/mpi.h"

enum { ROUND_FLOATS = 1 << 20 };

void kc_slices(const kc_grid *g, int64_t n_flat, int64_t *lo)
{
    KC_CHECK(n_flat % KC_BLOCK == 0, "%lld elements are no whole blocks", (long long)n_flat);
    int64_t blocks = n_flat / KC_BLOCK;
    for (int r = 0; r <= g->size; ++r)
        lo[r] = blocks * r / g->size * KC_BLOCK;
}

int64_t kc_slices_round(const kc_grid *g)
{
    int64_t even = ROUND_FLOATS / g->size / KC_BLOCK * KC_BLOCK;
    return even > KC_BLOCK ? even : KC_BLOCK;
}

/* Blocks of rank's slice that travel in the round that starts at element `from`. */
static int piece(const int64_t *lo, int rank, int64_t from, int64_t round)
{
    int64_t left = lo[rank + 1] - lo[rank] - from;
    return (int)((left < 0 ? 0 : left < round ? left : round) / KC_BLOCK);
}

int64_t kc_slices_scatter(const kc_grid *g, const float *full, const int64_t *lo, int64_t from,
                          int64_t round, float *partial)
{
    int *send = g->mpi->counts, *send_at = send + g->size, *receive = send_at + g->size,
        *receive_at = receive + g->size;
    int mine = piece(lo, g->rank, from, round);
    for (int r = 0; r < g->size; ++r) {
        send[r] = piece(lo, r, from, round);
        send_at[r] = send[r] ? (int)((lo[r] + from) / KC_BLOCK) : 0;
        receive[r] = mine;
        receive_at[r] = r * mine;
    }
    int code = MPI_Alltoallv(full, send, send_at, g->mpi->block, partial, receive, receive_at,
                             g->mpi->block, g->mpi->world);
    kc_mpi_check(code, "MPI_Alltoallv");
    return (int64_t)mine * KC_BLOCK;
}

/* Blocks and first block of each rank's slice into the grid's count arrays. */
static int *slices_in_blocks(const kc_grid *g, const int64_t *lo)
{
    int *count = g->mpi->counts;
    for (int r = 0; r < g->size; ++r) {
        count[r] = (int)((lo[r + 1] - lo[r]) / KC_BLOCK);
        count[g->size + r] = (int)(lo[r] / KC_BLOCK);
    }
    return count;
}

void kc_slices_gather(const kc_grid *g, float *full, const int64_t *lo)
{
    int *count = slices_in_blocks(g, lo);
    int code = MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, full, count, count + g->size,
                              g->mpi->block, g->mpi->world);
    kc_mpi_check(code, "MPI_Allgatherv");
}

void kc_blocks_gather(const kc_grid *g, double *values, const int64_t *lo)
{
    int *count = slices_in_blocks(g, lo);
    int code = MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, values, count, count + g->size,
                              MPI_DOUBLE, g->mpi->world);
    kc_mpi_check(code, "MPI_Allgatherv");
}
