/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_COMM_POST_H
#define KCAP_COMM_POST_H

#include "kcap/comm/grid.h"

/* Short messages between two ranks that do not wait for each other. Each pair's messages arrive
 * in the order they were sent.
 *
 * MPI_Send may wait for the receiver with a message of any length: Open MPI's shared memory does so
 * from 300 bytes on, and with shorter ones after a few. A rank that computes for an hour would hold
 * up all that write to it. So messages lie here until they have left. */
typedef struct kc_outbox kc_outbox;

/* Room for `slots` messages on their way, of at most `bytes` bytes each.
 *   collective  no
 *   owns        release with kc_outbox_destroy, which waits until all have left: their receivers
 *               must be in MPI by then */
kc_outbox *kc_outbox_create(const kc_grid *g, int slots, size_t bytes);
void kc_outbox_destroy(kc_outbox *o);

/* How many messages have not left yet. */
int kc_outbox_pending(kc_outbox *o);

/* Send a message. It does not wait while there is room.
 *   collective  no */
void kc_post(kc_outbox *o, int to, const void *data, size_t bytes);

/* Take a message of exactly `bytes` bytes if one is there.
 *   collective  no
 *   returns     the sender's rank, or -1: no message now */
int kc_post_take(const kc_grid *g, void *data, size_t bytes);

#endif
