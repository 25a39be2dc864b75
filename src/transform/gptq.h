/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_TRANSFORM_GPTQ_H
#define KCAP_TRANSFORM_GPTQ_H

#include "kcap/transform/quantize.h"

/* All blocks of a model, one matrix after the other, each calibrated by what those before it, already
 * quantised, give it: w of x->weights, in place.
 *   collective  on all ranks
 *   bits        do not depend on ranks or threads
 *   errors      agreed on: KC_ENUMERIC */
int kc_gptq_run(const kc_subject *x, float *w, const kc_quantize *q, kc_calibration *found,
                kc_error *e);

#endif
