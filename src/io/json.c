/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/io/json.h"

#include <math.h>
#include <stdlib.h>

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
