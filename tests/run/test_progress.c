/* SPDX-License-Identifier: BSD-3-Clause */
/* What a person sees of a run, by a clock of the test's own. */

#include "../test.h"

#include <math.h>

#include "kcap/measure/capacity.h"
#include "kcap/run/progress.h"

static char *said;
static size_t n_said;

/* A run of 1000 documents in steps of 2 of 64 tokens each, and so many steps at most. */
static kc_progress progress_of(int live, int64_t most_steps, double until)
{
    const kc_course course = {1000, most_steps, until};
    kc_progress p;
    kc_progress_start(&p, open_memstream(&said, &n_said), &course, 0, 0, 0, 0);
    assert_int_equal(p.live, 0);
    p.live = live;
    return p;
}

/* Steps up to number `to`, `seconds` each. */
static void steps(kc_progress *p, int64_t from, int64_t to, double begun, double seconds)
{
    for (int64_t i = from + 1; i <= to; ++i) {
        const kc_step_row row = {.step = i, .tokens = 64 * i, .loss = 2.5, .exposures = 0.02};
        kc_progress_step(p, &row, 2 * i, begun + seconds * (double)(i - from));
    }
}

/* What was said last, without the control characters; the test's. */
static const char *last_line(kc_progress *p)
{
    fflush(p->out);
    const char *end = said + n_said - (n_said > 0 && said[n_said - 1] == '\n'), *begin = end;
    while (begin > said && begin[-1] != '\r' && begin[-1] != '\n')
        --begin;
    char *line = test_text("%.*s", (int)(end - begin), begin);
    line[strcspn(line, "\033\n")] = 0;
    assert_null(strstr(line, "nan"));
    assert_null(strstr(line, "inf"));
    assert_true(!p->live || strlen(line) < 80);
    return line;
}

static void finish(kc_progress *p)
{
    fclose(p->out);
    free(said);
}

KC_TEST(a_model_that_is_not_finite_has_no_line)
{
    kc_progress p = progress_of(0, 0, 0);
    steps(&p, 0, 1, 0, 10);
    const char *before = last_line(&p);
    const kc_step_row rows[2] = {{.step = 2, .loss = NAN}, {.step = 3, .grad_norm = INFINITY}};
    for (int i = 0; i < 2; ++i)
        kc_progress_step(&p, &rows[i], 6, 1e3 * (i + 1));
    assert_string_equal(last_line(&p), before);
    finish(&p);
}

KC_TEST(the_end_is_known_from_the_first_line)
{
    kc_progress p = progress_of(1, 0, 0);
    steps(&p, 0, 100, 0, 35);
    assert_string_equal(last_line(&p), "step 100  20.0 %  3:54 h to go  loss 2.5000  2 tokens/s");
    finish(&p);
    p = progress_of(1, 200, 0);
    steps(&p, 0, 100, 0, 35);
    assert_string_equal(last_line(&p), "step 100  50.0 %  0:59 h to go  loss 2.5000  2 tokens/s");
    finish(&p);
    p = progress_of(1, 200, 100 * 35 + 90);
    steps(&p, 0, 100, 0, 35);
    assert_string_equal(last_line(&p),
                        "step 100  50.0 %  0:02 h to --max-time  loss 2.5000  2 tokens/s");
    finish(&p);
}

KC_TEST(rates_are_means_over_minutes)
{
    kc_progress p = progress_of(0, 0, 0);
    steps(&p, 0, 100, 0, 6);
    assert_non_null(strstr(last_line(&p), " tokens_per_second=11 eta_seconds=2400"));
    steps(&p, 100, 101, 600, 12); /* one slow step says little */
    assert_non_null(strstr(last_line(&p), " tokens_per_second=10 "));
    steps(&p, 101, 201, 612, 12); /* many say all */
    assert_non_null(strstr(last_line(&p), " tokens_per_second=5 "));
    finish(&p);
}

KC_TEST(what_is_not_known_is_left_out)
{
    kc_progress p = progress_of(0, 0, 0);
    const kc_step_row row = {.step = 5, .loss = 2.5};
    kc_progress_step(&p, &row, 0, 10); /* no document ended yet */
    assert_string_equal(last_line(&p), "step=5 tokens=0 exposures=0.000 loss=2.50000 lr=0 "
                                       "grad_norm=0 tokens_per_second=0");
    finish(&p);
}

KC_TEST(long_numbers_stay_on_the_line)
{
    kc_progress p = progress_of(1, 1000000000000, 0);
    const kc_step_row row = {.step = 999999999999, .tokens = 1000000000000000, .loss = 123.4567};
    p.bits = -1234.5678;
    kc_progress_step(&p, &row, 1, 1e6);
    assert_string_equal(last_line(&p), "step 999999999999  100.0 %  0:01 h to go  loss 123.4567  "
                                       "-1234.5678 bits/param");
    finish(&p);
}

KC_TEST(a_measurement_shows_how_far_it_is)
{
    kc_progress p = progress_of(1, 0, 0);
    kc_progress_measuring(&p, 0.1, 0.1);
    fflush(p.out);
    assert_int_equal(n_said, 0); /* too early */
    kc_progress_measuring(&p, 0.404, 0.3);
    assert_string_equal(last_line(&p), "measuring 40 %");
    finish(&p);
    p = progress_of(0, 0, 0);
    kc_progress_measuring(&p, 0.4, 4);
    kc_progress_measuring(&p, 0.6, 6);
    assert_string_equal(last_line(&p), "event=measuring percent=60");
    finish(&p);
}

KC_TEST(a_run_that_learnt_nothing_says_so)
{
    const double losses[] = {4.7, 4.6, NAN};
    for (int i = 0; i < 3; ++i) {
        kc_progress p = progress_of(0, 0, 0);
        kc_progress_end(&p, losses[i], 100);
        fflush(p.out);
        assert_int_equal(n_said > 0, i == 0);
        if (i == 0)
            assert_ptr_equal(strstr(said, "the last loss, 4.7000, is above ln V = 4.6052"), said);
        finish(&p);
    }
}

KC_TEST(hours)
{
    static const struct {
        double seconds;
        const char *says;
    } cases[] = {{0, "0:00 h"},           {1, "0:01 h"},   {60, "0:01 h"}, {3599, "1:00 h"},
                 {86400 + 61, "24:02 h"}, {INFINITY, "?"}, {NAN, "?"}};
    char text[32];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i)
        assert_string_equal(kc_hours(cases[i].seconds, text), cases[i].says);
}

KC_TEST_MAIN(NULL, NULL)
