/* SPDX-License-Identifier: BSD-3-Clause */

#include "../test.h"

#include "kcap/base/memory.h"
#include "kcap/base/text.h"

/* Every code point there is, written by hand, and bytes that are none. */
KC_TEST(characters_are_read)
{
    static const char *const bad[] = {
        "\x80",         "\xc0\x80",         "\xc1\xbf",         "\xe0\x9f\xbf",
        "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80",
        "\xc3",         "\xe2\x82"};
    for (uint32_t c = 1; c <= 0x10FFFF; c += c < 0x3000 ? 1 : 37) {
        const int n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
        const unsigned first[] = {0, 0, 0xC0, 0xE0, 0xF0};
        char text[5] = {0};
        uint32_t code = 0;
        for (int i = n - 1, rest = (int)c; i >= 0; --i, rest >>= 6)
            text[i] = (char)(i ? 0x80 | (rest & 0x3F) : (int)first[n] | rest);
        const int is_surrogate = c >= 0xD800 && c <= 0xDFFF;
        assert_int_equal(kc_utf8(text, &code), is_surrogate ? 0 : n);
        assert_true(is_surrogate || code == c);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; ++i) {
        uint32_t code;
        assert_int_equal(kc_utf8(bad[i], &code), 0);
    }
}

KC_TEST(numbers_are_listed_as_far_as_they_fit)
{
    char text[64], exact[40];
    assert_string_equal(kc_text_numbers((int64_t[]){2, -3, 64}, 3, " x ", text, sizeof text),
                        "2 x -3 x 64");
    assert_string_equal(kc_text_numbers(NULL, 0, ", ", text, sizeof text), "");
    assert_string_equal(kc_text_divisors(12, 12, text, sizeof text), "1, 2, 3, 4, 6, 12");
    assert_string_equal(kc_text_divisors(12, 8, text, sizeof text), "1, 2, 4");
    assert_string_equal(kc_text_divisors(1, 1, exact, sizeof exact), "1");
    assert_string_equal(kc_text_divisors(7207200, 7207200, text, sizeof text),
                        "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, ...");
}

KC_TEST(room_grows_and_is_zeroed)
{
    int64_t room = 0, *p = NULL;
    for (int64_t n = 1; n <= 1000; ++n) {
        p = kc_grow(p, &room, n, sizeof *p);
        assert_true(room >= n && p[n - 1] == 0);
        p[n - 1] = n;
    }
    for (int64_t n = 1; n <= 1000; ++n)
        assert_int_equal(p[n - 1], n);
    free(p);
}

KC_TEST_MAIN(NULL, NULL)
