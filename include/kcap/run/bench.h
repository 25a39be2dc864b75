/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_RUN_BENCH_H
#define KCAP_RUN_BENCH_H

#include "kcap/run/signature.h"
#include "kcap/types/phase.h"

/* What a bench timed. */
typedef struct kc_bench {
    int64_t last_step;         /* the last step done, and                                  */
    double loss;               /* its loss, in nats a token                                */
    int64_t steps;             /* after the warm-up                                         */
    double seconds;            /* of a step: mean of the middle half                        */
    double phase[KC_N_PHASES]; /* of it                                                     */
    double flops[KC_N_PHASES]; /* a step's products in the phase; 0: none                   */
    double tokens;             /* of the step of median duration                            */
    double tokens_per_second;  /* the same                                                  */
    double flop_per_token;     /* F of kc_flops_of                                          */
    double peak;               /* flop/s of all ranks and threads, see kc_peak_flops; 0: unknown */
} kc_bench;

/* Train with a configuration for some seconds, the first tenth as warm-up, time it and forget it. Nothing
 * is measured or kept; run.h5 is written to a folder of TMPDIR, so that recording is timed too.
 *   cfg         sign's stamp points to its texts
 *   b           set on rank 0
 *   collective  on all ranks
 *   owns        the caller frees sign, after an error too
 *   errors      agreed on: KC_EINPUT when too few steps fit, else as a run's */
int kc_bench_run(kc_grid *g, const kc_config *cfg, double seconds, kc_bench *b, kc_signature *sign,
                 kc_error *e);

#endif
