/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_BASE_TELLER_H
#define KCAP_BASE_TELLER_H

#include <stdio.h>

/* Tells a person at a terminal how far something long is: one line, written anew at most once a second,
 * that goes when it is through. All zero tells nobody. */
typedef struct kc_teller {
    FILE *out;             /* NULL: nobody                        */
    double (*clock)(void); /* kc_clock, or that of a test         */
    double told;           /* when it was told last, or began     */
    int line_stands;
} kc_teller;

/* From now on; out NULL: nobody listens. */
kc_teller kc_teller_start(FILE *out);

/* Say it, where a second has passed. NULL: to nobody. */
__attribute__((format(printf, 2, 3))) void kc_tell(kc_teller *t, const char *format, ...);

/* Take the line away; NULL: there is none. */
void kc_tell_end(kc_teller *t);

#endif
