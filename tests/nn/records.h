/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_TESTS_NN_RECORDS_H
#define KCAP_TESTS_NN_RECORDS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kcap/base/memory.h"
#include "kcap/nn/params.h"

/* A file of records for Python to read (records.py): a line `name type dim dim ...\n` (f4, f8 or
 * i4, no dims: a scalar) and the values in row-major order, little-endian. */
static inline void record(FILE *out, const char *name, const char *type, int n_dims,
                          const int64_t *dims, const void *values)
{
    size_t n = 1;
    fprintf(out, "%s %s", name, type);
    for (int i = 0; i < n_dims; ++i) {
        fprintf(out, " %lld", (long long)dims[i]);
        n *= (size_t)dims[i];
    }
    fputc('\n', out);
    fwrite(values, (size_t)(type[1] - '0'), n, out);
}

static inline void scalar(FILE *out, const char *name, double value)
{
    record(out, name, "f8", 0, NULL, &value);
}

/* Every tensor of a flat array as `<prefix>.<name>` in its global shape, padding left out; none
 * that the model lacks. */
static inline void tensors(FILE *out, const kc_layout *layout, const char *prefix,
                           const float *flat)
{
    for (int k = 0; k < layout->n; ++k) {
        const kc_tensor *t = &layout->tensor[k];
        char name[64];
        int64_t n = t->layers > 0;
        for (int i = 0; i < t->n_dims; ++i)
            n *= t->dims[i];
        if (n == 0)
            continue;
        float *packed = kc_alloc(n, sizeof *packed, "values of a tensor");
        for (int64_t r = 0; r < kc_tensor_pieces(layout, t); ++r) {
            const kc_piece s = kc_tensor_piece(layout, t, r);
            memcpy(packed + s.global, flat + s.flat, (size_t)s.n * sizeof *packed);
        }
        snprintf(name, sizeof name, "%s.%s", prefix, t->name);
        record(out, name, "f4", t->n_dims, t->dims, packed);
        free(packed);
    }
}

#endif
