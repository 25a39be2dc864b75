/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/comm/grid.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kcap/base/memory.h"
#include "kcap/base/sum.h"
#include "kcap/comm/mpi.h"

/* What a grid needs besides its communicator. */
static void settle(kc_grid *g)
{
    MPI_Comm_set_errhandler(g->mpi->world, MPI_ERRORS_RETURN);
    kc_mpi_check(MPI_Comm_rank(g->mpi->world, &g->rank), "MPI_Comm_rank");
    kc_mpi_check(MPI_Comm_size(g->mpi->world, &g->size), "MPI_Comm_size");
    kc_mpi_check(MPI_Type_contiguous(KC_BLOCK, MPI_FLOAT, &g->mpi->block), "MPI_Type_contiguous");
    kc_mpi_check(MPI_Type_commit(&g->mpi->block), "MPI_Type_commit");
    g->mpi->counts = kc_alloc(4 * (int64_t)g->size, sizeof *g->mpi->counts, "counts of ranks");
}

void kc_grid_split(const kc_grid *g, int color, kc_grid *part)
{
    *part = (kc_grid){.node_ranks = g->node_ranks, .node = g->node};
    part->mpi = kc_alloc(1, sizeof *part->mpi, "grid");
    kc_mpi_check(MPI_Comm_split(g->mpi->world, color, g->rank, &part->mpi->world),
                 "MPI_Comm_split");
    settle(part);
}

static void drop(kc_grid **part)
{
    if (!*part)
        return;
    kc_grid_leave(*part);
    free(*part);
    *part = NULL;
}

static kc_grid *part_of(const kc_grid *g, int color)
{
    kc_grid *part = kc_alloc(1, sizeof *part, "grid");
    kc_grid_split(g, color, part);
    return part;
}

void kc_grid_mesh(kc_grid *g, int ep)
{
    KC_CHECK(ep > 0 && g->size % ep == 0, "%d ranks in groups of %d", g->size, ep);
    drop(&g->ep);
    drop(&g->dp);
    if (ep == 1)
        return;
    g->ep = part_of(g, g->rank / ep);
    g->dp = part_of(g, g->rank % ep);
}

void kc_grid_leave(kc_grid *part)
{
    drop(&part->ep);
    drop(&part->dp);
    kc_mpi_check(MPI_Type_free(&part->mpi->block), "MPI_Type_free");
    kc_mpi_check(MPI_Comm_free(&part->mpi->world), "MPI_Comm_free");
    free(part->mpi->counts);
    free(part->mpi);
    part->mpi = NULL;
}

void kc_grid_abort(const kc_grid *g, int code)
{
    fflush(NULL);
    MPI_Abort(g->mpi->world, code);
    abort();
}

void kc_grid_start(kc_grid *g)
{
    /* Open MPI's own MPI-IO component is known to corrupt and hang in the 4.1 series; ROMIO is not.
     * Another MPI ignores the variable, and a user's setting wins. */
    setenv("OMPI_MCA_io", "romio321", 0);
    int provided = 0;
    kc_mpi_check(MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided), "MPI_Init_thread");
    *g = (kc_grid){.mpi = kc_alloc(1, sizeof *g->mpi, "grid")};
    kc_mpi_check(MPI_Comm_dup(MPI_COMM_WORLD, &g->mpi->world), "MPI_Comm_dup");
    settle(g);
    MPI_Comm node;
    kc_mpi_check(MPI_Comm_split_type(g->mpi->world, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node),
                 "MPI_Comm_split_type");
    kc_mpi_check(MPI_Comm_size(node, &g->node_ranks), "MPI_Comm_size");
    g->node = g->rank;
    kc_mpi_check(MPI_Bcast(&g->node, 1, MPI_INT, 0, node), "MPI_Bcast");
    kc_mpi_check(MPI_Comm_free(&node), "MPI_Comm_free");
}

int kc_grid_check(const kc_grid *g, kc_error *e)
{
    static const char *const sizes[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes && g->size == 1; ++i) {
        const char *size = getenv(sizes[i]);
        char mpi[64];
        kc_grid_mpi_version(mpi, sizeof mpi);
        mpi[strcspn(mpi, ",")] = 0;
        if (size && atoi(size) > 1)
            return kc_fail(e, KC_EINPUT,
                           "started as one of %s ranks (%s), but %s sees one: that mpirun is of "
                           "another MPI; use the one that kcap --version names",
                           size, sizes[i], mpi);
    }
    return KC_OK;
}

void kc_grid_stop(kc_grid *g)
{
    kc_grid_leave(g);
    kc_mpi_check(MPI_Finalize(), "MPI_Finalize");
}

void kc_grid_mpi_version(char *text, size_t size)
{
    char version[MPI_MAX_LIBRARY_VERSION_STRING] = "";
    int length = 0;
    kc_mpi_check(MPI_Get_library_version(version, &length), "MPI_Get_library_version");
    version[strcspn(version, "\r\n")] = 0;
    for (char *tab = version; (tab = strchr(tab, '\t'));)
        *tab = ' ';
    snprintf(text, size, "%s", version);
}

/* MPI counts are ints, and a message near their limit strains transports long before. */
enum { MESSAGE = 1 << 28, PASSED = 3 };

void kc_bcast(const kc_grid *g, void *data, size_t bytes)
{
    for (size_t done = 0; done < bytes; done += MESSAGE) {
        size_t n = bytes - done < MESSAGE ? bytes - done : MESSAGE;
        kc_mpi_check(MPI_Bcast((char *)data + done, (int)n, MPI_BYTE, 0, g->mpi->world),
                     "MPI_Bcast");
    }
}

void kc_pass(const kc_grid *g, int from, int to, void *data, size_t bytes)
{
    for (size_t done = 0; done < bytes; done += MESSAGE) {
        char *at = (char *)data + done;
        const int n = (int)(bytes - done < MESSAGE ? bytes - done : MESSAGE);
        if (g->rank == from)
            kc_mpi_check(MPI_Send(at, n, MPI_BYTE, to, PASSED, g->mpi->world), "MPI_Send");
        else
            kc_mpi_check(MPI_Recv(at, n, MPI_BYTE, from, PASSED, g->mpi->world, MPI_STATUS_IGNORE),
                         "MPI_Recv");
    }
}

void kc_allgather(const kc_grid *g, const void *mine, void *all, size_t bytes)
{
    KC_CHECK(bytes <= MESSAGE, "%zu bytes of each rank in one message", bytes);
    kc_mpi_check(
        MPI_Allgather(mine, (int)bytes, MPI_BYTE, all, (int)bytes, MPI_BYTE, g->mpi->world),
        "MPI_Allgather");
}

void kc_barrier(const kc_grid *g)
{
    kc_mpi_check(MPI_Barrier(g->mpi->world), "MPI_Barrier");
}

int kc_agree(const kc_grid *g, kc_error *e)
{
    int mine = e->code ? g->rank : g->size, first = g->size;
    kc_mpi_check(MPI_Allreduce(&mine, &first, 1, MPI_INT, MPI_MIN, g->mpi->world), "MPI_Allreduce");
    if (first == g->size)
        return KC_OK;
    kc_mpi_check(MPI_Bcast(e, (int)sizeof *e, MPI_BYTE, first, g->mpi->world), "MPI_Bcast");
    return e->code;
}

int kc_agree_text(const kc_grid *g, const char *what, const char *text, kc_error *e)
{
    char first[256] = "";
    if (g->rank == 0)
        snprintf(first, sizeof first, "%s", text);
    kc_bcast(g, first, sizeof first);
    if (strncmp(first, text, sizeof first - 1) != 0)
        kc_fail(e, KC_EINPUT, "%s: rank 0 has '%s', rank %d has '%s'; all ranks must have the same",
                what, first, g->rank, text);
    return kc_agree(g, e);
}
