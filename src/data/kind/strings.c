/* SPDX-License-Identifier: BSD-3-Clause */
#include "data/kind/strings.h"

#include <stdlib.h>

#include "kcap/base/rng.h"
#include "kcap/base/memory.h"

#define KC_MANY (UINT64_C(1) << 62)

uint64_t kc_strings_count(int64_t L, int64_t T)
{
    uint64_t count = 1;

    for (int64_t i = 0; i < L; i++) {
        if (count > (KC_MANY - 1) / (uint64_t)T)
            return KC_MANY;
        count *= (uint64_t)T;
    }
    return count;
}

static void string_draw(const kc_string_shape *shape, int64_t j, int64_t attempt, int32_t *string)
{
    uint64_t index = (uint64_t)shape->attribute << 32 | (uint64_t)j;

    for (int64_t c = 0; c < shape->L; c++)
        string[c] = (int32_t)kc_rand_below(shape->seed, KC_STREAM_STRING, index,
                                           (uint32_t)(attempt * shape->L + c), (uint64_t)shape->T);
}

/* What a string is compared by while the set is sorted. */
typedef struct sorted_set {
    const int32_t *characters;
    int64_t L;
} sorted_set;

static int string_compare(const sorted_set *set, int64_t x, int64_t y)
{
    const int32_t *a = set->characters + x * set->L, *b = set->characters + y * set->L;

    for (int64_t c = 0; c < set->L; c++)
        if (a[c] != b[c])
            return a[c] < b[c] ? -1 : 1;
    return 0;
}

static int string_order(const void *a, const void *b, void *arg)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    int order = string_compare(arg, x, y);

    return order ? order : (x > y) - (x < y);
}

void kc_strings_draw(const kc_string_shape *shape, int32_t *characters)
{
    int64_t *sorted = kc_alloc(shape->D, sizeof *sorted, "strings"), redrawn;
    sorted_set set = {characters, shape->L};
    uint8_t *again = kc_alloc(shape->D, 1, "strings");

    for (int64_t j = 0; j < shape->D; j++) {
        string_draw(shape, j, 0, characters + j * shape->L);
        sorted[j] = j;
    }
    for (int64_t attempt = 1;; attempt++) {
        redrawn = 0;
        qsort_r(sorted, (size_t)shape->D, sizeof *sorted, string_order, &set);
        for (int64_t j = 1; j < shape->D; j++)
            again[sorted[j]] = !string_compare(&set, sorted[j - 1], sorted[j]);
        again[sorted[0]] = 0;
        for (int64_t j = 0; j < shape->D; j++) {
            if (again[j]) {
                string_draw(shape, j, attempt, characters + j * shape->L);
                redrawn++;
            }
        }
        if (!redrawn)
            break;
    }
    free(sorted);
    free(again);
}

void kc_strings_make(const kc_string_shape *shape, int32_t *characters)
{
    uint64_t count = kc_strings_count(shape->L, shape->T);

    if (count == KC_MANY) {
        kc_strings_draw(shape, characters);
        return;
    }
    for (int64_t j = 0; j < shape->D; j++) {
        uint64_t digits =
            kc_perm(shape->seed, KC_STREAM_STRING, (uint64_t)shape->attribute, (uint64_t)j, count);

        for (int64_t c = shape->L - 1; c >= 0; c--) {
            characters[j * shape->L + c] = (int32_t)(digits % (uint64_t)shape->T);
            digits /= (uint64_t)shape->T;
        }
    }
}
