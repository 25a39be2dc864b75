/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_NN_WORK_H
#define KCAP_NN_WORK_H

#include "nn/block.h"

struct kc_work {
    int threads;
    int64_t known, rows; /* a prediction: what stands of the last one; rows behind it. Else 0, T */
    int64_t n_experts;   /* l x E                                       */
    kc_block_kept *kept; /* [l]                                         */
    kc_mat x, y;         /* [T, d]: from the last block; its last norm  */
    float *mean, *rstd;  /* [T]: of the last norm                       */
    kc_mat dx, dy;       /* [T, d]                                      */
    float *logits;       /* one chunk                                   */
    kc_block_scratch scratch;
};

#endif
