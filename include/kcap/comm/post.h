/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_COMM_POST_H
#define KCAP_COMM_POST_H

#include "kcap/comm/grid.h"

/* Short messages between two ranks that do not wait for each other. Each pair's messages arrive
 * in the order they were sent. */

/* Send `bytes` bytes, few enough to leave at once (4 KiB at most).
 *   collective  no */
void kc_post(const kc_grid *g, int to, const void *data, size_t bytes);

/* Take a message of exactly `bytes` bytes if one is there.
 *   collective  no
 *   returns     the sender's rank, or -1: no message now */
int kc_post_take(const kc_grid *g, void *data, size_t bytes);

#endif
