/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_RUN_INIT_H
#define KCAP_RUN_INIT_H

#include <stdint.h>

#include "kcap/comm/grid.h"

/* What a checkpoint of initial weights is asked for. Texts are borrowed. */
typedef struct kc_init_request {
    const char *input;       /* an input file                          */
    const char *const *sets; /* [n_sets] overrides, section.key=value  */
    int n_sets;
    const char *out; /* a run's folder to write, empty or not there */
} kc_init_request;

/* Write the weights that training starts from as the checkpoint of step 0, without moments. Takes the
 * room of the weights alone, on any number of ranks: what cannot be trained here can be measured.
 *   n_params    P
 *   collective  on all ranks
 *   errors      agreed on: KC_EINPUT as kc_input_config, kc_input_files, kc_input_corpus, or where `out`
 *               is not empty or in use; KC_EIO */
int kc_run_init(kc_grid *g, const kc_init_request *q, int64_t *n_params, kc_error *e);

#endif
