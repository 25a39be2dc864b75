/* SPDX-License-Identifier: BSD-3-Clause */
/* Silence that ends before anything was done about it, and silence that does not. */

#include "../test.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kcap/base/clock.h"
#include "kcap/base/err.h"
#include "kcap/run/guard.h"

static kc_grid grid = {.size = 1};
static char folder[] = "/tmp/kcap_guard_XXXXXX";

static kc_guard *watched(int others_go_on)
{
    const kc_guard_request q = {.grid = &grid,
                                .folder = folder,
                                .patience = 0.5,
                                .begun = kc_clock(),
                                .others_go_on = others_go_on};
    kc_guard *w = kc_guard_start(&q);
    kc_guard_moves(w, KC_MARK_STEP, 1);
    return w;
}

static int is_calling(void)
{
    char path[64];
    snprintf(path, sizeof path, "%s/waiting", folder);
    return access(path, F_OK) == 0;
}

/* Until the roll is called, 10 s at most. */
static void fall_silent(void)
{
    for (const double end = kc_clock() + 10; !is_calling() && kc_clock() < end;)
        usleep(10000);
    assert_true(is_calling());
}

/* The run is over while its ranks are still asked where they are. */
static void test_end_does_not_wait_for_the_roll(void **state)
{
    (void)state;
    kc_guard *w = watched(1);
    fall_silent();
    const double begun = kc_clock();
    kc_guard_end(w);
    assert_true(kc_clock() - begun < 2);
    assert_false(is_calling());
}

/* A job is not ended because it stood still for a while. */
static void test_moves_again(void **state)
{
    (void)state;
    kc_guard *w = watched(0);
    fall_silent();
    for (const double end = kc_clock() + 6; kc_clock() < end; usleep(10000))
        kc_guard_moves(w, KC_MARK_STEP, 2);
    assert_false(is_calling());
    kc_guard_end(w);
}

static void test_silence_ends_the_job(void **state)
{
    (void)state;
    const pid_t child = fork();
    if (child == 0) {
        watched(0);
        sleep(60);
        _exit(0);
    }
    int status;
    const double begun = kc_clock();
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WEXITSTATUS(status), KC_EPEER);
    assert_true(kc_clock() - begun < 30);
    assert_false(is_calling());
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_silence_ends_the_job),
                                       cmocka_unit_test(test_end_does_not_wait_for_the_roll),
                                       cmocka_unit_test(test_moves_again)};
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
