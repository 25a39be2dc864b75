/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_RUN_HOST_H
#define KCAP_RUN_HOST_H

#include <sched.h>

#include "kcap/comm/grid.h"
#include "kcap/config/config.h"

/* What this rank computes with. All zero: not started. */
typedef struct kc_host {
    int threads;
    char kernel[32]; /* of the matrix products, see kc_gemm_start           */
    int pinned;      /* threads that were bound to a core each; 0: none     */
    cpu_set_t cores; /* those allowed before                                */
} kc_host;

/* Choose threads and kernels (`kernel` in place of the configuration's when not NULL), bind a thread
 * to a core where they are as many, and lay the ranks out for parallel.ep where it divides them:
 * kc_trainer_create refuses it elsewhere.
 *   warn        say on stderr when a rank has fewer cores than threads, or was launched alone
 *   collective  on all ranks
 *   owns        end with kc_host_end, after an error too; accepts a zeroed host
 *   errors      agreed on: KC_EINPUT as kc_gemm_start, nodes that choose different kernels, or threads
 *               of too small a stack */
int kc_host_start(kc_host *h, kc_grid *g, const kc_config *cfg, const char *kernel, int warn,
                  kc_error *e);

/* Threads may run where they might before; the ranks are one grid again.   collective */
void kc_host_end(kc_host *h, kc_grid *g);

#endif
