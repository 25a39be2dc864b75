/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_RUN_OPEN_H
#define KCAP_RUN_OPEN_H

#include "kcap/measure/subject.h"
#include "kcap/record/checkpoint.h"
#include "kcap/run/signature.h"

/* In place of a part of the corpus: that which the run measured; that of the people whom it is about. */
enum { KC_PART_PACE = -1, KC_PART_PEOPLE = -2 };

/* A checkpoint, opened: its model on these ranks, ready to be measured. All zero is empty. */
typedef struct kc_opened {
    kc_checkpoint_info info;
    kc_config cfg;
    kc_files files;
    kc_corpus *corpus;
    kc_host host;
    kc_model model;
    kc_state state; /* without moments */
    kc_weights weights;
    int part;  /* of the corpus, from 0, that is measured: given before kc_open, or one of these */
    int whole; /* given too, 1: each rank has all experts, whatever parallel.ep */
    kc_signature sign; /* of this process; run_id and imported_from are the checkpoint's */
    kc_subject subject;
} kc_opened;

/* Open a checkpoint from its file alone.
 *   where       a .h5 file, or a run's folder: its newest undamaged checkpoint
 *   g           laid out for the checkpoint's parallel.ep; on ranks that it does not divide each
 *               rank has all experts
 *   collective  on all ranks
 *   owns        release with kc_opened_close, after an error too
 *   errors      agreed on, as kc_checkpoint_find; KC_EINPUT for a folder without one, a part that is not
 *               there or has documents longer than the context; as kc_subject_check */
int kc_open(kc_opened *o, kc_grid *g, const char *where, kc_error *e);
void kc_opened_close(kc_opened *o, kc_grid *g);

#endif
