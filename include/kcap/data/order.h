/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_DATA_ORDER_H
#define KCAP_DATA_ORDER_H

#include "kcap/data/corpus.h"

/* Which document of a part comes next for lane `lane` of `n_lanes`. Lane k takes documents k, k + L, ...
 * of each epoch's keyed permutation of the people, of a part beside that which sets the pace those of
 * all epochs in a row; with corpus.skew those of one order of all documents; kc_cursor is all a
 * restart needs (of such a part and with a skew docs and offset alone). Functions of (corpus,
 * lane, n_lanes, cursor), the same everywhere; none is collective. */

/* 1 when the lane has shown all its documents of all exposures; only the part that
 * sets the pace has an end. */
int kc_order_done(const kc_corpus *corpus, int64_t lane, int64_t n_lanes, const kc_cursor *cursor);

/* 1 when the cursor stands in the lane's last document. */
int kc_order_last(const kc_corpus *corpus, int64_t lane, int64_t n_lanes, const kc_cursor *cursor);

/* The document that the cursor stands in, of a lane that is not done.
 *   doc         buffers of the caller, see kc_corpus_document */
void kc_order_document(const kc_corpus *corpus, int64_t lane, int64_t n_lanes,
                       const kc_cursor *cursor, kc_doc *doc);

/* How often the people of each part have been shown, documents over people: of[n_parts].
 *   cursors     [n_lanes, n_parts] */
void kc_order_exposures(const kc_corpus *corpus, int64_t n_lanes, const kc_cursor *cursors,
                        double *of);

/* Leave that document behind: it is used up. */
void kc_order_next(const kc_corpus *corpus, int64_t lane, int64_t n_lanes, kc_cursor *cursor);

#endif
