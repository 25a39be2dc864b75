/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/math/packing.h"

#include <string.h>

kc_matrices kc_matrices_of(int n_dims, const int64_t *dims)
{
    kc_matrices m = {1, 1, dims[n_dims - 1]};
    if (n_dims > 1)
        m.rows = dims[n_dims - 2];
    for (int i = 0; i < n_dims - 2; ++i)
        m.n *= dims[i];
    return m;
}

/* Groups of a channel, and inputs of each. */
static int64_t group_of(const kc_packing *p, const kc_matrices *m)
{
    const int64_t inputs = p->by_rows ? m->cols : m->rows;
    return p->group > 0 && p->group < inputs ? p->group : inputs;
}

static int64_t groups_of(const kc_packing *p, const kc_matrices *m)
{
    const int64_t inputs = p->by_rows ? m->cols : m->rows, group = group_of(p, m);
    return group ? (inputs + group - 1) / group : 0;
}

int64_t kc_packing_scales(const kc_packing *p, const kc_matrices *m)
{
    return m->n * (p->by_rows ? m->rows : m->cols) * groups_of(p, m);
}

int64_t kc_packing_room(const kc_packing *p, const kc_matrices *m)
{
    return (p->asymmetric ? 2 : 1) * kc_packing_scales(p, m);
}

int64_t kc_packing_scale(const kc_packing *p, const kc_matrices *m, int64_t i)
{
    const int64_t group = group_of(p, m), groups = groups_of(p, m);
    const int64_t col = i % m->cols, row = i / m->cols % m->rows, which = i / m->cols / m->rows;
    return p->by_rows ? (which * m->rows + row) * groups + col / group
                      : (which * groups + row / group) * m->cols + col;
}

/* The zero point of a symmetric scale. */
static float half_of(const kc_packing *p)
{
    return (float)(1 << (p->bits - 1));
}

/* Values of a row that follow each other and their scales: one each (step 1), or one of all (step 0). */
typedef struct run {
    int64_t n, step;
    float *scales, *zeros; /* NULL: symmetric */
} run;

/* Those of a row from column j on. */
static run run_of(const kc_packing *p, const kc_matrices *m, int64_t row, int64_t j, float *scales)
{
    const int64_t group = group_of(p, m), left = m->cols - j;
    float *own = scales + kc_packing_scale(p, m, row * m->cols + j);
    return (run){.n = p->by_rows && group < left ? group : left,
                 .step = !p->by_rows,
                 .scales = own,
                 .zeros = p->asymmetric ? own + kc_packing_scales(p, m) : NULL};
}

/* To bfloat16, upwards. */
static float round_up(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits = (bits + 0xffff) & 0xffff0000;
    memcpy(&x, &bits, sizeof bits);
    return x;
}

/* Of those of one scale the largest size; with zero points the largest of them and the least, or 0. */
static void fit_run(const float *x, const run *r)
{
    float largest = r->scales[0];
    if (r->zeros) {
        for (int64_t i = 0; i < r->n; ++i) {
            float *high = r->scales + i * r->step, *low = r->zeros + i * r->step;
            *high = x[i] > *high ? x[i] : *high;
            *low = x[i] < *low ? x[i] : *low;
        }
        return;
    }
    for (int64_t i = 0; i < r->n && r->step; ++i)
        r->scales[i] = fabsf(x[i]) > r->scales[i] ? fabsf(x[i]) : r->scales[i];
    if (r->step)
        return;
    for (int64_t i = 0; i < r->n; ++i)
        largest = fabsf(x[i]) > largest ? fabsf(x[i]) : largest;
    r->scales[0] = largest;
}

/* From what fit_run found. */
static void settle(const kc_packing *p, float *scale, float *zero)
{
    const float half = half_of(p);
    if (!zero) {
        *scale = round_up(*scale / (half - 0.5F));
        return;
    }
    *scale = round_up((float)(((double)*scale - (double)*zero) / (double)(2 * half - 1)));
    *zero = *scale > 0 ? (float)rint(-(double)*zero / (double)*scale) : 0;
}

void kc_packing_fit(const kc_packing *p, const kc_matrices *m, const float *values, float *scales)
{
    const int64_t n = kc_packing_scales(p, m);
    memset(scales, 0, (size_t)kc_packing_room(p, m) * sizeof *scales);
    for (int64_t row = 0; row < m->n * m->rows; ++row)
        for (int64_t j = 0; j < m->cols;) {
            const run r = run_of(p, m, row, j, scales);
            fit_run(values + row * m->cols + j, &r);
            j += r.n;
        }
    for (int64_t i = 0; i < n; ++i)
        settle(p, scales + i, p->asymmetric ? scales + n + i : NULL);
}

/* The steps are constants where this is called, so that the loop vectorises. */
static inline __attribute__((always_inline)) void round_by(const kc_packing *p, float *restrict x,
                                                           const float *restrict scales,
                                                           const float *restrict zeros, int64_t n,
                                                           int64_t step, int64_t zero_step)
{
    const kc_packing by = *p;
    for (int64_t i = 0; i < n; ++i)
        x[i] = (float)kc_packing_steps(&by, (double)x[i], scales[i * step], zeros[i * zero_step]) *
               scales[i * step];
}

static void round_run(const kc_packing *p, float *x, const run *r)
{
    const float half = half_of(p);
    if (!r->zeros && r->step)
        round_by(p, x, r->scales, &half, r->n, 1, 0);
    else if (r->step)
        round_by(p, x, r->scales, r->zeros, r->n, 1, 1);
    else
        round_by(p, x, r->scales, r->zeros ? r->zeros : &half, r->n, 0, 0);
}

void kc_packing_round(const kc_packing *p, const kc_matrices *m, float *values, float *scales)
{
    kc_packing_fit(p, m, values, scales);
    for (int64_t row = 0; row < m->n * m->rows; ++row)
        for (int64_t j = 0; j < m->cols;) {
            const run r = run_of(p, m, row, j, scales);
            round_run(p, values + row * m->cols + j, &r);
            j += r.n;
        }
}

int64_t kc_packing_bytes(const kc_packing *p, int64_t n)
{
    return (n * p->bits + 7) / 8;
}

/* The scale and zero point of element i. */
typedef struct place {
    float scale, zero;
} place;

static place place_of(const kc_packing *p, const kc_matrices *m, const float *scales, int64_t i)
{
    const int64_t at = kc_packing_scale(p, m, i);
    return (place){scales[at], p->asymmetric ? scales[kc_packing_scales(p, m) + at] : half_of(p)};
}

float kc_packing_nearest(const kc_packing *p, const kc_matrices *m, const float *scales, int64_t i,
                         double value)
{
    const place at = place_of(p, m, scales, i);
    return (float)kc_packing_steps(p, value, at.scale, at.zero) * at.scale;
}

/* The i-th code into bytes that were 0, and back. A code is within 16 bits, so within the 32 that begin with
 * the byte of its first one. */
static void put(const kc_packing *p, uint8_t *bytes, int64_t i, uint32_t code)
{
    const int64_t bit = i * p->bits;
    code <<= bit % 8;
    for (int64_t at = bit / 8; code; ++at, code >>= 8)
        bytes[at] |= (uint8_t)code;
}

static uint32_t code_at(const kc_packing *p, const uint8_t *bytes, int64_t bit)
{
    uint32_t code = 0;
    for (int64_t at = (bit + p->bits - 1) / 8; at >= bit / 8; --at)
        code = code << 8 | bytes[at];
    return code >> bit % 8 & ((UINT32_C(1) << p->bits) - 1);
}

void kc_pack(const kc_packing *p, const kc_matrices *m, const float *scales, int64_t first,
             int64_t n, const float *values, uint8_t *bytes)
{
    memset(bytes, 0, (size_t)kc_packing_bytes(p, n));
    for (int64_t i = 0; i < n; ++i) {
        const place at = place_of(p, m, scales, first + i);
        const int32_t steps = kc_packing_steps(p, (double)values[i], at.scale, at.zero);
        put(p, bytes, i, (uint32_t)(steps + (int32_t)at.zero));
    }
}

void kc_unpack(const kc_packing *p, const kc_matrices *m, const float *scales, int64_t first,
               int64_t n, const uint8_t *bytes, float *values)
{
    const int64_t before = first * p->bits % 8;
    for (int64_t i = 0; i < n; ++i) {
        const place at = place_of(p, m, scales, first + i);
        const uint32_t code = code_at(p, bytes, before + i * p->bits);
        values[i] = (float)((int32_t)code - (int32_t)at.zero) * at.scale;
    }
}

void kc_pack_zeros(const kc_packing *p, const float *zeros, int64_t n, uint8_t *bytes)
{
    memset(bytes, 0, (size_t)kc_packing_bytes(p, n));
    for (int64_t i = 0; i < n; ++i)
        put(p, bytes, i, (uint32_t)zeros[i]);
}

void kc_unpack_zeros(const kc_packing *p, const uint8_t *bytes, int64_t n, float *zeros)
{
    for (int64_t i = 0; i < n; ++i)
        zeros[i] = (float)code_at(p, bytes, i * p->bits);
}
