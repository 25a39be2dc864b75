/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_CONFIG_POINTS_INTERNAL_H
#define KCAP_CONFIG_POINTS_INTERNAL_H

/* What the two halves of kc_sweep_parse share; nobody else includes it. */

#include <yaml.h>

#include "kcap/config/points.h"

#define KC_STANDS_FOR "stands_for"

enum { KC_SWEEP_COLUMNS = 64, KC_SWEEP_FACTORS = 64 };

/* Keys that move together: a row for each choice. An axis has one column. */
typedef struct kc_factor {
    int n_columns, named; /* named: so many first columns tell the rows apart */
    int64_t n_rows;
    const char *key[KC_SWEEP_COLUMNS]; /* borrowed from the document            */
    char **cell;                       /* [n_rows x n_columns], NULL: not given */
} kc_factor;

/* A sweep file between reading and expanding. */
typedef struct kc_builder {
    yaml_document_t doc;
    const char *path;
    kc_error *e;
    int n_factors;
    kc_factor factor[KC_SWEEP_FACTORS];
    kc_factor set; /* one row, for all points */
} kc_builder;

/* A copy of a text that the caller frees. */
char *kc_text_copy(const char *text);

/* The file's base, out and factors.
 *   errors      KC_EINPUT with file:line */
int kc_sweep_read(kc_builder *b, kc_sweep *s);

/* The product of the factors as points with names.
 *   errors      KC_EINPUT */
int kc_sweep_expand(kc_builder *b, kc_sweep *s);

#endif
