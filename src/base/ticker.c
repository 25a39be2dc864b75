/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/base/ticker.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kcap/base/err.h"
#include "kcap/base/memory.h"

struct kc_ticker {
    void (*tick)(void *of);
    void *of;
    int seconds, is_over;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
};

static void *run(void *ticker)
{
    kc_ticker *t = ticker;
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += t->seconds;
    pthread_mutex_lock(&t->mutex);
    while (!t->is_over)
        if (pthread_cond_timedwait(&t->wake, &t->mutex, &until) == ETIMEDOUT) {
            t->tick(t->of);
            clock_gettime(CLOCK_MONOTONIC, &until);
            until.tv_sec += t->seconds;
        }
    pthread_mutex_unlock(&t->mutex);
    return NULL;
}

kc_ticker *kc_ticker_start(int seconds, void (*tick)(void *of), void *of)
{
    kc_ticker *t = kc_alloc(1, sizeof *t, "ticker");
    sigset_t all, before;
    pthread_condattr_t attributes;
    *t = (kc_ticker){.tick = tick, .of = of, .seconds = seconds};
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&t->mutex, NULL);
    pthread_cond_init(&t->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int code = pthread_create(&t->thread, NULL, run, t);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (code != 0)
        kc_no_room("no thread beside this one: %s; allow more processes (ulimit -u, a container's "
                   "limit of pids) or more memory (ulimit -v)",
                   strerror(code));
    return t;
}

void kc_ticker_end(kc_ticker *t)
{
    if (!t)
        return;
    pthread_mutex_lock(&t->mutex);
    t->is_over = 1;
    pthread_cond_signal(&t->wake);
    pthread_mutex_unlock(&t->mutex);
    pthread_join(t->thread, NULL);
    pthread_cond_destroy(&t->wake);
    pthread_mutex_destroy(&t->mutex);
    free(t);
}
