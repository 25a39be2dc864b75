/* SPDX-License-Identifier: BSD-3-Clause */
#include "data/word/pretoken.h"

#include <string.h>
#include <utf8proc.h>

typedef enum class { LETTER, NUMBER, SPACE, OTHER } class;

/* Unicode's White_Space. */
static int is_space(utf8proc_int32_t code)
{
    return (code >= 0x9 && code <= 0xD) || code == ' ' || code == 0x85 || code == 0xA0 ||
           code == 0x1680 || (code >= 0x2000 && code <= 0x200A) || code == 0x2028 ||
           code == 0x2029 || code == 0x202F || code == 0x205F || code == 0x3000;
}

/* The class of the character at `at`, and its bytes. */
static class class_of(const char *at, const char *end, int64_t *bytes)
{
    utf8proc_int32_t code;
    const utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)at, end - at, &code);
    *bytes = n > 0 ? n : 1;
    if (n <= 0)
        return OTHER;
    if (is_space(code))
        return SPACE;
    switch (utf8proc_category(code)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
        return LETTER;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
        return NUMBER;
    default:
        return OTHER;
    }
}

/* Where the run of one class ends; *last is its last character. */
static const char *run(const char *at, const char *end, class which, const char **last)
{
    int64_t n;

    for (; at < end && class_of(at, end, &n) == which; at += n)
        *last = at;
    return at;
}

static int64_t contraction(const char *text, const char *end)
{
    static const char *const all[] = {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"};

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        const int64_t n = (int64_t)strlen(all[i]);

        if (end - text >= n && memcmp(text, all[i], (size_t)n) == 0)
            return n;
    }
    return 0;
}

int64_t kc_pretoken(const char *text, const char *end)
{
    int64_t n = contraction(text, end);
    const char *from = text + (*text == ' ' && text + 1 < end), *last = text, *stop;
    class which;

    if (n > 0)
        return n;
    which = class_of(from, end, &n);
    if (which != SPACE)
        return run(from, end, which, &last) - text;
    /* White space leaves its last character to what follows, where it is not the only one. */
    stop = run(text, end, SPACE, &last);
    return (stop == end || last == text ? stop : last) - text;
}
