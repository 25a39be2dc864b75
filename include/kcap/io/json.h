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

/* The string, or the whole number from 0 to below `below`, that stands at a place of a text of JSON, blanks
 * in front left out: a reader that says lines takes value by value. Returns where it ends; NULL: there is
 * no such value, a string that does not fit into `room` bytes, or one that holds \u0000. Not collective.
 *   at          ends with a zero byte */
const char *kc_json_text_at(const char *at, char *to, size_t room);
const char *kc_json_count_at(const char *at, int64_t below, int64_t *count);

#endif
