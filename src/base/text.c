/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/base/text.h"

#include <stdio.h>
#include <string.h>

#include "kcap/base/err.h"

enum { NUMBER_MOST = 32 }; /* bytes of a number and what stands before it */

int kc_utf8(const char *text, uint32_t *code)
{
    const unsigned char *u = (const unsigned char *)text;
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    int n = u[0] < 0x80 ? 1 : u[0] < 0xC0 ? 0 : u[0] < 0xE0 ? 2 : u[0] < 0xF0 ? 3 : 4;
    if (n == 0 || u[0] >= 0xF8)
        return 0;
    *code = n == 1 ? u[0] : u[0] & (0xFFu >> (n + 1));
    for (int i = 1; i < n; i++) {
        if ((u[i] & 0xC0) != 0x80)
            return 0;
        *code = *code << 6 | (u[i] & 0x3Fu);
    }
    int surrogate = *code >= 0xD800 && *code <= 0xDFFF;
    return *code < least[n] || *code > 0x10FFFF || surrogate ? 0 : n;
}

const char *kc_path_fault(const char *path)
{
    if (path[0] == '~')
        return "only a shell puts a home folder for ~, and only where it begins a word "
               "without quotes; write the folder out (./~ for one of that name)";
    _Static_assert(KC_PATH_MOST == 895, "the figure below");
    return strlen(path) > KC_PATH_MOST
               ? "a path of more than 895 bytes; choose a shorter one, or go into its folder first"
               : NULL;
}

char *kc_text_copy(const char *text)
{
    char *copied = strdup(text);
    KC_ROOM(copied, "out of memory for a text of %zu bytes", strlen(text));
    return copied;
}

/* Append a number to the `used` bytes of a text; 0 where it might not fit. */
static int add(int64_t number, const char *between, char *text, size_t size, size_t *used)
{
    if (*used + NUMBER_MOST > size)
        return 0;
    *used += (size_t)snprintf(text + *used, size - *used, "%s%lld", *used ? between : "",
                              (long long)number);
    return 1;
}

const char *kc_text_numbers(const int64_t *numbers, int n, const char *between, char *text,
                            size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < n && add(numbers[i], between, text, size, &used); i++)
        ;
    return text;
}

const char *kc_text_divisors(int64_t a, int64_t b, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (int64_t d = 1; d <= a; d++)
        if (a % d == 0 && b % d == 0 && !add(d, ", ", text, size - sizeof ", ...", &used)) {
            strcpy(text + used, ", ...");
            break;
        }
    return text;
}
