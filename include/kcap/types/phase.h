/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_TYPES_PHASE_H
#define KCAP_TYPES_PHASE_H

#include "kcap/base/clock.h"
#include "kcap/types/record.h"

/* The phases of a step, KC_seconds_batch and so on: one for each column of KC_COLUMNS_PHASE. */
#define KC_PHASE(type, name, unit, help) KC_##name,
typedef enum kc_phase { KC_COLUMNS_PHASE(KC_PHASE) KC_N_PHASES } kc_phase;
#undef KC_PHASE

/* One thread's stop watch. All zero is ready to start. */
typedef struct kc_phases {
    double seconds[KC_N_PHASES];
    double mark; /* clock at the last start or end */
} kc_phases;

static inline void kc_phases_start(kc_phases *p)
{
    p->mark = kc_clock();
}

/* The time since the last start or end was this phase's. */
static inline void kc_phases_end(kc_phases *p, kc_phase phase)
{
    const double now = kc_clock();
    p->seconds[phase] += now - p->mark;
    p->mark = now;
}

#endif
