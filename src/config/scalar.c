/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/config_internal.h"

void kc_real_print(double value, char text[32])
{
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(text, 32, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    /* YAML 1.1 readers take 1e-06 for a string and 1.0e-06 for a number. */
    char *exponent = strchr(text, 'e');
    if (exponent != NULL && strchr(text, '.') == NULL) {
        memmove(exponent + 2, exponent, strlen(exponent) + 1);
        memcpy(exponent, ".0", 2);
    }
}

void kc_value_print(const kc_config *cfg, int key, char text[KC_VALUE_MAX])
{
    const kc_key_row *row = &kc_key_rows[key];
    const char *field = (const char *)cfg + row->offset;
    if (row->type == KC_TYPE_INT)
        snprintf(text, KC_VALUE_MAX, "%" PRId64, *(const int64_t *)field);
    else if (row->type == KC_TYPE_REAL)
        kc_real_print(*(const double *)field, text);
    else if (row->type == KC_TYPE_CHOICE)
        snprintf(text, KC_VALUE_MAX, "%s", row->words[*(const int64_t *)field]);
    else
        snprintf(text, KC_VALUE_MAX, "%s", field);
}

void kc_range_print(int key, char *text, size_t size)
{
    const kc_key_row *row = &kc_key_rows[key];
    char least[32], most[32];
    int has_unit = row->unit[0] != '\0' && strcmp(row->unit, "1") != 0;
    kc_real_print(row->least, least);
    kc_real_print(row->most, most);
    if (row->type == KC_TYPE_INT)
        snprintf(text, size, "[%.0f, %.0f]%s%s", row->least, row->most, has_unit ? " " : "",
                 has_unit ? row->unit : "");
    else if (row->type == KC_TYPE_REAL)
        snprintf(text, size, "[%s, %s]%s%s", least, most, has_unit ? " " : "",
                 has_unit ? row->unit : "");
    else
        snprintf(text, size, "%s", row->type == KC_TYPE_CHOICE ? row->unit : "");
}

/* Letters first and safe characters only, and none of the words YAML 1.1 takes for other types. */
static int is_plain(const char *text)
{
    static const char *const words[] = {"true", "false", "yes",  "no", "on",
                                        "off",  "y",     "null", "n"};
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ/";
    static const char others[] = "0123456789._+-";
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcasecmp(text, words[i]) == 0)
            return 0;
    if (text[0] == '\0' || strchr(letters, text[0]) == NULL)
        return 0;
    for (const char *c = text; *c != '\0'; c++)
        if (strchr(letters, *c) == NULL && strchr(others, *c) == NULL)
            return 0;
    return 1;
}

static void write_quoted(uint32_t code, const char *bytes, int n, FILE *out)
{
    int is_break = code == 0x2028 || code == 0x2029;
    if (code == '"' || code == '\\')
        fprintf(out, "\\%c", (int)code);
    else if (code == '\n' || code == '\t')
        fputs(code == '\n' ? "\\n" : "\\t", out);
    else if (code < 0x20 || (code >= 0x7F && code <= 0xA0))
        fprintf(out, "\\x%02X", code);
    else if (is_break || code == 0xFEFF || code == 0xFFFE || code == 0xFFFF)
        fprintf(out, "\\u%04X", code);
    else
        fwrite(bytes, 1, (size_t)n, out);
}

void kc_scalar_write(const char *text, FILE *out)
{
    if (is_plain(text)) {
        fputs(text, out);
        return;
    }
    fputc('"', out);
    while (*text != '\0') {
        uint32_t code;
        int n = kc_utf8(text, &code);
        if (n == 0) { /* cannot be written as YAML; nothing that was read can hold it */
            code = (unsigned char)*text;
            n = 1;
        }
        write_quoted(code, text, n, out);
        text += n;
    }
    fputc('"', out);
}
