/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_IO_JSON_H
#define KCAP_IO_JSON_H

#include <stdint.h>
#include <stdio.h>

#include <cjson/cJSON.h>

/* Print an object as the one JSON object of a stream, and free it. */
void kc_json_put(FILE *out, cJSON *object);

/* The shortest text that reads back as the same double; cJSON's own may miss the last bit. JSON
 * has no NaN: null stands for what is not finite. */
cJSON *kc_json_exact(double value);

/* Add a member. A number that is there already stays: a column and a stamp of one name are one
 * number, and one member. */
void kc_json_number(cJSON *object, const char *name, double value);
void kc_json_text(cJSON *object, const char *name, const char *value);

/* A whole number from 0 to 2^53 - 1, which JSON's doubles hold exactly: 1 and *n; else 0. */
int kc_json_whole(const cJSON *x, int64_t *n);

/* The name of a member that an object has twice, or NULL, as for what is no object. Readers differ in which they take. */
const char *kc_json_twice(const cJSON *object);

/* Where a text of so many bytes stops being UTF-8 (RFC 3629), or -1. */
int64_t kc_json_utf8(const char *text, size_t bytes);

#endif
