/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_COMM_MPI_H
#define KCAP_COMM_MPI_H

/* The MPI side of a grid, for src/comm and src/io only. */

#include <mpi.h>

#include "kcap/comm/grid.h"

struct kc_grid_mpi {
    MPI_Comm world;     /* a duplicate of MPI_COMM_WORLD                               */
    MPI_Datatype block; /* KC_BLOCK floats: counts and displacements stay far below int */
    MPI_Request moving; /* tokens under way, see tokens.h                              */
    int *counts;        /* [4 x size] of the exchanges, so that no step allocates        */
};

/* Go on only when an MPI call returned MPI_SUCCESS: else print rank, call and MPI's own text, and
 * end the job with exit code 5. */
void kc_mpi_check(int code, const char *what);

#endif
