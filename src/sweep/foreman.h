/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_SWEEP_FOREMAN_H
#define KCAP_SWEEP_FOREMAN_H

#include "kcap/comm/post.h"
#include "sweep/screen.h"

/* Rank 0's part of a farm: it hands out points and keeps the table of what has become of them. Nothing
 * here is collective; all but the notes are rank 0's. */

/* What rank 0 answers in place of a point. */
enum { KC_NOTE_WAIT = -1, KC_NOTE_END = -2 };

typedef enum kc_note_kind {
    KC_NOTE_ASK,
    KC_NOTE_HERE,
    KC_NOTE_BYE,
    KC_NOTE_NEWS,
    KC_NOTE_DONE,
    KC_NOTE_FAILED,
    KC_NOTE_STOPPED
} kc_note_kind;

/* From a leader to rank 0. */
typedef struct kc_note {
    kc_note_kind kind;
    int64_t point;
    int code, stopped; /* as kc_run.stopped */
    double exposed, bits_per_param;
    char text[400];
} kc_note;

/* KC_WORKER_IDLE has not asked yet; KC_WORKER_WAITING has no point and waits for the others; KC_WORKER_LEAVING was told the end. */
typedef enum kc_worker_state {
    KC_WORKER_IDLE,
    KC_WORKER_WORKING,
    KC_WORKER_WAITING,
    KC_WORKER_LEAVING,
    KC_WORKER_GONE,
    KC_WORKER_LOST
} kc_worker_state;

/* A group as rank 0 sees it. */
typedef struct kc_worker {
    kc_worker_state state;
    int64_t point;
    double heard; /* clock of its last note  */
    double pause; /* longest between two     */
} kc_worker;

typedef struct kc_foreman {
    const kc_grid *grid;
    const kc_sweep_request *request;
    const kc_sweep *sweep;
    int per, groups; /* ranks of a group; groups */
    double begun;    /* clock                    */
    kc_outbox *outbox;
    kc_point_view *views;
    int64_t *order, next; /* points to run, the longest first       */
    int64_t n_order;
    kc_worker *worker; /* [groups]                               */
    int first_code;    /* of the first point that failed         */
    int stopped;       /* by what, as kc_run.stopped; 0: not     */
    kc_farm_screen screen;
} kc_foreman;

/* Seconds to the sweep's time limit; a very large number where it has none. */
double kc_foreman_seconds_left(const kc_foreman *f);

/* Seconds of silence that are too many now, where the longest pause so far was `pause`: --patience, or,
 * once the time limit is over, what all have to end by themselves twice over. */
double kc_foreman_patience(const kc_foreman *f, double pause);

/* List the points to run.   owns: release with kc_foreman_end */
void kc_foreman_start(kc_foreman *f);
void kc_foreman_end(kc_foreman *f);

/* The next point for a group, or KC_NOTE_WAIT: none is left, or no more are to be begun. */
int64_t kc_foreman_next(kc_foreman *f, int group);

/* What a leader says, its own group's too, arrives here. */
void kc_foreman_take(kc_foreman *f, int group, const kc_note *n);

/* Answer whoever wrote, give up who is silent for too long. */
void kc_foreman_serve(kc_foreman *f);

/* After rank 0's last point: serve the others until all are through and have said so. Ends the job with
 * KC_EPEER where groups are lost. */
void kc_foreman_see_off(kc_foreman *f);

/* The exit code, the first failure in e. */
int kc_foreman_verdict(const kc_foreman *f, kc_error *e);

#endif
