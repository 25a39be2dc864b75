/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_TRANSFORM_GPTQ_SOLVE_H
#define KCAP_TRANSFORM_GPTQ_SOLVE_H

#include "kcap/transform/quantize.h"

/* How the matrices of blocks are packed. */
static inline kc_packing kc_gptq_packing(const kc_quantize *q)
{
    return (kc_packing){.bits = (int32_t)q->bits, .group = q->group, .asymmetric = q->asymmetric};
}

/* Matrices to the nearest codes, in place. */
void kc_gptq_round(const kc_packing *p, const kc_matrices *m, float *values);

/* GPTQ of one matrix w [n, m] of x [tokens, n] times w: Frantar et al., arXiv 2210.17323, algorithm 1
 * with the scales of w as it was (kc_packing_fit), which are each input's own in any order.
 *   H           [n, n]: x^T x over the calibration set; damped, and turned into what is needed
 *   sums        added: squared error of the outputs, of rounding's, squared outputs
 *   collective  on all ranks, of equal H and w
 *   bits        do not depend on ranks or threads
 *   errors      agreed on: KC_ENUMERIC */
typedef struct kc_gptq_sums {
    double error, rounding, output;
} kc_gptq_sums;
int kc_gptq_solve(const kc_grid *g, const kc_quantize *q, kc_mat w, double *H, int threads,
                  kc_gptq_sums *sums, kc_error *e);

#endif
