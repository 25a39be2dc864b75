/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_DATA_TEXT_CELLS_H
#define KCAP_DATA_TEXT_CELLS_H

#include "kcap/base/plain.h"

enum { KC_CELLS_MAX = 256 }; /* of a row */

/* A table row by row, its cells parted by tabs (TSV) or commas (CSV, RFC 4180), in the memory of the
 * longest row. Either way a cell may be quoted: "..." around the whole, "" for a mark inside; such a cell
 * may hold separators and line ends. End with kc_cells_end. */
typedef struct kc_cells {
    kc_plain plain;
    char separator; /* 0: by the first row                          */
    char *row;      /* its lines, a blank between them              */
    int64_t n_bytes, room;
    int64_t begin, line; /* byte and line that the row begins with       */
    int64_t end;         /* rows that begin here or behind are others'   */
    int odd;             /* a cell may look like another text, see kc_alike_odd */
    int n;               /* its cells; 0: there is no row                */
    char *cell[KC_CELLS_MAX];
} kc_cells;

/* Read from an open file, which is the caller's. A path that ends with .csv holds commas, with .tsv or
 * .tab tabs, any other what its first row has, tabs winning.
 *   path        borrowed
 *   errors      KC_EINPUT as kc_plain_start */
int kc_cells_start(kc_cells *c, const char *path, FILE *file, kc_error *e);

/* The rows that begin at byte `begin`, where one does, or behind it and before `end`, with `line` lines in
 * front of them, in an open file that can be sought in.
 *   errors      KC_EINPUT: it cannot be read */
int kc_cells_within(kc_cells *c, const char *path, FILE *file, char separator, int64_t begin,
                    int64_t end, int64_t line, kc_error *e);

/* Is a quoted cell open at the end of a line, where *open says whether one is at its beginning? */
void kc_cells_scan(char separator, const char *line, int *open);

/* The next row that is not empty; c->n 0: there is none. Cells are in the normal form of kc_lines, and
 * stand until the next call.
 *   errors      KC_EINPUT with file:line: as kc_plain_next; a broken quote, more than KC_CELLS_MAX
 *               cells, a row of more than KC_LINE_MOST bytes */
int kc_cells_next(kc_cells *c, kc_error *e);
void kc_cells_end(kc_cells *c);

/* What parts the cells, in words: `tabs`. */
const char *kc_cells_separator(const kc_cells *c);

#endif
