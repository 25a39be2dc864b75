/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_BASE_TICKER_H
#define KCAP_BASE_TICKER_H

/* A thread beside the main one that calls a function every so many seconds and sleeps in between. No
 * signal of the program's goes to it. */
typedef struct kc_ticker kc_ticker;

/* owns: end with kc_ticker_end, while `of` is still there; ends the process where no thread can be had */
kc_ticker *kc_ticker_start(int seconds, void (*tick)(void *of), void *of);

/* Waits for a call that is under way; accepts NULL. */
void kc_ticker_end(kc_ticker *t);

#endif
