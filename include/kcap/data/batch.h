/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_DATA_BATCH_H
#define KCAP_DATA_BATCH_H

#include "kcap/data/corpus.h"

/* The next windows of lane `lane` of `n_lanes`. Its documents (see order.h) are concatenated and cut
 * into windows of T inputs, each predicting the token that follows it, so that every token but a
 * lane's first is a target once. After its last document a lane's windows are padded with <eos>
 * inputs whose targets do not count; a finished lane gives windows without any counted target. Where
 * a part has windows_are_single each of its windows is one document, <eos> as the last target, and
 * such padding.
 * Of several parts each window is of one, whose documents are concatenated for themselves; with
 * train.mix documents all go into one stream, the next one from the part that lacks most of its
 * share. Shares are of places in windows. A lane ends with the first part's last document.
 *   batch       windows B and context T set by the caller, buffers [B,T]; spans are not filled
 *   cursors     [n_parts], advanced; they are all a restart needs
 *   scratch     a document's buffers (see kc_corpus_document), overwritten
 *   collective  no; a function of (corpus, cursors, lane, n_lanes), same bits everywhere */
void kc_batch_next(const kc_corpus *corpus, int64_t lane, int64_t n_lanes, kc_cursor *cursors,
                   kc_doc *scratch, kc_batch *batch);

/* One window of whole documents, of exposure KC_MEASURE or KC_HELD_OUT, of people *person ... end-1: as
 * many as fit into T tokens (of windows_are_single one), none cut, then the <eos> that follows any
 * document, as a target (a last value may end with it); the rest is padded with uncounted targets.
 * Only targets inside spans matter to
 * measurement, all tokens of the documents are counted. `*person` advances to the first person
 * not in the window.
 *   batch       windows = 1; spans: room for T, positions are those of the targets
 *   errors      aborts when a single document is longer than T: the caller has checked
 *               max_doc_tokens against the context */
void kc_batch_whole(const kc_corpus *corpus, int64_t exposure, int64_t *person, int64_t end,
                    kc_doc *scratch, kc_batch *batch);

#endif
