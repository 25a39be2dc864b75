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

static void print_key(const kc_config *cfg, int key, int help, FILE *out)
{
    const kc_key_row *row = &kc_key_rows[key];
    char text[KC_VALUE_MAX];
    kc_value_print(cfg, key, text);
    fprintf(out, "%s: ", row->name);
    if (row->type == KC_TYPE_INT || row->type == KC_TYPE_REAL)
        fputs(text, out);
    else
        kc_scalar_write(text, out);
    if (help)
        print_help(key, out);
    fputc('\n', out);
}

/* The parts of a corpus of several as a list. How often the others are shown follows from the pace of one. */
static void print_parts(const kc_config *cfg, int help, FILE *out)
{
    for (int64_t part = 0; part < cfg->parts; ++part) {
        for (int i = 0; i < KC_N_corpus; ++i) {
            const int key = kc_key_of_part(KC_FIRST_corpus + i, (int)part);
            if (part != kc_config_pace(cfg) && KC_FIRST_corpus + i == KC_AT_corpus_exposures)
                continue;
            fputs(i == 0 ? "  - " : "    ", out);
            print_key(cfg, key, help, out);
        }
    }
}

void kc_config_print(const kc_config *cfg, int help, FILE *out)
{
    const char *section = "";
    for (int i = 0; i < KC_N_KEYS; i++) {
        const int begins = strcmp(section, kc_key_rows[i].section) != 0;
        const int listed = cfg->parts > 1 && KC_IS_OF_corpus(i);
        if (begins)
            fprintf(out, "%s:\n", section = kc_key_rows[i].section);
        if (listed && begins)
            print_parts(cfg, help, out);
        if (listed)
            continue;
        fputs("  ", out);
        print_key(cfg, i, help, out);
    }
}

char *kc_config_yaml(const kc_config *cfg)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    KC_CHECK(out != NULL, "no memory for the text of a configuration");
    kc_config_print(cfg, 0, out);
    KC_CHECK(fclose(out) == 0, "no memory for the text of a configuration");
    return text;
}

/* Keys that say what they say by default are left out, so that a key which is added later changes no
 * hash of what was there before it. */
static char *said_text(const kc_config *cfg, int bits_only, size_t *bytes)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, bytes);
    kc_config plain;
    kc_config_defaults(&plain);
    KC_CHECK(out != NULL, "no memory for the text of a configuration");
    for (int i = 0; i < kc_config_keys(cfg); ++i) {
        const kc_key_row *row = &kc_key_rows[i];
        if ((bits_only && row->effect != KC_EFFECT_BITS) ||
            memcmp((const char *)cfg + row->offset, (const char *)&plain + row->offset,
                   row->bytes) == 0)
            continue;
        fprintf(out, "%s.", row->section);
        print_key(cfg, i, 0, out);
    }
    KC_CHECK(fclose(out) == 0, "no memory for the text of a configuration");
    return text;
}

static void hash_yaml(const kc_config *cfg, int bits_only, char hash[17])
{
    size_t bytes = 0;
    char *text = said_text(cfg, bits_only, &bytes);
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
    if (here.parts != there.parts) {
        snprintf(text, size, "corpus: %lld parts in %s, %lld in %s", (long long)here.parts, first,
                 (long long)there.parts, second);
        return 1;
    }
    for (int i = 0; i < kc_config_keys(&here); i++) {
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
