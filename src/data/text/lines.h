/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_DATA_TEXT_LINES_H
#define KCAP_DATA_TEXT_LINES_H

#include <stddef.h>

#include "kcap/config/config.h"
#include "kcap/types/files.h"

/* A text file that corpora are made of. */
typedef struct kc_source {
    const char *name; /* inside kc_files: pools/first_name.txt, folder and file   */
    const char *key;  /* use so many lines; 0 means all                           */
    size_t limit;     /* where kc_corpus_keys has that key's value                */
} kc_source;

#define KC_SOURCE(file, field)                                                                     \
    {                                                                                              \
        file ".txt", "corpus." #field, offsetof(kc_corpus_keys, field)                             \
    }

enum { KC_FILE_BYTES_MAX = 1 << 30 }; /* of all files of a corpus */

/* Add a text to the files of a corpus.
 *   errors      KC_EINPUT: more than KC_FILES_MAX files, or more than a gigabyte */
int kc_files_add(kc_files *files, const char *name, const char *path, const char *text,
                 int64_t bytes, kc_error *e);

/* Add a folder's texts BEGINS<name>.txt as UNDER/<name>.txt, in the order of their names; how many.
 *   errors      KC_EINPUT: no such folder; as kc_plain_read and kc_files_add */
int kc_files_add_folder(kc_files *files, const char *folder, const char *begins, const char *under,
                        kc_error *e);

/* Count the entries of a pool, as its file has it, that look like others and are not the same. */
void kc_files_doubt(const char *path, const char *pool, kc_files *files);

/* The text of one of them, or NULL. */
const char *kc_files_find(const kc_files *files, const char *name, int64_t *bytes);

/* Add the files of part `part`, from 0: the first one's under their names, those of the second as
 * 2/pools/city.txt.
 *   errors      KC_EINPUT as kc_files_add */
int kc_files_join(const kc_files *own, int part, kc_files *files, kc_error *e);

/* The files of part `part` under their plain names. Borrowed: `own` is not freed. */
void kc_files_of_part(const kc_files *files, int part, kc_files *own);

/* The lines of a pool or of templates in normal form: words parted by one blank, none at the ends,
 * none before , . ; : ! ? where these end a word. Two lines that read alike are equal bytes. All
 * zero is an empty list; release with kc_lines_free. */
typedef struct kc_lines {
    char path[KC_PATH_MAX]; /* of the file, for messages                */
    int32_t n;
    int32_t *begin; /* [n]: where line i starts in text         */
    char *text;     /* lines, each followed by a zero byte      */
    int32_t bytes;  /* of text                                  */
    int no_numbers; /* lines of no file, or of one in another order */
} kc_lines;

/* 1 for , . ; : ! ? : at the end of a word each is a word of its own. */
int kc_lines_stop(char c);

/* Write the normal form of [from, end) and a zero byte; returns the bytes of both. It never takes
 * more than the line and its end, and `to` may be `from`. */
int32_t kc_lines_normal(const char *from, const char *end, char *to);

/* Line i, borrowed. The number of line i in its file is i + 1. */
const char *kc_lines_at(const kc_lines *lines, int32_t i);

/* The lines of one source, cut to what its key asks.
 *   owns        the caller frees `lines`, after an error too
 *   errors      KC_EINPUT: no such file among `files`, no lines, an empty or doubled line, one
 *               with a zero byte or <eos>, fewer than the key asks */
int kc_lines_load(const kc_corpus_keys *keys, const kc_files *files, const kc_source *source,
                  kc_lines *lines, kc_error *e);
void kc_lines_free(kc_lines *lines);

/* Cut each line in two at `mark`, which must stand in it exactly once and belongs to neither side.
 *   owns        the caller frees both sides, after an error too
 *   errors      KC_EINPUT naming file, line, the mark and `form`, what a line should look like */
int kc_lines_halve(const kc_lines *lines, const char *mark, const char *form, kc_lines *left,
                   kc_lines *right, kc_error *e);

/* The lines with one side, 0 or 1, of each word that reads `one|other`; stops behind such a word
 * belong to both.
 *   owns        the caller frees `side`, after an error too
 *   errors      KC_EINPUT naming file, line and word: a bar without a word on each side, or two */
int kc_lines_side(const kc_lines *lines, int which, kc_lines *side, kc_error *e);

/* Check that no line is there twice.
 *   errors      KC_EINPUT naming both lines */
int kc_lines_distinct(const kc_lines *lines, kc_error *e);

#endif
