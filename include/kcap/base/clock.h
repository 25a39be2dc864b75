/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_BASE_CLOCK_H
#define KCAP_BASE_CLOCK_H

/* Seconds of a clock that never goes back; its zero means nothing. */
double kc_clock(void);

/* Now in UTC as 2026-01-31T23:59:59Z (20 characters and the end). */
void kc_clock_utc(char text[21]);

#endif
