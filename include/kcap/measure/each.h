/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_MEASURE_EACH_H
#define KCAP_MEASURE_EACH_H

#include "kcap/measure/subject.h"

/* Which facts were kept, one by one: remembered while a measurement of what is stored reads them. */
typedef struct kc_each kc_each;

/* Remember from now on. The subject has no stopper of its own.
 *   path        of kc_each_write; is kept, and must stay
 *   collective  on all ranks
 *   owns        release with kc_each_end, after an error too
 *   errors      agreed on, as kc_new_file_begin */
int kc_each_begin(kc_subject *x, const char *path, kc_each **each, kc_error *e);

/* Write a row a fact, people in their order and attributes in theirs, the name's own row first. CSV (RFC
 * 4180) with a header:
 *   name, attribute, value   as they stand in the document
 *   probability              of the whole value, token by token: e^-nats
 *   bits                     kc_attribute.log2_pool - nats x log2 e; summed over the rows of a term's
 *                            attributes they are what is stored of it. Empty where the attribute stores none
 *                            of its own
 *   recalled                 1: each token of it is the most likely one
 * The file is written beside the path and renamed when it is whole.
 *   collective  on all ranks, when KC_MEASURE_capacity was taken of the subject
 *   bits        the file does not depend on ranks or threads
 *   errors      agreed on: KC_EIO */
int kc_each_write(kc_each *each, kc_error *e);

/* Accepts NULL; where there is an error in *e nothing is left of the file. Not collective. */
void kc_each_end(kc_each *each, kc_error *e);

#endif
