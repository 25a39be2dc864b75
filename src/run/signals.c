/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/run/signals.h"

#include <signal.h>
#include <stddef.h>
#include <time.h>

/* What a signal handler can reach: the first signal that asked, and how many interrupts came. */
static volatile sig_atomic_t asked, interrupts;

static void take(int number)
{
    if (!asked)
        asked = number;
    if (number == SIGINT && interrupts++ > 0) {
        signal(SIGINT, SIG_DFL);
        raise(SIGINT);
    }
}

static const int numbers[] = {SIGUSR1, SIGTERM, SIGINT};
enum { N_NUMBERS = sizeof numbers / sizeof *numbers };

static sigset_t stop_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    for (int i = 0; i < N_NUMBERS; ++i)
        sigaddset(&set, numbers[i]);
    return set;
}

/* oneDNN's products before 3.12 run with the stack pointer in the heap, where the frame of a handler
 * would overwrite it (oneDNN issue 4845). So the threads that compute block the signals, and ask
 * for them between steps; the handler is for threads of MPI's own. */
void kc_signals_catch(void)
{
    const sigset_t set = stop_signals();
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    for (int i = 0; i < N_NUMBERS; ++i) {
        struct sigaction now, action = {.sa_handler = take, .sa_flags = SA_RESTART};
        sigaction(numbers[i], NULL, &now);
        if (numbers[i] != SIGINT || now.sa_handler != SIG_IGN)
            sigaction(numbers[i], &action, NULL);
    }
}

int kc_signals_asked(void)
{
    const sigset_t set = stop_signals();
    const struct timespec now = {0, 0};
    const int number = sigtimedwait(&set, NULL, &now);
    if (number > 0)
        take(number);
    return asked;
}
