/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_MEASURE_EACH_H
#define KCAP_MEASURE_EACH_H

#include "kcap/measure/subject.h"

/* Read every document once more and write which facts were kept, a row each, people in their order and
 * attributes in theirs, the name's own row first. CSV (RFC 4180) with a header:
 *   name, attribute, value   as they stand in the document
 *   probability              of the whole value, token by token: e^-nats
 *   bits                     kc_attribute.log2_pool - nats x log2 e; summed over the rows of a term's
 *                            attributes they are what is stored of it. Empty where the attribute stores none
 *                            of its own
 *   recalled                 1: each token of it is the most likely one
 *   path        written beside and renamed when it is whole
 *   collective  on all ranks
 *   bits        the file does not depend on ranks or threads
 *   errors      agreed on: KC_EIO */
int kc_measure_each(const kc_subject *x, const char *path, kc_error *e);

#endif
