/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory in aligned, zeroed pieces that never overlap. */
#include "ending.h"

#include "kcap/base/arena.h"
#include "kcap/base/err.h"
#include "kcap/base/memory.h"
#include "kcap/base/ticker.h"

KC_TEST(an_empty_arena_counts_whole_lines)
{
    kc_arena a = {0};
    assert_null(kc_arena_take(&a, 0, 8));
    assert_int_equal(a.used, 0);
    assert_null(kc_arena_take(&a, 1, 1));
    assert_int_equal(kc_arena_since(&a), 64);
    assert_null(kc_arena_floats(&a, 16));
    assert_int_equal(kc_arena_since(&a), 64);
    assert_null(kc_arena_floats(&a, 17));
    assert_null(kc_arena_take(&a, INT64_C(1) << 40, 4));
    assert_int_equal(kc_arena_since(&a), 128 + (INT64_C(1) << 42));
    assert_int_equal(kc_arena_since(&a), 0);
}

enum { N = 200 };

/* The one list of what this test holds. */
static void take_pieces(kc_arena *a, unsigned char *piece[N])
{
    for (int64_t i = 0; i < N; ++i)
        piece[i] = kc_arena_take(a, i * 13, 1);
}

KC_TEST(pieces_are_aligned_zeroed_and_apart)
{
    unsigned char *piece[N];
    kc_arena a = {0};
    take_pieces(&a, piece);
    kc_arena_reserve(&a);
    assert_int_equal(a.used, 0);
    take_pieces(&a, piece);
    assert_int_equal(a.used, a.bytes);
    for (int64_t i = 0; i < N; ++i) {
        assert_int_equal((uintptr_t)piece[i] % 64, 0);
        for (int64_t k = 0; k < i * 13; ++k)
            assert_int_equal(piece[i][k], 0);
        memset(piece[i], (int)i + 1, (size_t)i * 13);
    }
    for (int64_t i = 0; i < N; ++i)
        for (int64_t k = 0; k < i * 13; ++k)
            assert_int_equal(piece[i][k], (unsigned char)(i + 1));
    kc_arena_destroy(&a);
    assert_null(a.base);
    kc_arena_destroy(&a);
}

KC_TEST(what_counted_nothing_can_be_reserved)
{
    kc_arena a = {0};
    kc_arena_reserve(&a);
    assert_non_null(kc_arena_take(&a, 0, 8));
    assert_int_equal(a.used, 0);
    kc_arena_destroy(&a);
}

static void must_abort(void (*act)(void), const char *words)
{
    char text[LAST_WORDS];
    assert_true(is_abort(last_words(act, text)));
    assert_non_null(strstr(text, words));
}

/* The process ends with KC_EIO and says what there was no room for. */
static void ends_for_room(void (*function)(void), const char *words)
{
    char text[LAST_WORDS];
    const int status = last_words(function, text);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == KC_EIO);
    assert_non_null(strstr(text, words));
}

static void take_too_much(void)
{
    kc_arena a = {0};
    kc_arena_take(&a, 1000, 1);
    kc_arena_reserve(&a);
    kc_arena_take(&a, 960, 1);
    kc_arena_take(&a, 64, 1);
    kc_arena_take(&a, 1, 1);
}

static void ask_for_fewer_than_none(void)
{
    kc_arena_take(&(kc_arena){0}, -1, 16);
}

KC_TEST(more_than_addresses_is_told)
{
    kc_arena a = {0};
    assert_null(kc_arena_take(&a, INT64_MAX, 1));
    assert_true(a.used == SIZE_MAX / 2 + 1);
    assert_null(kc_arena_take(&a, INT64_MAX, 1));
    assert_true(a.used == SIZE_MAX);
    kc_arena b = {0};
    assert_null(kc_arena_take(&b, INT64_MAX, 16));
    assert_null(kc_arena_take(&b, 1, 1));
    assert_true(b.used == SIZE_MAX);
}

static void reserve_again(void)
{
    kc_arena a = {0};
    kc_arena_reserve(&a);
    kc_arena_reserve(&a);
}

static void allocate_too_much(void)
{
    kc_alloc(INT64_MAX, 16, "rows of a table");
}

static void allocate_fewer_than_none(void)
{
    kc_alloc(-1, 16, "words");
}

KC_TEST(what_is_allocated_is_zeroed)
{
    int *none = kc_alloc(0, sizeof *none, "numbers"),
        *some = kc_alloc(999, sizeof *some, "numbers");
    assert_non_null(none);
    for (int i = 0; i < 999; ++i)
        assert_int_equal(some[i], 0);
    free(none);
    free(some);
}

#if !defined(__SANITIZE_ADDRESS__)
static void reserve_too_much(void)
{
    const struct rlimit most = {1 << 28, 1 << 28};
    kc_arena a = {0};
    kc_arena_take(&a, 1 << 28, 1);
    setrlimit(RLIMIT_AS, &most);
    if (kc_memory_of_process() < (1 << 28))
        kc_arena_reserve(&a);
}

static void tick(void *of)
{
    (void)of;
}

static void start_without_room(void)
{
    const struct rlimit none = {1, 1};
    setrlimit(RLIMIT_AS, &none);
    kc_ticker_start(1, tick, NULL);
}
#endif

KC_TEST(running_out_is_said)
{
    ends_for_room(allocate_too_much, "out of memory for 9223372036854775807 rows of a table; the ");
#if !defined(__SANITIZE_ADDRESS__) /* whose own memory is beyond any limit */
    ends_for_room(reserve_too_much,
                  "out of memory: 268435456 bytes asked for; the system gives no");
    ends_for_room(start_without_room, "no thread beside this one: ");
#endif
    assert_true(kc_memory_of_process() == INT64_MAX);
}

KC_TEST(breaches_abort)
{
    must_abort(allocate_fewer_than_none, "n >= 0 does not hold: -1 words");
    must_abort(reserve_again, "reserved already");
    must_abort(take_too_much, " has 0 left, 1 x 1 asked for");
    must_abort(ask_for_fewer_than_none, "-1 elements of 16 bytes");
}

KC_TEST_MAIN(NULL, NULL)
