/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/run/signals.h"

#include <signal.h>
#include <stddef.h>
#include <time.h>

/* The one thing a signal handler can reach. */
static volatile sig_atomic_t asked_to_stop;

static void on_signal(int number)
{
    (void)number;
    asked_to_stop = 1;
}

static sigset_t stop_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGTERM);
    return set;
}

/* oneDNN's products before 3.12 run with the stack pointer in the heap, where the frame of a handler
 * would overwrite it (oneDNN issue 4845). So the threads that compute block the signals, and ask
 * for them between steps; the handler is for threads of MPI's own. */
void kc_signals_catch(void)
{
    const sigset_t set = stop_signals();
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

int kc_signals_ask_to_stop(void)
{
    const sigset_t set = stop_signals();
    const struct timespec now = {0, 0};
    if (sigtimedwait(&set, NULL, &now) > 0)
        asked_to_stop = 1;
    return asked_to_stop;
}
