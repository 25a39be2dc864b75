/* SPDX-License-Identifier: BSD-3-Clause */
#include "math/small.h"

#include <string.h>

/* A strip of b that is `width` wide and DEPTH deep stays in the caches next to the core (24 or 96 KB)
 * while all rows of a pass over it. */
enum { DEPTH = 384, WIDTH = 64, PAGE = 4096, LINE = 16 };

/* Rows whose distance is whole pages fall on the same few sets of a cache. */
static int packs(const kc_tiles *tiles, int64_t ldb)
{
    return tiles->packs || ldb * (int64_t)sizeof(float) % PAGE == 0;
}

/* cols columns of b in rows of `width`, filled up with zeros. */
static void pack(float *to, int64_t width, const kc_tile *strip, int64_t cols)
{
    for (int64_t l = 0; l < strip->depth; ++l, to += width) {
        memcpy(to, strip->b + l * strip->ldb, (size_t)cols * sizeof *to);
        if (cols < width)
            memset(to + cols, 0, (size_t)(width - cols) * sizeof *to);
    }
}

/* Asks for what the next tile and strip begin with: c's tile, the rows of a behind this one's, and this
 * tile's share of the next strip of b (`ahead` of its columns are there). */
static void fetch(const kc_tile *tile, int64_t rows, const float *b, int64_t ldb, int64_t n,
                  int64_t ahead)
{
    for (int64_t i = 0; i < rows; ++i) {
        __builtin_prefetch(tile->c + i * tile->ldc, 1);
        __builtin_prefetch(tile->a + (rows + i) * tile->a_row);
    }
    for (int64_t l = 0; l < n; ++l)
        for (int64_t j = 0; j < ahead; j += LINE)
            __builtin_prefetch(b + l * ldb + j);
}

/* All rows of a strip of columns, by tiles of about equal height; b's next strip lies at `next`. */
static void strip_of(const kc_tiles *tiles, kc_tile strip, int64_t rows, int64_t cols,
                     const float *next, int64_t ldb, int64_t ahead)
{
    const int64_t n = (rows + KC_TILE_ROWS - 1) / KC_TILE_ROWS;
    int64_t row = 0, l = 0;
    for (int64_t i = 1; i <= n; ++i) {
        const int64_t height = rows * i / n - row, share = strip.depth * i / n - l;
        fetch(&strip, height, next + l * ldb, ldb, share, ahead);
        tiles->compute(&strip, height, cols);
        strip.a += height * strip.a_row;
        strip.c += height * strip.ldc;
        row += height;
        l += share;
    }
}

static int64_t at_most(int64_t n, int64_t limit)
{
    return n < limit ? n : limit;
}

static void part(const kc_tiles *tiles, kc_tile whole, int64_t rows, int64_t cols)
{
    float packed[DEPTH * WIDTH] __attribute__((aligned(64)));
    const int packing = packs(tiles, whole.ldb);
    for (int64_t col = 0; col < cols; col += tiles->width) {
        const int64_t n = at_most(cols - col, tiles->width);
        const float *b = whole.b + col;
        kc_tile strip = whole;
        strip.b = b;
        strip.c += col;
        if (packing) {
            pack(packed, tiles->width, &strip, n);
            strip.b = packed;
            strip.ldb = tiles->width;
        }
        strip_of(tiles, strip, rows, n, b + n, whole.ldb, at_most(cols - col - n, tiles->width));
    }
}

void kc_small_product(const kc_tiles *tiles, kc_mat c, kc_mat a, int transposed, kc_mat b,
                      float beta)
{
    const int64_t parts = b.rows > DEPTH ? (b.rows + DEPTH - 1) / DEPTH : 1;
    for (int64_t i = 0; i < parts; ++i) {
        const int64_t from = b.rows * i / parts, next = b.rows * (i + 1) / parts;
        const kc_tile whole = {.a = a.p + from * (transposed ? a.ld : 1),
                               .b = b.p + from * b.ld,
                               .c = c.p,
                               .a_row = transposed ? 1 : a.ld,
                               .a_step = transposed ? a.ld : 1,
                               .ldb = b.ld,
                               .ldc = c.ld,
                               .depth = next - from,
                               .beta = i ? 1 : beta};
        part(tiles, whole, c.rows, c.cols);
    }
}
