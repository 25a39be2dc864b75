/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_MATH_CANON_H
#define KCAP_MATH_CANON_H

#include "kcap/math/mat.h"

/* Canon layers (arXiv 2512.17351): each column of a window sees its own last values,
 *   y[t] = h[t] + sum over k < KC_CANON_TAPS of w[k] h[t - k], column by column,
 * zero before the window begins; no activation, no bias of its own. Like attention it does not know
 * where a document ends: in a packed window the first positions of one see the last of the one before.
 * Columns are split over `threads` threads and sums over rows run in row order, so the bits do not
 * depend on the threads. */
enum { KC_CANON_TAPS = 4 };

/* h += bias by rows (NULL: none), then y from h, which backward needs.
 *   past        rows that lie in front of h's first, with their bias
 *   w           [KC_CANON_TAPS, columns] */
void kc_canon_forward(kc_mat y, kc_mat h, int64_t past, const float *bias, const float *w,
                      int threads);

/* dy becomes dh, dw += the gradient by w (NULL: none). */
void kc_canon_backward(kc_mat dy, kc_mat h, const float *w, float *dw, int threads);

#endif
