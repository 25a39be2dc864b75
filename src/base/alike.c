/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/base/alike.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "kcap/base/err.h"

/* UAX #15's form C without what is not seen; dashes, quotation marks and blanks each as ASCII's. The
 * caller frees it. */
static char *plain_form(const char *text)
{
    utf8proc_uint8_t *plain = NULL;
    const utf8proc_ssize_t n = utf8proc_map((const utf8proc_uint8_t *)text, 0, &plain,
                                            UTF8PROC_NULLTERM | UTF8PROC_COMPOSE | UTF8PROC_STABLE |
                                                UTF8PROC_IGNORE | UTF8PROC_LUMP);
    KC_CHECK(n >= 0, "a text has no normal form: %s", utf8proc_errmsg(n));
    return (char *)plain;
}

static int is_ascii(const char *text)
{
    while (*text && (unsigned char)*text < 0x80)
        ++text;
    return *text == 0;
}

int kc_alike_odd(const char *text)
{
    if (is_ascii(text))
        return 0;
    char *plain = plain_form(text);
    const int odd = strcmp(plain, text) != 0;
    free(plain);
    return odd;
}

/* FNV-1a. */
static uint64_t key_of(const char *plain)
{
    uint64_t key = 0xCBF29CE484222325;
    for (; *plain; ++plain)
        if (*plain != ' ')
            key = (key ^ (unsigned char)*plain) * 0x100000001B3;
    return key;
}

uint64_t kc_alike_key(const char *text)
{
    if (is_ascii(text))
        return key_of(text);
    char *plain = plain_form(text);
    const uint64_t key = key_of(plain);
    free(plain);
    return key;
}

static int by_key(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

int64_t kc_alike_twins(uint64_t *all, int64_t n, const uint64_t *odd, int64_t n_odd, int64_t *first)
{
    int64_t twins = 0;
    if (n_odd == 0)
        return 0;
    qsort(all, (size_t)n, sizeof *all, by_key);
    for (int64_t i = 0; i < n_odd; ++i) {
        const uint64_t *found = bsearch(&odd[i], all, (size_t)n, sizeof *all, by_key);
        KC_CHECK(found != NULL, "an odd text is not among all");
        const int64_t k = found - all;
        const int has_twin = (k + 1 < n && all[k + 1] == odd[i]) || (k > 0 && all[k - 1] == odd[i]);
        if (has_twin && twins++ == 0)
            *first = i;
    }
    return twins;
}

/* A mark shows on the letter before it only. */
static int is_shown_by_number(const char *one, utf8proc_int32_t code)
{
    return kc_alike_odd(one) || utf8proc_category(code) == UTF8PROC_CATEGORY_MN;
}

const char *kc_alike_show(const char *text, char *shown, size_t size)
{
    size_t used = 0;
    for (utf8proc_ssize_t n; *text && used + sizeof "<U+10FFFF>..." < size; text += n) {
        utf8proc_int32_t code = 0;
        char one[5] = "";
        n = utf8proc_iterate((const utf8proc_uint8_t *)text, -1, &code);
        KC_CHECK(n > 0, "a text is not UTF-8");
        memcpy(one, text, (size_t)n);
        used += is_shown_by_number(one, code)
                    ? (size_t)snprintf(shown + used, size - used, "<U+%04X>", (unsigned)code)
                    : (size_t)snprintf(shown + used, size - used, "%s", one);
    }
    strcpy(shown + used, *text ? "..." : "");
    return shown;
}
