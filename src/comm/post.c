/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/comm/post.h"

#include <stdlib.h>
#include <string.h>

#include "kcap/base/memory.h"
#include "kcap/comm/mpi.h"

enum { TAG = 7 };

struct kc_outbox {
    const kc_grid *g;
    int slots;
    size_t bytes;
    MPI_Request *request; /* [slots], MPI_REQUEST_NULL: free */
    char *data;           /* [slots x bytes]                 */
};

kc_outbox *kc_outbox_create(const kc_grid *g, int slots, size_t bytes)
{
    kc_outbox *o = kc_alloc(1, sizeof *o, "outbox");
    *o = (kc_outbox){.g = g, .slots = slots, .bytes = bytes};
    o->request = kc_alloc(slots, sizeof *o->request, "messages");
    o->data = kc_alloc(slots, bytes, "messages");
    for (int i = 0; i < slots; ++i)
        o->request[i] = MPI_REQUEST_NULL;
    return o;
}

void kc_outbox_destroy(kc_outbox *o)
{
    if (!o)
        return;
    kc_mpi_check(MPI_Waitall(o->slots, o->request, MPI_STATUSES_IGNORE), "MPI_Waitall");
    free(o->request);
    free(o->data);
    free(o);
}

int kc_outbox_pending(kc_outbox *o)
{
    int n = 0;
    for (int i = 0; i < o->slots; ++i) {
        int left = 1;
        if (o->request[i] != MPI_REQUEST_NULL)
            kc_mpi_check(MPI_Test(&o->request[i], &left, MPI_STATUS_IGNORE), "MPI_Test");
        n += !left;
    }
    return n;
}

void kc_post(kc_outbox *o, int to, const void *data, size_t bytes)
{
    int i = 0;
    KC_CHECK(bytes <= o->bytes, "%zu bytes in one message", bytes);
    if (kc_outbox_pending(o) == o->slots)
        kc_mpi_check(MPI_Waitany(o->slots, o->request, &i, MPI_STATUS_IGNORE), "MPI_Waitany");
    for (i = 0; o->request[i] != MPI_REQUEST_NULL;)
        ++i;
    char *copy = o->data + (size_t)i * o->bytes;
    memcpy(copy, data, bytes);
    kc_mpi_check(MPI_Isend(copy, (int)bytes, MPI_BYTE, to, TAG, o->g->mpi->world, &o->request[i]),
                 "MPI_Isend");
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
