/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/run/signals.h"

#include <signal.h>
#include <stddef.h>
#include <unistd.h>

/* What a signal handler can reach: the first signal that asked, and how many interrupts came. */
static volatile sig_atomic_t asked, interrupts, at_stake, speaker;

static void take(int number)
{
    if (!asked)
        asked = number;
    if (number == SIGINT && !at_stake && speaker) {
        static const char said[] =
            "\nkcap: interrupted before a step was made; nothing is lost, the "
            "same line begins anew\n";
        if (write(STDERR_FILENO, said, sizeof said - 1) < 0)
            interrupts = 1;
    }
    if (number == SIGINT && (interrupts++ > 0 || !at_stake)) {
        signal(SIGINT, SIG_DFL);
        raise(SIGINT);
    }
}

void kc_signals_catch(int speaks)
{
    speaker = speaks;
    static const int numbers[] = {SIGUSR1, SIGTERM, SIGINT, SIGHUP, SIGPIPE, SIGXCPU};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; ++i) {
        struct sigaction before, action = {.sa_handler = take, .sa_flags = SA_RESTART};
        sigaction(numbers[i], NULL, &before);
        const int is_terminal = numbers[i] == SIGINT || numbers[i] == SIGHUP;
        if (!is_terminal || before.sa_handler != SIG_IGN)
            sigaction(numbers[i], &action, NULL);
    }
}

void kc_signals_stake(void)
{
    at_stake = 1;
}

int kc_signals_asked(void)
{
    return asked;
}
