/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/io/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kcap/base/err.h"

void kc_json_put(FILE *out, cJSON *object)
{
    char *printed = cJSON_Print(object);
    KC_ROOM(printed, "out of memory");
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

/* cJSON takes \u0000, and the text would end there. */
static int has_zero(const char *from, const char *end)
{
    for (; (from = memchr(from, '\\', (size_t)(end - from))); from += 2)
        if (strncmp(from, "\\u0000", 6) == 0)
            return 1;
    return 0;
}

const char *kc_json_text_at(const char *at, char *to, size_t room)
{
    enum { ESCAPED = 6 }; /* bytes of a file that stand for one of the text */
    const char *end = NULL;
    cJSON *value = cJSON_ParseWithLengthOpts(at, strnlen(at, ESCAPED * room), &end, 0);
    const char *text = cJSON_GetStringValue(value);
    const int fits = text && strlen(text) < room && !has_zero(at, end);
    if (fits)
        strcpy(to, text);
    cJSON_Delete(value);
    return fits ? end : NULL;
}

const char *kc_json_count_at(const char *at, int64_t below, int64_t *count)
{
    enum { DIGITS = 64 };
    const char *end = NULL;
    cJSON *value = cJSON_ParseWithLengthOpts(at, strnlen(at, DIGITS), &end, 0);
    const double number = cJSON_IsNumber(value) ? value->valuedouble : -1;
    const int is_count = number >= 0 && number < (double)below && number == floor(number);
    if (is_count)
        *count = (int64_t)number;
    cJSON_Delete(value);
    return is_count ? end : NULL;
}
