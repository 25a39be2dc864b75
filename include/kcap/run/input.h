/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_RUN_INPUT_H
#define KCAP_RUN_INPUT_H

#include "kcap/comm/grid.h"
#include "kcap/data/corpus.h"

/* What is read before anything runs: rank 0 reads, all have the same. */

/* A text file of at most 1 MiB. path NULL: an empty text.
 *   collective  on all ranks
 *   owns        the caller frees *text, after an error too
 *   errors      agreed on: KC_EINPUT for a file that cannot be read or is larger */
int kc_input_text(const kc_grid *g, const char *path, char **text, size_t *bytes, kc_error *e);

/* An input file with overrides as a configuration; path NULL: the defaults with overrides.
 *   collective  on all ranks
 *   errors      agreed on, as those of kc_config_parse and kc_corpus_check; KC_EINPUT as
 *               kc_input_text, and for a file without a key */
int kc_input_config(const kc_grid *g, const char *path, const char *const *sets, int n_sets,
                    kc_config *cfg, kc_error *e);

/* The pools and templates that a configuration needs.
 *   collective  on all ranks
 *   owns        the caller frees `files` with kc_files_free, after an error too
 *   errors      agreed on, as kc_files_load */
int kc_input_files(const kc_grid *g, const kc_config *cfg, kc_files *files, kc_error *e);

/* The corpus of a configuration and its files, whose words are listed there; *corpus is NULL on error.
 *   collective  on all ranks
 *   owns        as kc_corpus_create
 *   errors      agreed on, as kc_corpus_create */
int kc_input_corpus(const kc_grid *g, const kc_config *cfg, kc_files *files, kc_corpus **corpus,
                    kc_error *e);

/* All three. */
typedef struct kc_input {
    kc_config cfg;
    kc_files files;
    kc_corpus *corpus;
} kc_input;

/* As the functions above, one after the other.
 *   owns        release with kc_input_free, after an error too */
int kc_input_read(const kc_grid *g, const char *path, const char *const *sets, int n_sets,
                  kc_input *in, kc_error *e);
void kc_input_free(kc_input *in);

#endif
