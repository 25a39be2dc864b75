/* SPDX-License-Identifier: BSD-3-Clause */
#include "math/small.h"

#include <string.h>

/* A strip of b that is `width` wide and DEPTH deep stays in the caches next to the core (24 or 96 KB)
 * while all rows of a pass over it. WIDTH, in floats, is packed at a time: a multiple of every set's
 * width. HEIGHT rows of a transposed a are packed at a time: they stay in the second cache. */
enum { DEPTH = 384, WIDTH = 64, HEIGHT = 256, PAGE = 4096 };

/* Of strips the last one alone, where it is narrow. Rows whose distance is whole pages fall on the same
 * few sets of a cache. */
static int packs(const kc_tiles *tiles, const kc_tile *group, int64_t cols)
{
    if (group->b_strip != KC_STRIP)
        return tiles->packs && cols < KC_STRIP;
    return tiles->packs || group->ldb * (int64_t)sizeof(float) % PAGE == 0;
}

static int64_t at_most(int64_t n, int64_t limit)
{
    return n < limit ? n : limit;
}

/* cols columns of b as strips of `width` one after the other, the last one filled up with zeros. */
static void pack(float *to, int64_t width, const kc_tile *from, int64_t cols)
{
    const int64_t strip = width * from->depth, whole = cols / width * width;
    const float *b = from->b;
    for (int64_t l = 0; l < from->depth; ++l, to += width, b += from->ldb) {
        float *row = to;
        for (int64_t col = 0; col < whole; col += width, row += strip)
            for (int64_t j = 0; j < width; j += KC_STRIP)
                memcpy(row + j, b + col + j, KC_STRIP * sizeof *row);
        for (int64_t j = 0; whole < cols && j < width; ++j)
            row[j] = whole + j < cols ? b[whole + j] : 0;
    }
}

/* Tiles of about equal height: where the i-th of n begins. */
static int64_t tile_at(int64_t rows, int64_t i, int64_t n)
{
    return rows * i / n;
}

static int64_t tiles_in(int64_t rows)
{
    return (rows + KC_TILE_ROWS - 1) / KC_TILE_ROWS;
}

/* At most HEIGHT rows of a transposed a, tile by tile, `next` floats from one to the other: what a tile
 * takes lies together in place of pieces up to a page apart, which share few sets of a cache. */
static void pack_turned(float *to, int64_t next, const kc_tile *from, int64_t rows)
{
    const int64_t n = tiles_in(rows);
    int64_t at[HEIGHT / KC_TILE_ROWS + 2];
    for (int64_t i = 0; i <= n; ++i)
        at[i] = tile_at(rows, i, n);
    const float *a = from->a;
    for (int64_t l = 0; l < from->depth; ++l, to += KC_TILE_ROWS, a += from->a_step) {
        for (int64_t i = 0; i < n - 1; ++i) /* a lower tile's next row is there, and never read */
            memcpy(to + i * next, a + at[i], KC_TILE_ROWS * sizeof *to);
        for (int64_t i = at[n - 1]; i < rows; ++i)
            to[(n - 1) * next + i - at[n - 1]] = a[i];
    }
}

/* The strip of b that begins with column `col`. */
static const float *strip_at(const kc_tile *tile, int64_t col)
{
    return tile->b + col / KC_STRIP * tile->b_strip;
}

/* Asks for what the next tile and strip begin with: c's tile, the rows of a behind this one's, and n rows
 * of what follows of b (`ahead` columns of it). */
static void fetch(const kc_tile *tile, int64_t rows, const kc_tile *next, int64_t n, int64_t ahead)
{
    for (int64_t i = 0; i < rows; ++i) {
        __builtin_prefetch(tile->c + i * tile->ldc, 1);
        __builtin_prefetch(tile->a + (rows + i) * tile->a_row);
    }
    for (int64_t l = 0; l < n; ++l)
        for (int64_t j = 0; j < ahead; j += KC_STRIP)
            __builtin_prefetch(strip_at(next, j) + l * next->ldb);
}

/* All rows of a strip of columns; `next` is what follows of b. */
static void strip_of(const kc_tiles *tiles, kc_tile strip, int64_t rows, int64_t cols, kc_tile next,
                     int64_t ahead)
{
    const int64_t n = tiles_in(rows);
    int64_t row = 0, l = 0;
    for (int64_t i = 1; i <= n; ++i) {
        const int64_t height = tile_at(rows, i, n) - row, share = strip.depth * i / n - l;
        fetch(&strip, height, &next, share, ahead);
        tiles->compute(&strip, height, cols);
        strip.a += strip.a_tile ? strip.a_tile : height * strip.a_row;
        strip.c += height * strip.ldc;
        next.b += share * next.ldb;
        row += height;
        l += share;
    }
}

/* At most WIDTH columns; `ahead` more follow. */
static void group(const kc_tiles *tiles, kc_tile some, int64_t rows, int64_t cols, int64_t ahead)
{
    float packed[DEPTH * WIDTH] __attribute__((aligned(64)));
    const int64_t width = tiles->width;
    const int packing = packs(tiles, &some, cols);
    const int64_t behind = packing ? WIDTH : width;
    kc_tile here = some, next = some;
    if (packing) {
        pack(packed, width, &some, cols);
        here.ldb = width;
        here.b_strip = KC_STRIP;
    }
    for (int64_t col = 0; col < cols; col += width) {
        here.b = packing ? packed + col * some.depth : strip_at(&some, col);
        here.c = some.c + col;
        next.b = strip_at(&some, col + behind);
        strip_of(tiles, here, rows, at_most(cols - col, width), next,
                 at_most(cols + ahead - col - behind, width));
    }
}

/* A narrow strip is a group of its own, with its own distance of rows; `from` is the first of them. */
static void part(const kc_tiles *tiles, kc_tile whole, int64_t rows, int64_t cols, int64_t from)
{
    const int64_t narrow = whole.b_strip == KC_STRIP ? 0 : cols % KC_STRIP, wide = cols - narrow;
    kc_tile columns = whole;
    for (int64_t col = 0; col < wide; col += WIDTH) {
        const int64_t n = at_most(wide - col, WIDTH);
        columns.b = strip_at(&whole, col) + from * whole.ldb;
        columns.c = whole.c + col;
        group(tiles, columns, rows, n, wide - col - n);
    }
    if (narrow) {
        columns.ldb = narrow;
        columns.b = strip_at(&whole, wide) + from * narrow;
        columns.c = whole.c + wide;
        group(tiles, columns, rows, narrow, 0);
    }
}

/* c = a^T b where several strips read a, which is packed for them. */
static void turned(const kc_tiles *tiles, kc_tile whole, int64_t rows, int64_t cols, int64_t from)
{
    float packed[(HEIGHT / KC_TILE_ROWS + 1) * (KC_TILE_ROWS * DEPTH + KC_STRIP)]
        __attribute__((aligned(64)));
    for (int64_t row = 0; row < rows; row += HEIGHT) {
        const int64_t n = at_most(rows - row, HEIGHT);
        kc_tile some = whole;
        some.a += row;
        some.c += row * some.ldc;
        some.a_tile = KC_TILE_ROWS * some.depth + KC_STRIP; /* so that tiles do not share sets */
        pack_turned(packed, some.a_tile, &some, n);
        some.a = packed;
        some.a_step = KC_TILE_ROWS;
        part(tiles, some, n, cols, from);
    }
}

void kc_small_product(const kc_tiles *tiles, kc_mat c, kc_mat a, int transposed, kc_mat b,
                      float beta)
{
    const int64_t parts = b.rows > DEPTH ? (b.rows + DEPTH - 1) / DEPTH : 1;
    for (int64_t i = 0; i < parts; ++i) {
        const int64_t from = b.rows * i / parts, next = b.rows * (i + 1) / parts;
        const kc_tile whole = {.a = a.p + from * (transposed ? a.ld : 1),
                               .b = b.p,
                               .c = c.p,
                               .a_row = transposed ? 1 : a.ld,
                               .a_step = transposed ? a.ld : 1,
                               .ldb = b.ld < 0 ? KC_STRIP : b.ld,
                               .b_strip = b.ld < 0 ? -b.ld : KC_STRIP,
                               .ldc = c.ld,
                               .depth = next - from,
                               .beta = i ? 1 : beta};
        (transposed && c.cols > tiles->width ? turned : part)(tiles, whole, c.rows, c.cols, from);
    }
}
