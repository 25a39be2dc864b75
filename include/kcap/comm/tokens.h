/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_COMM_TOKENS_H
#define KCAP_COMM_TOKENS_H

#include "kcap/comm/grid.h"

/* Rows of tokens on their way to the ranks that have their experts, and back. All calls are
 * collective on the ranks of `ep` and made by one thread, in the same order on all of them. */

/* Start to tell every rank r how many rows this one sends for each of r's experts:
 *   send, receive   [size x each]; receive in the order of the senders; neither is written by others
 *                   until kc_tokens_finish, and receive not read */
void kc_tokens_counts(const kc_grid *ep, const int32_t *send, int32_t *receive, int each);

/* Start to move rows of `width` floats: to_rows[r] rows to every rank r, from_rows[r] from it, each
 * rank's after those of the rank before it. This rank's own rows are there at once.
 *   send, receive   but for its own rows untouched by others until kc_tokens_finish */
void kc_tokens_start(const kc_grid *ep, const float *send, const int64_t *to_rows, float *receive,
                     const int64_t *from_rows, int64_t width);

/* Wait until counts or rows have arrived. One exchange at a time is under way. */
void kc_tokens_finish(const kc_grid *ep);

#endif
