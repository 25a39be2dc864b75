/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_TYPES_FILES_H
#define KCAP_TYPES_FILES_H

#include <stdint.h>

#include "kcap/base/teller.h"
#include "kcap/base/text.h"

enum { KC_FILES_MAX = 160 };

/* The text files a corpus is made of (pools and templates), whole, in one block of memory, so that
 * they can be broadcast, put into a checkpoint and read back. `text` is one allocation holding all
 * files one after the other, each followed by a zero byte. */
typedef struct kc_files {
    int32_t n;
    struct {
        char name[48];          /* such as pools/first_name.txt           */
        char path[KC_PATH_MAX]; /* where it came from, for messages   */
        int64_t begin;          /* of its text, in bytes from kc_files.text */
        int64_t bytes;          /* without the zero byte                  */
    } file[KC_FILES_MAX];
    int64_t twins;                /* entries of pools that look like others, see kc_alike_odd    */
    char twin[KC_PATH_MAX + 300]; /* the first of them, with file and line               */
    int64_t bytes;                /* of text, zero bytes included */
    char *text;                   /* malloc'ed; free with kc_files_free */
    kc_teller *teller;            /* is told of a long reading; NULL: nobody is */
    const struct kc_grid
        *readers; /* ranks that make a corpus of them together; NULL: this one alone */
    char *words;  /* of the corpus made of them, see kc_corpus_words; NULL: not listed */
} kc_files;

#endif
