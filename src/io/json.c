/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/io/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kcap/base/err.h"

void kc_json_put(FILE *out, cJSON *object)
{
    char *printed = cJSON_Print(object);
    KC_CHECK(printed, "out of memory");
    fprintf(out, "%s\n", printed);
    cJSON_free(printed);
    cJSON_Delete(object);
}

cJSON *kc_json_exact(double value)
{
    char digits[32];
    if (!isfinite(value))
        return cJSON_CreateNull();
    for (int n = 15; n <= 17; ++n) {
        snprintf(digits, sizeof digits, "%.*g", n, value);
        if (strtod(digits, NULL) == value)
            break;
    }
    return cJSON_CreateRaw(digits);
}

void kc_json_number(cJSON *object, const char *name, double value)
{
    if (cJSON_HasObjectItem(object, name))
        return;
    cJSON_AddItemToObject(object, name, kc_json_exact(value));
}

void kc_json_text(cJSON *object, const char *name, const char *value)
{
    cJSON_AddStringToObject(object, name, value);
}

int kc_json_whole(const cJSON *x, int64_t *n)
{
    static const double exact = 9007199254740992;
    if (!cJSON_IsNumber(x) || !(x->valuedouble >= 0 && x->valuedouble < exact) ||
        x->valuedouble != floor(x->valuedouble))
        return 0;
    *n = (int64_t)x->valuedouble;
    return 1;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char *kc_json_twice(const cJSON *object)
{
    const int n = cJSON_IsObject(object) ? cJSON_GetArraySize(object) : 0;
    const char **names = calloc((size_t)n + 1, sizeof *names), *twice = NULL;
    const cJSON *x;
    int i = 0;
    KC_CHECK(names, "out of memory for %d names", n);
    for (x = n ? object->child : NULL; x; x = x->next)
        names[i++] = x->string;
    qsort(names, (size_t)n, sizeof *names, by_text);
    for (i = 1; i < n && !twice; ++i)
        if (strcmp(names[i - 1], names[i]) == 0)
            twice = names[i];
    free(names);
    return twice;
}

/* Bytes of the character at `s`, of which `left` are there; 0: none. RFC 3629 section 4: no
 * overlong forms, no surrogates, nothing above U+10FFFF. */
static size_t utf8_length(const unsigned char *s, size_t left)
{
    const size_t n = s[0] < 0x80 ? 1 : s[0] < 0xC2 ? 0 : s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : 4;
    const unsigned char least = s[0] == 0xE0 ? 0xA0 : s[0] == 0xF0 ? 0x90 : 0x80;
    const unsigned char most = s[0] == 0xED ? 0x9F : s[0] == 0xF4 ? 0x8F : 0xBF;
    if (n == 0 || n > left || s[0] > 0xF4)
        return 0;
    for (size_t i = 1; i < n; ++i)
        if (s[i] < (i == 1 ? least : 0x80) || s[i] > (i == 1 ? most : 0xBF))
            return 0;
    return n;
}

int64_t kc_json_utf8(const char *text, size_t bytes)
{
    for (size_t at = 0, n; at < bytes; at += n) {
        n = utf8_length((const unsigned char *)text + at, bytes - at);
        if (n == 0)
            return (int64_t)at;
    }
    return -1;
}
