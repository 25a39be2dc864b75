/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_TESTS_TEST_H
#define KCAP_TESTS_TEST_H

/* Unit tests: KC_TEST(what_must_hold) { ... } runs because it stands there, in the order of the file;
 * KC_TEST_MAIN ends the file. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { KC_TESTS_MAX = 64 };
static struct CMUnitTest kc_tests[KC_TESTS_MAX];
static size_t kc_n_tests;

static inline void kc_test_add(const char *name, CMUnitTestFunction test)
{
    if (kc_n_tests == KC_TESTS_MAX)
        abort();
    kc_tests[kc_n_tests++] = (struct CMUnitTest){.name = name, .test_func = test};
}

#define KC_TEST(name)                                                                              \
    static void name(void **);                                                                     \
    __attribute__((constructor)) static void add_##name(void)                                      \
    {                                                                                              \
        kc_test_add(#name, name);                                                                  \
    }                                                                                              \
    static void name(__attribute__((unused)) void **state)

/* Run all; how many failed. set_up and tear_down, once, or NULL. */
static inline int kc_tests_run(CMFixtureFunction set_up, CMFixtureFunction tear_down)
{
    return _cmocka_run_group_tests("tests", kc_tests, kc_n_tests, set_up, tear_down);
}

#define KC_TEST_MAIN(set_up, tear_down)                                                            \
    int main(void)                                                                                 \
    {                                                                                              \
        return kc_tests_run(set_up, tear_down);                                                    \
    }

#endif
