/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_BASE_PLAIN_H
#define KCAP_BASE_PLAIN_H

#include <stdint.h>
#include <stdio.h>

#include "kcap/base/err.h"

/* Text that a user wrote: input files, sweeps, pools, templates, tables of facts, JSON. All of it is
 * read here, so that all of it is held to the same. Nothing here is collective. */

enum { KC_LINE_MOST = 1 << 20 }; /* bytes of a line */

/* Read a file whole: UTF-8 without control characters but tabs, in lines that end with LF or CR LF. A
 * byte order mark in front is left out, the rest is given as it stands.
 *   most        bytes that the file may have
 *   owns        the caller frees *text, which a zero byte ends; NULL after an error
 *   errors      KC_EINPUT: as kc_open_regular; larger; written to meanwhile; packed, or UTF-16; with the line:
 *               not UTF-8, a zero byte, a CR alone, another control character, a byte order mark in
 *               the middle, more than KC_LINE_MOST bytes */
int kc_plain_read(const char *path, int64_t most, char **text, int64_t *bytes, kc_error *e);

/* The same of JSON, which programs write as one line: a line may be as long as the file. */
int kc_plain_read_json(const char *path, int64_t most, char **text, int64_t *bytes, kc_error *e);

/* The next line of such a text, its end cut off; NULL: there is none. *at begins as the text.
 *   owns        the line lies in the text */
char *kc_plain_line(char **at);

/* Such a text line by line, in the memory of the longest line; end with kc_plain_end. */
typedef struct kc_plain {
    const char *path; /* for messages; borrowed  */
    FILE *file;       /* borrowed                */
    int64_t line;     /* number of the last line */
    int64_t bytes;    /* where the file stands   */
    char *text;       /* begin ... end - 1 is still to be given */
    int64_t room, begin, end;
    int at_end; /* of the file */
} kc_plain;

/* Read from an open file, which is the caller's.
 *   errors      as kc_plain_read, of the file as a whole */
int kc_plain_start(kc_plain *p, const char *path, FILE *file, kc_error *e);

/* The same from where the file stands, the beginning of a line. */
int kc_plain_go_on(kc_plain *p, const char *path, FILE *file, kc_error *e);

/* The byte of the file that the next line begins with. */
int64_t kc_plain_place(const kc_plain *p);

/* The next line, its end cut off; NULL: there is none. It stands until the next call.
 *   errors      as kc_plain_read, of this line */
int kc_plain_next(kc_plain *p, char **line, kc_error *e);
void kc_plain_end(kc_plain *p);

/* Make every blank that is none of ASCII's (no-break, thin, ideographic, of zero width: they look
 * like a blank or like nothing) a plain one, in place; returns the bytes of the text then. */
int64_t kc_plain_blanks(char *text);

#endif
