/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_RUN_SESSION_H
#define KCAP_RUN_SESSION_H

#include <sched.h>

#include "kcap/cli/options.h"
#include "kcap/comm/grid.h"
#include "kcap/data/corpus.h"
#include "kcap/nn/model.h"

/* Looks at a run on its rank 0 while it goes on. */
struct kc_run;
typedef void (*kc_watch)(void *watcher, const struct kc_run *run);

/* What every verb sets up, in the data's order: configuration, files, corpus; then threads,
 * kernels and the stamp that explains what is written. */
typedef struct kc_session {
    const kc_options *options;
    kc_grid grid;
    kc_config cfg;
    kc_files files;
    kc_corpus *corpus;
    int threads;
    int pinned;      /* threads that were bound to a core each; 0: none       */
    cpu_set_t cores; /* those allowed before                                  */
    int quiet;       /* one run of many: nothing on stdout, no warnings        */
    kc_watch watch;  /* given on to the run; or NULL                           */
    void *watcher;
    char kernel[32];
    kc_stamp stamp; /* its texts are the fields below */
    char *config_text;
    char config_hash[17], mpi[256], blis[128], hdf5[32], started[21], host[64], run_id[40];
} kc_session;

/* Read the input file on rank 0 (none: the defaults), share it, parse it with the overrides.
 *   collective  on all ranks
 *   errors      agreed on, as those of kc_config_parse; KC_EINPUT for a file that cannot be read */
int kc_session_config(kc_session *s, kc_error *e);

/* A text file of at most 1 MiB, read on rank 0, the same on all. The caller frees *text.
 *   collective  on all ranks
 *   errors      agreed on: KC_EINPUT for a file that cannot be read */
int kc_session_text(kc_session *s, const char *path, char **text, size_t *bytes, kc_error *e);

/* Load pools and templates on rank 0 and share them, or take those of a checkpoint (`files`,
 * moved); build the corpus.   collective on all ranks; errors agreed on */
int kc_session_corpus(kc_session *s, kc_files *files, kc_error *e);

/* Threads of this rank, BLIS kernels (`kernel` in place of the configuration's auto when not
 * NULL); warns when a rank has fewer cores than threads, pins a thread to a core where they are as
 * many.
 *   collective  on all ranks */
int kc_session_machine(kc_session *s, const char *kernel, kc_error *e);

/* Lay the ranks out for parallel.ep, where it divides them; kc_trainer_create refuses it elsewhere.
 *   collective  on all ranks */
void kc_session_mesh(kc_session *s);

/* Widths of the columns of this session's run.h5. */
kc_widths kc_session_widths(const kc_session *s);

/* Fill the stamp. run_id NULL draws a new one, the same on all ranks.   collective on all ranks */
void kc_session_stamp(kc_session *s, const kc_layout *layout, const char *run_id);

/* Free everything but the grid; threads may run where they might before. */
void kc_session_end(kc_session *s);

/* Version, commit, compiler and libraries, a line each. */
void kc_session_version(FILE *out);

#endif
