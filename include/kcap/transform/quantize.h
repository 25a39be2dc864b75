/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_TRANSFORM_QUANTIZE_H
#define KCAP_TRANSFORM_QUANTIZE_H

#include "kcap/measure/subject.h"
#include "kcap/record/checkpoint.h"

/* Weights of a trained model as whole numbers of few bits (kc_packing): the matrices of the blocks, with
 * experts' and without the router; norms and biases stay as they were, and so do embeddings,
 * positions and output head unless they are asked for. */
typedef enum kc_quantize_method {
    KC_RTN, /* each weight to the nearest code                                       */
    KC_GPTQ /* the matrices of the blocks by Frantar et al., arXiv 2210.17323        */
} kc_quantize_method;

typedef struct kc_quantize {
    kc_quantize_method method;
    int64_t bits, group; /* as in kc_packing */
    int asymmetric;      /* likewise */
    int embeddings;      /* rounded to nearest by either method */
    /* of GPTQ */
    int64_t documents; /* that measurement reads, from the first on; at most as many as there are */
    double damping;    /* of the Hessian's mean diagonal, added to it */
    int act_order;     /* inputs with the largest diagonal first      */
} kc_quantize;

/* The name of a method: rtn, gptq; NULL behind the last. */
const char *kc_quantize_name(int method);

/* What GPTQ was calibrated by and came to: squared errors of the outputs of all matrices on these
 * tokens, over the squared outputs of the matrices as they were; and those of rounding to nearest on the same
 * inputs. */
typedef struct kc_calibration {
    int64_t documents, tokens;
    double error, rounding_error;
} kc_calibration;

/* Write a checkpoint as another one, packed.
 *   from, out   as kc_checkpoint_derive
 *   collective  on all ranks
 *   bits        of the whole file do not depend on ranks
 *   errors      as kc_checkpoint_derive */
int kc_quantize_round(const kc_grid *g, const kc_checkpoint_info *from, const kc_quantize *q,
                      const char *out, kc_error *e);

/* The same by GPTQ.
 *   x           the checkpoint, opened, with all experts on each rank
 *   w           its weights, which x->weights->w is: they become those of the new one, but for their
 *               transposes
 *   found       what came of it
 *   errors      also KC_ENUMERIC for a Hessian that is not positive definite */
int kc_quantize_gptq(const kc_subject *x, float *w, const kc_checkpoint_info *from,
                     const kc_quantize *q, const char *out, kc_calibration *found, kc_error *e);

#endif
