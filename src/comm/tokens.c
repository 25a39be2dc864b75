/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/comm/tokens.h"

#include <limits.h>
#include <string.h>

#include "kcap/comm/mpi.h"

void kc_tokens_counts(const kc_grid *ep, const int32_t *send, int32_t *receive, int each)
{
    kc_mpi_check(MPI_Ialltoall(send, each, MPI_INT32_T, receive, each, MPI_INT32_T, ep->mpi->world,
                               &ep->mpi->moving),
                 "MPI_Ialltoall");
}

/* Counts and places of each rank's rows, in floats; its own do not go through MPI. */
static void lay_out(const kc_grid *ep, const int64_t *rows, int64_t width, int *count, int *at)
{
    int64_t sum = 0;
    for (int r = 0; r < ep->size; ++r) {
        count[r] = r == ep->rank ? 0 : (int)(rows[r] * width);
        at[r] = (int)sum;
        sum += rows[r] * width;
        KC_CHECK(sum <= INT_MAX, "%lld floats of tokens in one exchange", (long long)sum);
    }
}

void kc_tokens_start(const kc_grid *ep, const float *send, const int64_t *to_rows, float *receive,
                     const int64_t *from_rows, int64_t width)
{
    int *to = ep->mpi->counts, *to_at = to + ep->size, *from = to_at + ep->size,
        *from_at = from + ep->size;
    lay_out(ep, to_rows, width, to, to_at);
    lay_out(ep, from_rows, width, from, from_at);
    kc_mpi_check(MPI_Ialltoallv(send, to, to_at, MPI_FLOAT, receive, from, from_at, MPI_FLOAT,
                                ep->mpi->world, &ep->mpi->moving),
                 "MPI_Ialltoallv");
    memcpy(receive + from_at[ep->rank], send + to_at[ep->rank],
           (size_t)(to_rows[ep->rank] * width) * sizeof *send);
}

void kc_tokens_finish(const kc_grid *ep)
{
    kc_mpi_check(MPI_Wait(&ep->mpi->moving, MPI_STATUS_IGNORE), "MPI_Wait");
}
