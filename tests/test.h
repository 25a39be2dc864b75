/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_TESTS_TEST_H
#define KCAP_TESTS_TEST_H

/* Unit tests: KC_TEST(what_must_hold) { ... } runs because it stands there, in the order of the file;
 * KC_TEST_MAIN ends the file. What a test owns is given back when it ends, also when it fails. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kcap/base/arena.h"
#include "kcap/base/memory.h"
#include "kcap/comm/grid.h"

typedef struct kc_owned {
    struct kc_owned *before;
    void *what;
    void (*give_back)(void *);
} kc_owned;
static kc_owned *kc_all_owned;

/* `what` until the test ends; the last is given back first. */
static inline void *kc_test_owns(void *what, void (*give_back)(void *))
{
    kc_owned *last = kc_alloc(1, sizeof *last, "things of a test");
    *last = (kc_owned){kc_all_owned, what, give_back};
    kc_all_owned = last;
    return what;
}

static inline int kc_test_end(__attribute__((unused)) void **state)
{
    while (kc_all_owned) {
        kc_owned *last = kc_all_owned;
        kc_all_owned = last->before;
        last->give_back(last->what);
        free(last);
    }
    return 0;
}

/* n elements, zeroed; the test's. */
static inline void *test_room(int64_t n, size_t size)
{
    return kc_test_owns(kc_alloc(n, size, "rooms of a test"), free);
}

/* As printf would write it; the test's. */
__attribute__((format(printf, 1, 2))) static inline char *test_text(const char *format, ...)
{
    char text[4096];
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    assert_in_range(n, 0, sizeof text - 1);
    return strcpy(test_room(n + 1, 1), text);
}

static inline void kc_test_arena_end(void *arena)
{
    kc_arena_destroy(arena);
    free(arena);
}

/* An arena that only counts; the test's. */
static inline kc_arena *test_arena(void)
{
    return kc_test_owns(kc_alloc(1, sizeof(kc_arena), "arenas of a test"), kc_test_arena_end);
}

/* Under a sanitizer: what Open MPI loses while it starts is not ours; what it keeps has an owner as long as its
 * modules are loaded, so leaks are looked for before it stops, and then no more. */
void __lsan_disable(void) __attribute__((weak));
void __lsan_enable(void) __attribute__((weak));
void __lsan_do_leak_check(void) __attribute__((weak));

/* GCC before 13 takes a thread's block that happens to start 16 bytes into a page for one with a header of glibc
 * before 2.25, and what stands before it for address and length (google/sanitizers, issue 1322); the search for leaks
 * then crashes, once in some hundred runs. */
const char *__lsan_default_options(void);
__attribute__((weak)) const char *__lsan_default_options(void)
{
    return "intercept_tls_get_addr=0";
}

static inline void test_start_mpi(kc_grid *g)
{
    if (__lsan_disable)
        __lsan_disable();
    kc_grid_start(g);
    if (__lsan_enable)
        __lsan_enable();
}

static inline void test_stop_mpi(kc_grid *g)
{
    if (__lsan_do_leak_check)
        __lsan_do_leak_check();
    kc_grid_stop(g);
}

enum { KC_TESTS_MAX = 64 };
static struct CMUnitTest kc_tests[KC_TESTS_MAX];
static size_t kc_n_tests;

static inline void kc_test_add(const char *name, CMUnitTestFunction test)
{
    if (kc_n_tests == KC_TESTS_MAX)
        abort();
    kc_tests[kc_n_tests++] =
        (struct CMUnitTest){.name = name, .test_func = test, .teardown_func = kc_test_end};
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
