/* SPDX-License-Identifier: BSD-3-Clause */
/* Errors keep their first cause; a broken invariant says rank, place and values; clocks run on. */
#include "ending.h"

#include <time.h>

#include "kcap/base/clock.h"
#include "kcap/base/err.h"

KC_TEST(the_first_cause_stays)
{
    kc_error e = {0};
    assert_int_equal(kc_fail(&e, KC_EIO, "%s: %d", "full", 7), KC_EIO);
    assert_int_equal(kc_fail(&e, KC_EINPUT, "later"), KC_EIO);
    assert_string_equal(e.text, "full: 7");
    char text[4000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    e.code = KC_OK;
    kc_fail(&e, KC_EINPUT, "%s", text);
    assert_int_equal(strlen(e.text), sizeof e.text - 1);
}

static void broken_invariant(void)
{
    unsetenv("OMPI_COMM_WORLD_RANK");
    unsetenv("PMI_RANK");
    setenv("SLURM_PROCID", "3", 1);
    KC_CHECK(1 + 1 == 2, "never printed");
    KC_CHECK(1 > 2, "lane %d of %d", 5, 4);
}

KC_TEST(an_abort_explains_itself)
{
    char text[LAST_WORDS];
    assert_true(is_abort(last_words(broken_invariant, text)));
    assert_memory_equal(text, "kcap: rank 3: ", 14);
    assert_non_null(strstr(text, "test_err.c:"));
    assert_non_null(strstr(text, ": 1 > 2 does not hold: lane 5 of 4\n"));
    assert_null(strstr(text, "never printed"));
}

KC_TEST(clocks)
{
    const struct timespec pause = {.tv_nsec = 20000000};
    char text[21];
    struct tm utc;
    double start = kc_clock();
    nanosleep(&pause, NULL);
    assert_true(kc_clock() - start >= 0.02);
    time_t before = time(NULL);
    kc_clock_utc(text);
    memset(&utc, 0, sizeof utc);
    char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &utc);
    assert_non_null(end);
    assert_int_equal(end - text, 20);
    assert_in_range(timegm(&utc), before, time(NULL));
}

KC_TEST_MAIN(NULL, NULL)
