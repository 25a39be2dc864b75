/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_DATA_MIX_H
#define KCAP_DATA_MIX_H

#include "data/corpus_internal.h"

/* How the parts of a corpus share its tokens. */

/* What the keys of part `part` demand of the others': where parts have people they share the names,
 * so that they take as many of each list.
 *   errors      KC_EINPUT */
int kc_mix_check(const kc_config *settled, int part, const kc_origin *o, kc_error *e);

/* Are the lists of names of part `part` those of the parts before it?
 *   errors      KC_EINPUT */
int kc_mix_lists(const kc_config *cfg, int part, const kc_files *files, kc_error *e);

/* Are there names enough for the people of this part and those before?
 *   errors      KC_EINPUT */
int kc_mix_names(const kc_corpus *part, int number, kc_error *e);

/* The part that the lane's next window is of. After any number of windows of all lanes the first part
 * has its share of them to within one window.
 *   cursors     [n_parts] of the lane */
int kc_mix_window(const kc_corpus *corpus, int64_t lane, int64_t n_lanes, int64_t context,
                  const kc_cursor *cursors);

/* The part of the lane's next document: the one that stands in one, else the one that lacks most of its
 * share; each has its share of the lane's tokens to within n_parts - 1 documents. */
int kc_mix_document(const kc_corpus *corpus, const kc_cursor *cursors);

#endif
