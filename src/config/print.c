/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "config/config_internal.h"

static void print_help(int key, FILE *out)
{
    char range[KC_VALUE_MAX];
    kc_range_print(key, range, sizeof range);
    fprintf(out, "  # %s%s%s", range, range[0] != '\0' ? ": " : "", kc_key_rows[key].help);
}

/* Does a key enter the hash? */
static int is_hashed(const kc_config *cfg, const kc_key_row *row)
{
    const char *field = (const char *)cfg + row->offset;
    if (row->effect != KC_EFFECT_LATER)
        return row->effect == KC_EFFECT_BITS;
    return row->type == KC_TYPE_TEXT || row->type == KC_TYPE_PATH
               ? strcmp(field, row->def) != 0
               : memcmp(field, row->def, row->bytes) != 0;
}

static void print_keys(const kc_config *cfg, int help, int bits_only, FILE *out)
{
    const char *section = "";
    for (int i = 0; i < KC_N_KEYS; i++) {
        const kc_key_row *row = &kc_key_rows[i];
        char text[KC_VALUE_MAX];
        if (bits_only && !is_hashed(cfg, row))
            continue;
        if (strcmp(section, row->section) != 0)
            fprintf(out, "%s:\n", section = row->section);
        kc_value_print(cfg, i, text);
        fprintf(out, "  %s: ", row->name);
        if (row->type == KC_TYPE_INT || row->type == KC_TYPE_REAL)
            fputs(text, out);
        else
            kc_scalar_write(text, out);
        if (help)
            print_help(i, out);
        fputc('\n', out);
    }
}

static char *yaml_text(const kc_config *cfg, int bits_only, size_t *bytes)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, bytes);
    KC_CHECK(out != NULL, "no memory for the text of a configuration");
    print_keys(cfg, 0, bits_only, out);
    KC_CHECK(fclose(out) == 0, "no memory for the text of a configuration");
    return text;
}

void kc_config_print(const kc_config *cfg, int help, FILE *out)
{
    print_keys(cfg, help, 0, out);
}

char *kc_config_yaml(const kc_config *cfg)
{
    size_t bytes = 0;
    return yaml_text(cfg, 0, &bytes);
}

static void hash_yaml(const kc_config *cfg, int bits_only, char hash[17])
{
    size_t bytes = 0;
    char *text = yaml_text(cfg, bits_only, &bytes);
    snprintf(hash, 17, "%016" PRIx64, (uint64_t)XXH3_64bits(text, bytes));
    free(text);
}

void kc_config_hash(const kc_config *cfg, char hash[17])
{
    const kc_config settled = kc_config_settled(cfg);
    hash_yaml(&settled, 1, hash);
}

void kc_config_hash_all(const kc_config *cfg, char hash[17])
{
    kc_config settled = kc_config_settled(cfg);
    settled.run.name[0] = settled.run.out[0] = 0;
    hash_yaml(&settled, 0, hash);
}

int kc_config_differs(const kc_config *a, const kc_config *b, const char *first, const char *second,
                      char *text, size_t size)
{
    const kc_config here = kc_config_settled(a), there = kc_config_settled(b);
    for (int i = 0; i < KC_N_KEYS; i++) {
        const kc_key_row *row = &kc_key_rows[i];
        char left[KC_VALUE_MAX], right[KC_VALUE_MAX];
        if (row->effect == KC_EFFECT_FREE)
            continue;
        kc_value_print(&here, i, left);
        kc_value_print(&there, i, right);
        if (strcmp(left, right) != 0) {
            snprintf(text, size, "%s.%s: %s in %s, %s in %s", row->section, row->name, left, first,
                     right, second);
            return 1;
        }
    }
    return 0;
}

void kc_config_help(FILE *out)
{
    kc_config cfg;
    const char *section = "";
    kc_config_defaults(&cfg);
    for (int i = 0; i < KC_N_KEYS; i++) {
        const kc_key_row *row = &kc_key_rows[i];
        char name[KC_SHOWN_MAX], value[KC_VALUE_MAX], range[KC_VALUE_MAX];
        if (strcmp(section, row->section) != 0)
            fprintf(out, "%s%s\n", section[0] != '\0' ? "\n" : "", row->section);
        section = row->section;
        snprintf(name, sizeof name, "%s.%s", row->section, row->name);
        kc_value_print(&cfg, i, value);
        kc_range_print(i, range, sizeof range);
        fprintf(out, "  %-26s %-8s %-32s %s\n", name, value[0] != '\0' ? value : "-", range,
                row->help);
    }
}
