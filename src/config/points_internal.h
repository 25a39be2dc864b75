/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_CONFIG_POINTS_INTERNAL_H
#define KCAP_CONFIG_POINTS_INTERNAL_H

/* What the parts of kc_sweep_parse share; nobody else includes it. */

#include <yaml.h>

#include "kcap/base/text.h"
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

/* A node of the document; its text, empty where it is no scalar. */
yaml_node_t *kc_points_node(kc_builder *b, int index);
const char *kc_points_text(const yaml_node_t *n);

/* Fail where a node stands, about `name`. */
int kc_points_fail(kc_builder *b, const yaml_node_t *at, const char *name, const char *message);

/* Is it `section.key` of TABLE 1, or stands_for? */
int kc_points_key(kc_builder *b, const yaml_node_t *at);

/* Room for the values of a factor. */
void kc_points_rows(kc_factor *f, int n_columns, int64_t n_rows);

/* A scalar as text that the reader of overrides takes for the same value: quoted where it was. The
 * caller frees it; NULL after kc_points_fail. */
char *kc_points_value(kc_builder *b, const yaml_node_t *n, const char *key);

/* The one column of {from, to, points, scale}: both ends included; whole numbers for whole keys. */
int kc_points_range(kc_builder *b, const yaml_node_t *range, const char *key, kc_factor *f);

/* The product of the factors as points with names.
 *   errors      KC_EINPUT */
int kc_sweep_expand(kc_builder *b, kc_sweep *s);

#endif
