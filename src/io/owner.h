/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_IO_OWNER_H
#define KCAP_IO_OWNER_H

#include <stddef.h>

/* Who holds a lock. Nothing here is collective. */
typedef struct kc_owner {
    char host[72], boot[40]; /* the machine, and which of its starts             */
    long pid;
    unsigned long long began; /* the process, in clock ticks after the boot       */
    char job[40];             /* of the scheduler; `none` outside one             */
    char since[24];
} kc_owner;

enum { KC_OWNER_TEXT = 400 };

/* This process. */
void kc_owner_self(kc_owner *o);

/* As a text of a line each, and back; 0: that is no such text. */
void kc_owner_write(const kc_owner *o, char text[KC_OWNER_TEXT]);
int kc_owner_read(const char *text, kc_owner *o);

/* `process 12 on node3, job 4711, since ...`. */
void kc_owner_say(const kc_owner *o, char *text, size_t size);

/* 1 where the process lives, 0 where it is gone, -1 where that cannot be known: another host's. */
int kc_owner_lives(const kc_owner *o);

#endif
