/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_RUN_PAST_H
#define KCAP_RUN_PAST_H

#include "kcap/config/config.h"
#include "kcap/record/checkpoint.h"

/* What the run.h5 says that a run would go on with: whose it is, and how far its rows are whole. */
typedef struct kc_past {
    char folder[KC_PATH_MAX]; /* that it is in                                     */
    int there;
    kc_error unreadable; /* it is there and tells nothing                     */
    char run_id[40], config_hash[17];
    int64_t first_step, reach; /* of its rows; see kc_reader_reach                  */
} kc_past;

/* The cure that messages end with. */
#define KC_PAST_INSTEAD                                                                            \
    "put the run's own run.h5 there, or add --without-history to go on from a checkpoint alone"

/* The folder of a run: `where`, or DIR of DIR/checkpoints/x.h5. */
void kc_past_folder(const char *where, char folder[KC_PATH_MAX]);

/* Look at the run.h5 of kc_past_folder(where). What ends its whole rows is said on stderr.
 *   collective  on all ranks; the same on all */
void kc_past_look(const kc_grid *g, const char *where, kc_past *p);

/* May a run that begins take its place? KC_EINPUT: another experiment's, or nobody knows whose.
 * Not collective. */
int kc_past_replaceable(const kc_past *p, const kc_config *cfg, kc_error *e);

/* Can its rows be gone on with from this checkpoint? KC_EINPUT: missing, unreadable, another run's, or
 * not up to it. Not collective. */
int kc_past_check(const kc_past *p, const kc_checkpoint_info *from, kc_error *e);

#endif
