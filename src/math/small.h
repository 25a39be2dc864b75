/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_MATH_SMALL_H
#define KCAP_MATH_SMALL_H

#include "kcap/math/gemm.h"

/* Kernels of our own for the matrices kcap multiplies, too small for packing both operands to pay;
 * BLIS 0.9 to 2.1 have none for AVX-512 (flame/blis issue 645), and those it has for AVX2 are no faster
 * and have no bits in common with AVX-512 (tests/README.md#speed). */

enum { KC_TILE_ROWS = 6 };

/* c = op(a) b + beta c; op transposes a when `transposed` is set. What is causal in it: kc_gemm_causal. */
typedef struct kc_product {
    kc_mat c, a, b;
    float beta;
    int transposed;
    kc_causal causal;
    int64_t past;
} kc_product;

/* What a product leaves out where c's row is i: nothing; of its sums what follows a's column i + past, or
 * what lies before i - past; c's columns behind i + past. */
typedef enum kc_limit { KC_ALL, KC_SUMS_END, KC_SUMS_BEGIN, KC_COLUMNS_END } kc_limit;

/* What the next tile and pass begin with: rows of a, `a_cols` of each, rows of c, b_rows of b's in strips, that
 * are fetched with each row's share of a tile's sums. All at once it would hold up what the tile itself waits
 * for, since a core has only so many lines on their way (tests/README.md#speed). */
typedef struct kc_fetch {
    const float *a, *b, *c;
    int64_t a_cols, b_rows, ldb, b_strip;
} kc_fetch;

/* c[rows,cols] = a b + beta c, with a[i,l] at a[i * a_row + l * a_step], b's rows `ldb` apart and its
 * strips of KC_STRIP columns `b_strip`; the next rows' a lies `a_tile` floats on where a is packed,
 * where it is 0 behind these rows'. `limit` and past are of the product's first row. Where `ahead` is not 0
 * the tiles that follow begin so many floats behind a[i,l], where nothing fetches them: it is their turn to.
 * `is_fresh`: no strip has read a before. */
typedef struct kc_tile {
    const float *a, *b;
    float *c;
    int64_t a_row, a_step, a_tile, ldb, b_strip, ldc, depth, past, ahead;
    kc_limit limit;
    float beta;
    int is_fresh;
    volatile kc_fetch *fetch;
} kc_tile;

/* A row's share, of c and b in `strips`. Volatile, since what gcc 12 keeps in registers from one share to the
 * next drives b's vectors out of theirs. */
static inline __attribute__((always_inline)) void kc_fetch_row(const kc_tile *t, int strips_of_c,
                                                               int strips_of_b)
{
    volatile kc_fetch *f = t->fetch;
    const float *const a = f->a, *const c = f->c;
    for (int64_t l = 0; l < f->a_cols; l += KC_STRIP)
        __builtin_prefetch(a + l);
    for (int j = 0; j < strips_of_c; ++j)
        __builtin_prefetch(c + j * KC_STRIP, 1);
    f->a = a + t->a_row;
    f->c = c + t->ldc;
    for (int64_t i = f->b_rows; i > 0; --i) {
        const float *const b = f->b;
        for (int j = 0; j < strips_of_b; ++j)
            __builtin_prefetch(b + j * f->b_strip);
        f->b = b + f->ldb;
    }
}

/* How one instruction set computes a tile of 1 to KC_TILE_ROWS rows and 1 to `width` columns. Where
 * `packs`, b's rows are `width` apart, which is KC_STRIP, and hold zeros from `cols` on, and a transposed a
 * that several strips read is packed as well; of wide strips there are too few for that to pay. */
typedef struct kc_tiles {
    int64_t width;
    int packs;
    void (*compute)(const kc_tile *tile, int64_t rows, int64_t cols);
} kc_tiles;

extern const kc_tiles kc_tiles_avx2, kc_tiles_avx512;

/* A product on the calling thread, with b by rows or in strips (kc_gemm_factor). Every element is, for each
 * part of at most 384 of the sum in turn, fma(a[i,l], b[l,j], x) over l from x = 0, then
 * fma(beta, c[i,j], x) where beta is not 0 (1 from the second part on): the same bits with either set of
 * tiles and for any cut into rows and columns. Zeros of a causal a may be left out. */
void kc_small_product(const kc_tiles *tiles, const kc_product *product);

#endif
