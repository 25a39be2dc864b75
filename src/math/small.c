/* SPDX-License-Identifier: BSD-3-Clause */
#include "math/small.h"

#include <string.h>

/* A strip of b that is `width` wide and DEPTH deep stays in the caches next to the core (24 or 96 KB)
 * while all rows of a pass over it. WIDTH, in floats, is packed at a time: a multiple of every set's
 * width. HEIGHT rows of a transposed a are packed at a time: they stay in the second cache. */
enum { DEPTH = 384, WIDTH = 64, HEIGHT = 256, PAGE = 4096 };

/* Of strips the last one alone, where it is narrow. Rows whose distance is whole pages fall on the same
 * few sets of a cache: a second cache of 16 ways and 1 MB holds 256 of them. */
static int packs(const kc_tiles *tiles, const kc_tile *group, int64_t cols)
{
    if (group->b_strip != KC_STRIP)
        return tiles->packs && cols < KC_STRIP;
    return tiles->packs || (group->depth > 256 && group->ldb * (int64_t)sizeof(float) % PAGE == 0);
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

/* Tiles of about equal height: where the i-th of n begins. Few rows: in 32 bits a division takes half the time. */
static int64_t tile_at(int64_t rows, int64_t i, int64_t n)
{
    return (int64_t)((uint32_t)(rows * i) / (uint32_t)n);
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

/* What the limit sees of the columns from `col` on. */
static int64_t past_of(const kc_tile *tile, int64_t col)
{
    return tile->past - (tile->limit == KC_COLUMNS_END ? col : 0);
}

/* Some columns of all rows: `next` is what follows of b, `ahead` columns of it. */
typedef struct pass {
    const kc_tiles *tiles;
    kc_tile tile, next;
    int64_t rows, cols, ahead;
} pass;

/* A tile that begins with c's row `row`, without what its limit leaves out. */
static void limited(const pass *p, kc_tile *tile, int64_t row, int64_t rows)
{
    const int64_t depth = tile->depth, reach = row + rows + tile->past;
    const int64_t before = tile->limit == KC_SUMS_BEGIN ? at_most(row - tile->past, depth) : 0;
    const int64_t skipped = before > 0 ? before : 0;
    int64_t cols = p->cols;
    if (tile->limit == KC_COLUMNS_END)
        cols = at_most(cols, (reach + KC_STRIP - 1) / KC_STRIP * KC_STRIP);
    if (cols <= 0)
        return;
    if (tile->limit == KC_SUMS_END)
        tile->depth = reach > 0 ? at_most(reach, depth) : 0;
    tile->a += skipped * tile->a_step;
    tile->b += skipped * tile->ldb;
    tile->depth -= skipped;
    p->tiles->compute(tile, rows, cols);
    tile->a -= skipped * tile->a_step;
    tile->b -= skipped * tile->ldb;
    tile->depth = depth;
}

/* Of rows of a that end at `end`, how much of each is worth fetching. */
static int64_t a_cols(const kc_tile *tile, int64_t end)
{
    if (!tile->is_fresh || tile->a_step != 1)
        return 1;
    return tile->limit == KC_SUMS_END ? at_most(end + tile->past, tile->depth) : tile->depth;
}

static void all_rows(pass *p)
{
    const int64_t n = tiles_in(p->rows);
    kc_tile *tile = &p->tile; /* in place: a copy waits for what was stored by halves */
    const float *a = tile->a, *beside = tile->c + p->tiles->width;
    kc_fetch fetch = {.b = p->next.b,
                      .b_rows = p->ahead > 0 ? tile->depth / (KC_TILE_ROWS * n) + 1 : 0,
                      .ldb = p->next.ldb,
                      .b_strip = p->next.b_strip};
    const float *const b_end = fetch.b + tile->depth * fetch.ldb;
    tile->fetch = &fetch;
    for (int64_t i = 0, row = 0; i < n; ++i) {
        const int64_t end = tile_at(p->rows, i + 1, n), height = end - row;
        const float *const next_a = tile->a + (tile->a_tile ? tile->a_tile : height * tile->a_row);
        float *const next_c = tile->c + height * tile->ldc;
        fetch.a = next_a;
        fetch.a_cols = i < n - 1 ? a_cols(tile, end + KC_TILE_ROWS) : 0;
        fetch.c = i < n - 1 ? next_c : beside;
        if (fetch.b >= b_end)
            fetch.b_rows = 0;
        if (tile->limit == KC_ALL)
            p->tiles->compute(tile, height, p->cols);
        else
            limited(p, tile, row, height);
        tile->a = next_a;
        tile->c = next_c;
        row = end;
    }
    tile->a = a;
}

/* At most WIDTH columns; `ahead` more follow. */
static void group(const kc_tiles *tiles, kc_tile some, int64_t rows, int64_t cols, int64_t ahead)
{
    float packed[DEPTH * WIDTH] __attribute__((aligned(64)));
    const int64_t width = tiles->width;
    const int packing = packs(tiles, &some, cols);
    const int64_t behind = packing ? WIDTH : width;
    pass here = {tiles, some, some, rows, 0, 0};
    if (packing) {
        pack(packed, width, &some, cols);
        here.tile.ldb = width;
        here.tile.b_strip = KC_STRIP;
    }
    for (int64_t col = 0; col < cols; col += width) {
        here.tile.is_fresh = some.is_fresh && col == 0;
        here.tile.b = packing ? packed + col * some.depth : strip_at(&some, col);
        here.tile.c = some.c + col;
        here.tile.past = past_of(&some, col);
        here.next.b = strip_at(&some, col + behind);
        here.cols = at_most(cols - col, width);
        here.ahead = at_most(cols + ahead - col - behind, width);
        all_rows(&here);
    }
}

/* The columns from `col` on, with b from `b_at` on. */
static kc_tile columns_of(const kc_tile *whole, int64_t col, int64_t b_at)
{
    kc_tile some = *whole;
    some.b = strip_at(whole, col) + b_at;
    some.c = whole->c + col;
    some.past = past_of(whole, col);
    some.is_fresh = col == 0; /* later a lies in the second cache */
    some.ahead = col ? 0 : whole->ahead;
    return some;
}

/* A narrow strip is a group of its own, with its own distance of rows; `from` is the first of them. */
static void part(const kc_tiles *tiles, kc_tile whole, int64_t rows, int64_t cols, int64_t from)
{
    const int64_t narrow = whole.b_strip == KC_STRIP ? 0 : cols % KC_STRIP, wide = cols - narrow;
    for (int64_t col = 0; col < wide; col += WIDTH) {
        const int64_t n = at_most(wide - col, WIDTH);
        group(tiles, columns_of(&whole, col, from * whole.ldb), rows, n, wide - col - n);
    }
    if (narrow) {
        kc_tile last = columns_of(&whole, wide, from * narrow);
        last.ldb = narrow;
        group(tiles, last, rows, narrow, 0);
    }
}

/* c = a^T b where several narrow strips read a, which is packed for them. */
static void turned(const kc_tiles *tiles, kc_tile whole, int64_t rows, int64_t cols, int64_t from)
{
    float packed[(HEIGHT / KC_TILE_ROWS + 1) * (KC_TILE_ROWS * DEPTH + KC_STRIP)]
        __attribute__((aligned(64)));
    for (int64_t row = 0; row < rows; row += HEIGHT) {
        const int64_t n = at_most(rows - row, HEIGHT);
        kc_tile some = whole;
        some.a += row;
        some.c += row * some.ldc;
        some.past -= row;
        some.a_tile = KC_TILE_ROWS * some.depth + KC_STRIP; /* so that tiles do not share sets */
        pack_turned(packed, some.a_tile, &some, n);
        some.a = packed;
        some.a_step = KC_TILE_ROWS;
        part(tiles, some, n, cols, from);
    }
}

/* Part of the sum, from `from` on. Of a transposed a a row of c is a column. */
static kc_tile tile_of(const kc_product *p, int64_t from, int64_t end)
{
    const kc_mat a = p->a, b = p->b;
    const kc_limit limit = p->causal == KC_CAUSAL_NOT ? KC_ALL
                           : p->causal == KC_CAUSAL_C ? KC_COLUMNS_END
                           : p->transposed            ? KC_SUMS_BEGIN
                                                      : KC_SUMS_END;
    return (kc_tile){.a = a.p + from * (p->transposed ? a.ld : 1),
                     .b = b.p,
                     .c = p->c.p,
                     .a_row = p->transposed ? 1 : a.ld,
                     .a_step = p->transposed ? a.ld : 1,
                     .ldb = b.ld < 0 ? KC_STRIP : b.ld,
                     .b_strip = b.ld < 0 ? -b.ld : KC_STRIP,
                     .ldc = p->c.ld,
                     .depth = end - from,
                     .past = p->past + (limit == KC_SUMS_END     ? -from
                                        : limit == KC_SUMS_BEGIN ? from
                                                                 : 0),
                     .limit = limit,
                     .ahead =
                         p->transposed && limit == KC_ALL ? KC_STRIP : 0, /* by page-long steps */
                     .beta = from ? 1 : p->beta};
}

void kc_small_product(const kc_tiles *tiles, const kc_product *p)
{
    const int64_t depth = p->b.rows, parts = depth > DEPTH ? (depth + DEPTH - 1) / DEPTH : 1;
    const int packing = p->transposed && tiles->packs && p->c.cols > tiles->width;
    for (int64_t i = 0; i < parts; ++i) {
        const int64_t from = depth * i / parts;
        (packing ? turned : part)(tiles, tile_of(p, from, depth * (i + 1) / parts), p->c.rows,
                                  p->c.cols, from);
    }
}
