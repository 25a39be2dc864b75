/* SPDX-License-Identifier: BSD-3-Clause */
#include "io/crash.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kcap/base/err.h"
#include "kcap/base/text.h"

/* What a handler of signals can reach: what it says, its bytes (0: no file is being read), and what was
 * done before it. */
static char words[KC_PATH_MAX + 200];
static volatile sig_atomic_t n_words;
static struct sigaction before[2];
static const int numbers[2] = {SIGSEGV, SIGBUS};
enum { FRAMES = 64 };

/* Was HDF5 at work when it came to this? */
static int in_hdf5(void)
{
    void *frames[FRAMES];
    Dl_info at;
    for (int i = backtrace(frames, FRAMES) - 1; i >= 0; --i)
        if (dladdr(frames[i], &at) && at.dli_fname && strstr(at.dli_fname, "libhdf5"))
            return 1;
    return 0;
}

static void tell(int number)
{
    if (n_words > 0 && in_hdf5() && write(STDERR_FILENO, words, (size_t)n_words) >= 0)
        _exit(KC_EINPUT);
    /* A fault of kcap's own is no damage: it comes again when this returns, and goes the old way. */
    sigaction(number, &before[number == SIGBUS], NULL);
}

void kc_crash_names(const char *path)
{
    const struct sigaction action = {.sa_handler = tell};
    const int is_first = n_words == 0;
    n_words = 0;
    const int n =
        snprintf(words, sizeof words,
                 "kcap: %s: damaged: HDF5 crashes on it; put the file's own copy there; of a "
                 "run's run.h5: move it away and add --without-history\n",
                 path);
    n_words = n < (int)sizeof words ? n : (int)sizeof words - 1;
    if (is_first)
        in_hdf5(); /* the first backtrace loads a library, which a handler must not */
    for (int i = 0; i < 2 && is_first; ++i)
        sigaction(numbers[i], &action, &before[i]);
}

void kc_crash_over(void)
{
    if (n_words == 0)
        return;
    n_words = 0;
    for (int i = 0; i < 2; ++i)
        sigaction(numbers[i], &before[i], NULL);
}
