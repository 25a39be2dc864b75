/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_COMM_GRID_H
#define KCAP_COMM_GRID_H

#include <stddef.h>
#include <stdint.h>

#include "kcap/base/err.h"

/* The ranks of a run. `mpi` hides what only src/comm and src/io may touch (kcap/comm/mpi.h). */
typedef struct kc_grid {
    int rank, size; /* this rank of how many       */
    int node_ranks; /* ranks on this rank's node   */
    int node;       /* of the whole job the first rank there */
    struct kc_grid_mpi *mpi;
    /* Set by kc_grid_mesh, for experts that are spread over ranks: ranks of neighbouring numbers
     * that have all the experts between them, and those that have the same experts. */
    struct kc_grid *ep, *dp;
} kc_grid;

/* Ranks that share the experts; 1 where kc_grid_mesh was not called. */
static inline int kc_grid_ep(const kc_grid *g)
{
    return g->ep ? g->ep->size : 1;
}

/* Start MPI (asking for MPI_THREAD_FUNNELED) on all ranks; alone, one rank without mpirun.
 *   collective  on all ranks, first call of a verb
 *   owns        release with kc_grid_stop
 *   errors      MPI failures end the job with KC_EPEER, here and in all of comm */
void kc_grid_start(kc_grid *g);

/* KC_EINPUT where a launcher started several ranks and each sees itself alone: they would all write
 * the same files.
 *   collective  no: the ranks do not know of each other */
int kc_grid_check(const kc_grid *g, kc_error *e);
void kc_grid_stop(kc_grid *g);

/* The ranks that give the same `color`, in the order of this grid, as a grid of their own. Threads
 * and memory of a node are still shared by all its ranks: node_ranks and node stay.
 *   collective  on all ranks
 *   owns        release with kc_grid_leave, on all ranks of the part */
void kc_grid_split(const kc_grid *g, int color, kc_grid *part);
void kc_grid_leave(kc_grid *part);

/* Lay the ranks out as dp x ep: rank = dp index x ep + ep index. `ep` divides the ranks; 1 undoes an
 * earlier layout.
 *   collective  on all ranks
 *   owns        g->ep and g->dp are released with the grid */
void kc_grid_mesh(kc_grid *g, int ep);

/* End the job on all ranks now, with an exit code: for what no agreement can reach any more.
 *   collective  no; never returns */
void kc_grid_abort(const kc_grid *g, int code) __attribute__((noreturn));

/* The MPI library's name and version, one line. */
void kc_grid_mpi_version(char *text, size_t size);

/* Rank 0's `bytes` bytes to all.  collective on all ranks */
void kc_bcast(const kc_grid *g, void *data, size_t bytes);

/* `bytes` bytes of each rank to all, in rank order: all is [size x bytes].  collective on all
 * ranks */
void kc_allgather(const kc_grid *g, const void *mine, void *all, size_t bytes);

/* `bytes` bytes of rank `from` to rank `to`, in place of its own.  collective on these two */
void kc_pass(const kc_grid *g, int from, int to, void *data, size_t bytes);

/* Wait for all ranks. */
void kc_barrier(const kc_grid *g);

/* Turn an error that some ranks have into the same error on all: the lowest failing rank's.
 *   collective  on all ranks, those without an error too
 *   errors      returns the agreed code; KC_OK when no rank failed */
int kc_agree(const kc_grid *g, kc_error *e);

/* KC_TRY for ranks, in a function with a kc_error *e: every rank does the call, or rank 0 alone; then
 * all agree, and all leave by `out:` where it failed on one.
 *   collective  on all ranks */
#define KC_TRY_ALL(grid, call)                                                                     \
    do {                                                                                           \
        (void)(call);                                                                              \
        KC_TRY(kc_agree(grid, e));                                                                 \
    } while (0)
#define KC_TRY_ROOT(grid, call)                                                                    \
    do {                                                                                           \
        if ((grid)->rank == 0)                                                                     \
            (void)(call);                                                                          \
        KC_TRY(kc_agree(grid, e));                                                                 \
    } while (0)

/* Stop with KC_EINPUT unless `text` is the same on all ranks in its first 255 bytes;
 * `what` names it in the message.
 *   collective  on all ranks */
int kc_agree_text(const kc_grid *g, const char *what, const char *text, kc_error *e);

#endif
