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

int64_t kc_packing_scale(const kc_packing *p, const kc_matrices *m, int64_t i)
{
    const int64_t group = group_of(p, m), groups = groups_of(p, m);
    const int64_t col = i % m->cols, row = i / m->cols % m->rows, which = i / m->cols / m->rows;
    return p->by_rows ? (which * m->rows + row) * groups + col / group
                      : (which * groups + row / group) * m->cols + col;
}

/* Values of a row that follow each other and their scales: one each (step 1), or one of all (step 0). */
typedef struct run {
    int64_t n, step;
    float *scales;
} run;

/* Those of a row from column j on. */
static run run_of(const kc_packing *p, const kc_matrices *m, int64_t row, int64_t j, float *scales)
{
    const int64_t group = group_of(p, m), left = m->cols - j;
    return (run){.n = p->by_rows && group < left ? group : left,
                 .step = !p->by_rows,
                 .scales = scales + kc_packing_scale(p, m, row * m->cols + j)};
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

static void fit_run(const float *x, const run *r)
{
    float largest = r->scales[0];
    for (int64_t i = 0; i < r->n && r->step; ++i)
        r->scales[i] = fabsf(x[i]) > r->scales[i] ? fabsf(x[i]) : r->scales[i];
    if (r->step)
        return;
    for (int64_t i = 0; i < r->n; ++i)
        largest = fabsf(x[i]) > largest ? fabsf(x[i]) : largest;
    r->scales[0] = largest;
}

void kc_packing_fit(const kc_packing *p, const kc_matrices *m, const float *values, float *scales)
{
    const int64_t n = kc_packing_scales(p, m);
    const float highest = (float)(1 << (p->bits - 1)) - 0.5F;
    memset(scales, 0, (size_t)n * sizeof *scales);
    for (int64_t row = 0; row < m->n * m->rows; ++row)
        for (int64_t j = 0; j < m->cols;) {
            const run r = run_of(p, m, row, j, scales);
            fit_run(values + row * m->cols + j, &r);
            j += r.n;
        }
    for (int64_t i = 0; i < n; ++i)
        scales[i] = round_up(scales[i] / highest);
}

/* The step is a constant where this is called, so that the loop vectorises. */
static inline __attribute__((always_inline)) void round_run(const kc_packing *p, float *restrict x,
                                                            const float *restrict scales, int64_t n,
                                                            int64_t step)
{
    const kc_packing by = *p;
    for (int64_t i = 0; i < n; ++i)
        x[i] = (float)kc_packing_code(&by, (double)x[i], scales[i * step]) * scales[i * step];
}

void kc_packing_round(const kc_packing *p, const kc_matrices *m, float *values, float *scales)
{
    kc_packing_fit(p, m, values, scales);
    for (int64_t row = 0; row < m->n * m->rows; ++row)
        for (int64_t j = 0; j < m->cols;) {
            const run r = run_of(p, m, row, j, scales);
            float *x = values + row * m->cols + j;
            if (r.step)
                round_run(p, x, r.scales, r.n, 1);
            else
                round_run(p, x, r.scales, r.n, 0);
            j += r.n;
        }
}

int64_t kc_packing_bytes(const kc_packing *p, int64_t n)
{
    return (n * p->bits + 7) / 8;
}

/* A code is within 16 bits, so within the 32 that begin with the byte of its first one. */
void kc_pack(const kc_packing *p, const kc_matrices *m, const float *scales, int64_t first,
             int64_t n, const float *values, uint8_t *bytes)
{
    const int32_t half = 1 << (p->bits - 1);
    memset(bytes, 0, (size_t)kc_packing_bytes(p, n));
    for (int64_t i = 0; i < n; ++i) {
        const float scale = scales[kc_packing_scale(p, m, first + i)];
        uint32_t code = (uint32_t)(kc_packing_code(p, (double)values[i], scale) + half);
        const int64_t bit = i * p->bits;
        code <<= bit % 8;
        for (int64_t at = bit / 8; code; ++at, code >>= 8)
            bytes[at] |= (uint8_t)code;
    }
}

void kc_unpack(const kc_packing *p, const kc_matrices *m, const float *scales, int64_t first,
               int64_t n, const uint8_t *bytes, float *values)
{
    const int32_t half = 1 << (p->bits - 1);
    const uint32_t mask = (UINT32_C(1) << p->bits) - 1;
    const int64_t before = first * p->bits % 8;
    for (int64_t i = 0; i < n; ++i) {
        const int64_t bit = before + i * p->bits, last = bit + p->bits - 1;
        uint32_t code = 0;
        for (int64_t at = last / 8; at >= bit / 8; --at)
            code = code << 8 | bytes[at];
        code = code >> bit % 8 & mask;
        values[i] = (float)((int32_t)code - half) * scales[kc_packing_scale(p, m, first + i)];
    }
}
