/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_RUN_SIGNATURE_H
#define KCAP_RUN_SIGNATURE_H

#include <stdio.h>

#include "kcap/comm/grid.h"
#include "kcap/data/corpus.h"
#include "kcap/run/host.h"
#include "kcap/types/state.h"

/* A stamp and the texts it points to. All zero is empty. */
typedef struct kc_signature {
    kc_stamp stamp;
    char *config;
    char config_hash[17], mpi[256], products[128], hdf5[32], kernel[32];
    char started[21], host[64], run_id[40];
} kc_signature;

/* What explains the files of this run: this program, these ranks and this model.
 *   cfg         borrowed as long as the stamp is read
 *   run_id      NULL: a new one, the same on all ranks
 *   collective  on all ranks
 *   owns        release with kc_signature_free */
void kc_sign(kc_signature *sign, const kc_grid *g, const kc_config *cfg, const kc_corpus_info *info,
             const kc_host *host, const kc_layout *layout, const char *run_id);
void kc_signature_free(kc_signature *sign);

/* Version, commit, compiler, libraries and the mpirun of this build's MPI, a line each. */
void kc_version_print(FILE *out);

#endif
