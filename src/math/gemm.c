/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/math/gemm.h"

#include <string.h>

#include "kcap/base/team.h"
#include "kcap/math/ops.h"
#include "math/cpu.h"
#include "math/gemm_internal.h"

/* What one call of BLIS computes. Fixed, whatever the threads: its own kernels choose how they sum by
 * the shape they are given. */
enum { TILE_ROWS = 256, TILE_COLS = 1024 };

/* The instruction sets that kcap has kernels for, NULL where this CPU has neither. */
static const kc_tiles *tiles_of_cpu(void)
{
#if defined(__x86_64__)
    if (kc_cpu_has_avx(1))
        return &kc_tiles_avx512;
    if (kc_cpu_has_avx(0))
        return &kc_tiles_avx2;
#endif
    return NULL;
}

int kc_gemm_start(const char *kernel, char name[32], kc_error *e)
{
    const kc_tiles *tiles = tiles_of_cpu();
    const char *wish = kernel ? kernel : tiles ? "kcap" : "blis";
    const int ours = strcmp(wish, "kcap") == 0;
    if (ours && !tiles)
        return kc_fail(
            e, KC_EINPUT,
            "parallel.kernel: kcap's kernels need AVX2 or AVX-512, which this CPU has not; "
            "use auto");
    return kc_blis_start(wish, ours ? tiles : NULL, name, e);
}

/* Columns from ... of a matrix, at most n of them. */
static kc_mat columns(kc_mat x, int64_t from, int64_t n)
{
    return (kc_mat){x.p + (x.ld < 0 ? from / KC_STRIP * -x.ld : from), x.rows,
                    x.cols - from < n ? x.cols - from : n, x.ld};
}

static kc_mat rows(kc_mat x, int64_t from, int64_t n)
{
    return (kc_mat){x.p + from * (x.ld < 0 ? KC_STRIP : x.ld),
                    x.rows - from < n ? x.rows - from : n, x.cols, x.ld};
}

static void tile(const kc_product *p, int64_t i, int64_t across)
{
    const int64_t r = i / across * TILE_ROWS, col = i % across * TILE_COLS;
    kc_product part = *p;
    part.c = columns(rows(p->c, r, TILE_ROWS), col, TILE_COLS);
    part.a = p->transposed ? columns(p->a, r, TILE_ROWS) : rows(p->a, r, TILE_ROWS);
    part.b = columns(p->b, col, TILE_COLS);
    part.past += p->transposed ? -r : r;
    part.past -= p->causal == KC_CAUSAL_C ? col : 0;
    kc_blis_product(&part);
}

static void product(kc_product p, int threads)
{
    const int64_t down = (p.c.rows + TILE_ROWS - 1) / TILE_ROWS;
    const int64_t across = (p.c.cols + TILE_COLS - 1) / TILE_COLS;
    const kc_mat a = p.a, b = p.b, c = p.c;
    KC_CHECK((p.transposed ? a.cols : a.rows) == c.rows &&
                 (p.transposed ? a.rows : a.cols) == b.rows && b.cols == c.cols,
             "[%ld,%ld] = [%ld,%ld]%s x [%ld,%ld]", c.rows, c.cols, a.rows, a.cols,
             p.transposed ? "^T" : "", b.rows, b.cols);
    KC_EACH(threads, dynamic, i, down * across, tile(&p, i, across));
}

void kc_gemm(kc_mat c, kc_mat a, kc_mat b, float beta, int threads)
{
    product((kc_product){.c = c, .a = a, .b = b, .beta = beta}, threads);
}

void kc_gemm_t(kc_mat c, kc_mat a, kc_mat b, float beta, int threads)
{
    product((kc_product){.c = c, .a = a, .b = b, .beta = beta, .transposed = 1}, threads);
}

void kc_gemm_causal(kc_mat c, kc_mat a, int transposed, kc_mat b, float beta, kc_causal which,
                    int64_t past)
{
    KC_CHECK(!transposed || which == KC_CAUSAL_A, "a transposed a, and c is causal: %d", which);
    product((kc_product){c, a, b, beta, transposed, which, past}, 1);
}

kc_mat kc_gemm_factor(const float *p, int64_t height, int64_t width)
{
    const int ours = kc_gemm_rows_stand_alone();
    return (kc_mat){(float *)p, height, width, ours ? -height * KC_STRIP : width};
}

void kc_gemm_lay(kc_mat to, kc_mat from, int transposed, int part, int parts)
{
    const int64_t strips = (to.cols + KC_STRIP - 1) / KC_STRIP, end = strips * (part + 1) / parts;
    for (int64_t i = strips * part / parts; i < end; ++i) {
        kc_mat strip = columns(to, i * KC_STRIP, KC_STRIP);
        strip.ld = to.ld < 0 ? strip.cols : to.ld;
        if (transposed)
            kc_transpose(strip, rows(from, i * KC_STRIP, KC_STRIP), 1);
        else
            kc_add_bias(strip, columns(from, i * KC_STRIP, KC_STRIP), NULL, 1);
    }
}
