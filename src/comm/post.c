/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/comm/post.h"

#include "kcap/comm/mpi.h"

enum { TAG = 7, MOST = 4096 };

void kc_post(const kc_grid *g, int to, const void *data, size_t bytes)
{
    KC_CHECK(bytes <= MOST, "%zu bytes in one message", bytes);
    kc_mpi_check(MPI_Send(data, (int)bytes, MPI_BYTE, to, TAG, g->mpi->world), "MPI_Send");
}

int kc_post_take(const kc_grid *g, void *data, size_t bytes)
{
    int there = 0;
    MPI_Status status;
    kc_mpi_check(MPI_Iprobe(MPI_ANY_SOURCE, TAG, g->mpi->world, &there, &status), "MPI_Iprobe");
    if (!there)
        return -1;
    kc_mpi_check(MPI_Recv(data, (int)bytes, MPI_BYTE, status.MPI_SOURCE, TAG, g->mpi->world,
                          MPI_STATUS_IGNORE),
                 "MPI_Recv");
    return status.MPI_SOURCE;
}
