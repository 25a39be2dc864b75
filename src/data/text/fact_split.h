/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_DATA_TEXT_FACT_SPLIT_H
#define KCAP_DATA_TEXT_FACT_SPLIT_H

#include "data/text/fact_rows.h"
#include "kcap/comm/grid.h"

/* Cut the table into parts of about as many bytes, one a rank, in rank order, at beginnings of rows; a
 * line end inside a quoted cell is none. Of a table with a fault only the parts up to it are right.
 *   path, file  the same table on all ranks
 *   bytes       of the file
 *   head        of the table, the same on all ranks, n_columns not 0
 *   collective  on all ranks
 *   errors      of this rank alone: KC_EINPUT as kc_plain_next, or it cannot be read */
int kc_fact_split(const kc_grid *g, const char *path, FILE *file, int64_t bytes,
                  const kc_fact_head *head, kc_fact_part *part, kc_error *e);

#endif
