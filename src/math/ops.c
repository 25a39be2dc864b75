/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/math/ops.h"

#include <math.h>
#include <string.h>

#include "kcap/base/err.h"
#include "kcap/base/team.h"
#include "kcap/base/wide.h"
#include "math/exp.h"

enum { CHUNK = 64, LANES = 8 };

typedef float v8 __attribute__((vector_size(LANES * sizeof(float))));

/* A row's sum in an order that no instruction set changes: lane j takes every eighth element
 * from the j-th on, the first one what is left of whole eights too, and the lanes are added up in turn. */
static inline float total(v8 lanes)
{
    float sum = 0;
    for (int j = 0; j < LANES; ++j)
        sum += lanes[j];
    return sum;
}

static inline v8 at(const float *x)
{
    v8 lanes;
    memcpy(&lanes, x, sizeof lanes);
    return lanes;
}

static inline v8 add_row(v8 lanes, const float *x, int64_t n)
{
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        lanes += at(x + i);
    for (; i < n; ++i)
        lanes[0] += x[i];
    return lanes;
}

static inline __attribute__((always_inline)) void
exp_some(float *y, const float *x, int64_t n, float shift, float scale, kc_exp_limits clamp)
{
#pragma omp simd
    for (int64_t i = 0; i < n; ++i)
        y[i] = kc_exp_poly(scale * (x[i] - shift), clamp);
}

/* By chunks, so that the sum of one, which has to wait for itself, is made beside the next one's exponentials. */
KC_WIDE static float exp_row(float *y, const float *x, int64_t n, float shift, float scale)
{
    const kc_exp_limits clamp = kc_exp_clamp();
    v8 sum = {0};
    int64_t i = 0;
    for (; i + CHUNK <= n; i += CHUNK) {
        exp_some(y + i, x + i, CHUNK, shift, scale, clamp);
        sum = add_row(sum, y + i, CHUNK);
    }
    exp_some(y + i, x + i, n - i, shift, scale, clamp);
    return total(add_row(sum, y + i, n - i));
}

float kc_exp_row(float *y, const float *x, int64_t n, float shift, float scale)
{
    return exp_row(y, x, n, shift, scale);
}

float kc_dot_row(const float *x, const float *y, int64_t n)
{
    v8 sum = {0};
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        sum += at(x + i) * at(y + i);
    for (; i < n; ++i)
        sum[0] += x[i] * y[i];
    return total(sum);
}

KC_WIDE static void scale_row(float *x, int64_t n, float by)
{
    for (int64_t i = 0; i < n; ++i)
        x[i] *= by;
}

void kc_scale_row(float *x, int64_t n, float by)
{
    scale_row(x, n, by);
}

/* A maximum a lane: clang vectorises no reduction of floats to one that a NaN could decide. */
KC_WIDE static float max_row(const float *x, int64_t n)
{
    enum { WIDTH = 16 };
    float max[WIDTH], most = x[0];
    for (int l = 0; l < WIDTH; ++l)
        max[l] = x[0];
    int64_t i = 0;
    for (; i + WIDTH <= n; i += WIDTH)
#pragma omp simd
        for (int l = 0; l < WIDTH; ++l)
            max[l] = x[i + l] > max[l] ? x[i + l] : max[l];
    for (; i < n; ++i)
        most = x[i] > most ? x[i] : most;
    for (int l = 0; l < WIDTH; ++l)
        most = max[l] > most ? max[l] : most;
    return most;
}

float kc_max_row(const float *x, int64_t n)
{
    return max_row(x, n);
}

/* Mean and 1 / sqrt(variance + eps) of a row; of RMSNorm 0 and 1 / sqrt(mean square + eps). */
static inline void moments(const float *x, int64_t d, const kc_norm *norm, float *mean, float *rstd)
{
    const float m = norm->rms ? 0 : total(add_row((v8){0}, x, d)) / (float)d;
    v8 square = {0};
    int64_t j = 0;
    for (; j + LANES <= d; j += LANES)
        square += (at(x + j) - m) * (at(x + j) - m);
    for (; j < d; ++j)
        square[0] += (x[j] - m) * (x[j] - m);
    *mean = m;
    *rstd = 1 / sqrtf(total(square) / (float)d + norm->eps);
}

KC_WIDE static void norm_row(float *restrict out, const float *restrict in, const kc_norm *norm,
                             int64_t d, int64_t row)
{
    float mean, rstd;
    moments(in, d, norm, &mean, &rstd);
    norm->mean[row] = mean;
    norm->rstd[row] = rstd;
    if (norm->bias)
        for (int64_t j = 0; j < d; ++j)
            out[j] = (in[j] - mean) * rstd * norm->gain[j] + norm->bias[j];
    else
        for (int64_t j = 0; j < d; ++j)
            out[j] = (in[j] - mean) * rstd * norm->gain[j];
}

void kc_norm_forward(kc_mat y, kc_mat x, const kc_norm *norm, int threads)
{
    KC_EACH(threads, static, i, x.rows, norm_row(y.p + i * y.ld, x.p + i * x.ld, norm, x.cols, i));
}

/* With xhat = (x - mean) rstd and s = dy gain:  dx = rstd (s - mean(s) - xhat mean(s xhat)); of
 * RMSNorm without mean(s), since x has no mean taken off. */
KC_WIDE static void norm_backward_row(float *restrict dx, const float *restrict dy,
                                      const float *restrict x, const kc_norm *norm, int64_t d,
                                      int64_t row)
{
    const float *restrict gain = norm->gain;
    const float mean = norm->mean[row], rstd = norm->rstd[row];
    v8 sum = {0}, dot = {0};
    int64_t i = 0;
    for (; i + LANES <= d; i += LANES) {
        const v8 s = at(dy + i) * at(gain + i);
        sum += s;
        dot += s * (at(x + i) - mean);
    }
    for (; i < d; ++i) {
        const float s = dy[i] * gain[i];
        sum[0] += s;
        dot[0] += s * (x[i] - mean);
    }
    const float mean_s = norm->rms ? 0 : total(sum) / (float)d,
                mean_sx = total(dot) * rstd / (float)d;
    for (int64_t j = 0; j < d; ++j)
        dx[j] += rstd * (dy[j] * gain[j] - mean_s - (x[j] - mean) * rstd * mean_sx);
}

/* CHUNK columns of dgain and dbias from j0 on. */
KC_WIDE static void norm_backward_columns(kc_mat dy, kc_mat x, const kc_norm *norm, float *dgain,
                                          float *dbias, int64_t j0)
{
    const int64_t n = x.cols - j0 < CHUNK ? x.cols - j0 : CHUNK;
    float gain[CHUNK] = {0}, bias[CHUNK] = {0};
    for (int64_t i = 0; i < x.rows; ++i) {
        const float *restrict in = x.p + i * x.ld + j0, *restrict g = dy.p + i * dy.ld + j0;
        const float mean = norm->mean[i], rstd = norm->rstd[i];
        for (int64_t j = 0; j < n; ++j) {
            gain[j] += g[j] * ((in[j] - mean) * rstd);
            bias[j] += g[j];
        }
    }
    for (int64_t j = 0; j < n; ++j)
        dgain[j0 + j] += gain[j];
    for (int64_t j = 0; dbias && j < n; ++j)
        dbias[j0 + j] += bias[j];
}

void kc_norm_backward(kc_mat dx, kc_mat dy, kc_mat x, const kc_norm *norm, float *dgain,
                      float *dbias, int threads)
{
    const int64_t chunks = dgain ? (x.cols + CHUNK - 1) / CHUNK : 0;
    KC_EACH(threads, static, i, x.rows,
            norm_backward_row(dx.p + i * dx.ld, dy.p + i * dy.ld, x.p + i * x.ld, norm, x.cols, i));
    KC_EACH(threads, static, i, chunks,
            norm_backward_columns(dy, x, norm, dgain, dbias, i * CHUNK));
}

enum { SIDE = LANES, TILE = 64 };

/* Of the floats of a and b, numbered through. gcc before 12 has only its own spelling. */
#ifdef __clang__
#define PICK(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
typedef int32_t i8 __attribute__((vector_size(32)));
#define PICK(a, b, ...) __builtin_shuffle(a, b, (i8){__VA_ARGS__})
#endif

/* An 8 x 8 block in registers: neighbours exchange single floats, then pairs, then halves. */
static void transpose_block(float *restrict to, int64_t ld_to, const float *restrict from,
                            int64_t ld_from)
{
    v8 a[SIDE], b[SIDE];
    for (int i = 0; i < SIDE; ++i)
        memcpy(&a[i], from + i * ld_from, sizeof a[i]);
    for (int i = 0; i < SIDE; i += 2) {
        b[i] = PICK(a[i], a[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
        b[i + 1] = PICK(a[i], a[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
    }
    for (int i = 0; i < SIDE; i += 4) {
        a[i] = PICK(b[i], b[i + 2], 0, 1, 8, 9, 4, 5, 12, 13);
        a[i + 1] = PICK(b[i], b[i + 2], 2, 3, 10, 11, 6, 7, 14, 15);
        a[i + 2] = PICK(b[i + 1], b[i + 3], 0, 1, 8, 9, 4, 5, 12, 13);
        a[i + 3] = PICK(b[i + 1], b[i + 3], 2, 3, 10, 11, 6, 7, 14, 15);
    }
    for (int i = 0; i < SIDE / 2; ++i) {
        b[i] = PICK(a[i], a[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
        b[i + 4] = PICK(a[i], a[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
    }
    for (int i = 0; i < SIDE; ++i)
        memcpy(to + i * ld_to, &b[i], sizeof b[i]);
}

/* A tile that stays in the first cache; what is left of whole blocks float by float. */
static void transpose_tile(kc_mat to, kc_mat from)
{
    const int64_t m = from.rows / SIDE * SIDE, n = from.cols / SIDE * SIDE;
    for (int64_t j = 0; j < n; j += SIDE)
        for (int64_t i = 0; i < m; i += SIDE)
            transpose_block(to.p + j * to.ld + i, to.ld, from.p + i * from.ld + j, from.ld);
    for (int64_t i = 0; i < from.rows; ++i)
        for (int64_t j = i < m ? n : 0; j < from.cols; ++j)
            to.p[j * to.ld + i] = from.p[i * from.ld + j];
}

/* The tile whose first element is (i, j) of `from`. */
static void transpose_tile_at(kc_mat to, kc_mat from, int64_t i, int64_t j)
{
    const int64_t m = from.rows - i < TILE ? from.rows - i : TILE;
    const int64_t n = from.cols - j < TILE ? from.cols - j : TILE;
    transpose_tile((kc_mat){to.p + j * to.ld + i, n, m, to.ld},
                   (kc_mat){from.p + i * from.ld + j, m, n, from.ld});
}

void kc_transpose(kc_mat to, kc_mat from, int threads)
{
    const int64_t down = (from.rows + TILE - 1) / TILE, across = (from.cols + TILE - 1) / TILE;
    KC_EACH(threads, static, i, down * across,
            transpose_tile_at(to, from, i / across * TILE, i % across * TILE));
}

KC_WIDE static void add_bias_row(float *restrict out, const float *restrict in, const float *bias,
                                 int64_t n)
{
    if (bias)
        for (int64_t j = 0; j < n; ++j)
            out[j] = in[j] + bias[j];
    else if (n == KC_STRIP) /* of a factor, and no call */
        memcpy(out, in, KC_STRIP * sizeof *out);
    else
        memcpy(out, in, (size_t)n * sizeof *out);
}

void kc_add_bias(kc_mat y, kc_mat x, const float *bias, int threads)
{
    KC_EACH(threads, static, i, x.rows, add_bias_row(y.p + i * y.ld, x.p + i * x.ld, bias, x.cols));
}

/* CHUNK columns from j0 on. */
KC_WIDE static void add_some_columns(float *sum, kc_mat x, int64_t j0)
{
    const int64_t n = x.cols - j0 < CHUNK ? x.cols - j0 : CHUNK;
    float part[CHUNK] = {0};
    for (int64_t i = 0; i < x.rows; ++i) {
        const float *restrict in = x.p + i * x.ld + j0;
        for (int64_t j = 0; j < n; ++j)
            part[j] += in[j];
    }
    for (int64_t j = 0; j < n; ++j)
        sum[j0 + j] += part[j];
}

void kc_add_columns(float *sum, kc_mat x, int threads)
{
    KC_EACH(threads, static, i, (x.cols + CHUNK - 1) / CHUNK, add_some_columns(sum, x, i * CHUNK));
}
