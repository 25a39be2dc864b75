/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_DATA_TEXT_FACT_GROUP_H
#define KCAP_DATA_TEXT_FACT_GROUP_H

#include "data/text/fact_table.h"

/* Put rows that stand in the order they came into that of their names, and leave out all but the first of
 * each (name, attribute).
 *   of_name     [n_rows]: the name of each row; used up */
void kc_fact_table_group(kc_fact_table *t, int32_t *of_name);

#endif
