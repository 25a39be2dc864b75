/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/comm/mpi.h"

#include <stdio.h>
#include <stdlib.h>

void kc_mpi_check(int code, const char *what)
{
    if (code == MPI_SUCCESS)
        return;
    char text[MPI_MAX_ERROR_STRING] = "";
    int length = 0, rank = -1;
    MPI_Error_string(code, text, &length);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    fprintf(stderr, "kcap: rank %d: %s failed: %s\n", rank, what, text);
    MPI_Abort(MPI_COMM_WORLD, KC_EPEER);
    abort();
}
