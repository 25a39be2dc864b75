/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <string.h>

#include "config/config_internal.h"

#define KC_BAR(key, word, ...)    "|" #word
#define KC_QUOTED(key, word, ...) #word,
/* What a type makes of its default and its unit; a CHOICE has words there. */
#define KC_PLAIN(type_, def_, unit_) .def = &(const kc_key_##type_){def_}, .unit = unit_,
#define KC_ROW_INT(key, def, unit)   KC_PLAIN(INT, def, unit)
#define KC_ROW_REAL(key, def, unit)  KC_PLAIN(REAL, def, unit)
#define KC_ROW_TEXT(key, def, unit)  KC_PLAIN(TEXT, def, unit)
#define KC_ROW_PATH(key, def, unit)  KC_PLAIN(PATH, def, unit)
#define KC_ROW_CHOICE(key, def, words_)                                                            \
    KC_PLAIN(CHOICE, key##_##def, &words_(KC_BAR, )[1]).words =                                    \
        (const char *const[]){words_(KC_QUOTED, ) NULL},
#define KC_ROW(section_, name_, ...)                                                               \
    KC_ROW_AT(#section_, section_.name_, section_, name_, __VA_ARGS__)
#define KC_ROW_AT(said, field, section_, name_, type_, def_, least_, most_, unit_, effect_, help_) \
    {.section = said,                                                                              \
     .name = #name_,                                                                               \
     .type = KC_TYPE_##type_,                                                                      \
     .least = least_,                                                                              \
     .most = most_,                                                                                \
     .effect = KC_EFFECT_##effect_,                                                                \
     .help = help_,                                                                                \
     .offset = offsetof(kc_config, field),                                                         \
     .bytes = sizeof(kc_key_##type_),                                                              \
     KC_ROW_##type_(KC_##section_##_##name_, def_, unit_)},
#define KC_ROWS(section) KC_KEYS_##section(KC_ROW)
/* Of a later part: the n-th. */
#define KC_ROW_2(section, name, ...)                                                               \
    KC_ROW_AT("corpus.2", later[0].name, section, name, __VA_ARGS__)
#define KC_ROW_3(section, name, ...)                                                               \
    KC_ROW_AT("corpus.3", later[1].name, section, name, __VA_ARGS__)
#define KC_ROW_4(section, name, ...)                                                               \
    KC_ROW_AT("corpus.4", later[2].name, section, name, __VA_ARGS__)
#define KC_ROW_5(section, name, ...)                                                               \
    KC_ROW_AT("corpus.5", later[3].name, section, name, __VA_ARGS__)
#define KC_ROW_6(section, name, ...)                                                               \
    KC_ROW_AT("corpus.6", later[4].name, section, name, __VA_ARGS__)
#define KC_ROW_7(section, name, ...)                                                               \
    KC_ROW_AT("corpus.7", later[5].name, section, name, __VA_ARGS__)
#define KC_ROW_8(section, name, ...)                                                               \
    KC_ROW_AT("corpus.8", later[6].name, section, name, __VA_ARGS__)
const kc_key_row kc_key_rows[KC_N_PLACES] = {
    KC_SECTIONS(KC_ROWS) KC_KEYS_corpus(KC_ROW_2) KC_KEYS_corpus(KC_ROW_3) KC_KEYS_corpus(KC_ROW_4)
        KC_KEYS_corpus(KC_ROW_5) KC_KEYS_corpus(KC_ROW_6) KC_KEYS_corpus(KC_ROW_7)
            KC_KEYS_corpus(KC_ROW_8)};
_Static_assert(KC_PARTS_MAX == 8, "rows of later parts");

#define KC_NAME(section) #section,
const char *const kc_section_names[KC_N_SECTIONS] = {KC_SECTIONS(KC_NAME)};

enum { WORD_MAX = 64 };

int64_t kc_config_width(const kc_config *cfg)
{
    return cfg->model.width ? cfg->model.width : cfg->model.heads * cfg->model.head_dim;
}

int kc_config_keys(const kc_config *cfg)
{
    return KC_N_KEYS + ((int)cfg->parts - 1) * KC_N_corpus;
}

int kc_key_find(const char *section, const char *name)
{
    if (strcmp(section, "corpus.1") == 0)
        section = "corpus";
    for (int i = 0; i < KC_N_PLACES; i++)
        if (strcmp(kc_key_rows[i].section, section) == 0 && strcmp(kc_key_rows[i].name, name) == 0)
            return i;
    return -1;
}

int kc_section_find(const char *section)
{
    for (int i = 0; i < KC_N_SECTIONS; i++)
        if (strcmp(kc_section_names[i], section) == 0)
            return i;
    return -1;
}

static int least_of(int a, int b)
{
    return a < b ? a : b;
}

/* Insertions, deletions, exchanges and swaps of neighbours that lead from a to b (optimal string
 * alignment); only the first WORD_MAX bytes count. */
static int distance(const char *a, const char *b)
{
    int d[WORD_MAX + 1][WORD_MAX + 1];
    int n = (int)strnlen(a, WORD_MAX), m = (int)strnlen(b, WORD_MAX);
    for (int i = 0; i <= n; i++)
        d[i][0] = i;
    for (int j = 0; j <= m; j++)
        d[0][j] = j;
    for (int i = 1; i <= n; i++) {
        for (int j = 1; j <= m; j++) {
            d[i][j] = least_of(d[i - 1][j], d[i][j - 1]) + 1;
            d[i][j] = least_of(d[i][j], d[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                d[i][j] = least_of(d[i][j], d[i - 2][j - 2] + 1);
        }
    }
    return d[n][m];
}

int kc_key_nearest(const char *section, const char *name)
{
    int best = 0, best_score = 4 * WORD_MAX;
    for (int i = 0; i < KC_N_KEYS; i++) {
        const kc_key_row *row = &kc_key_rows[i];
        /* A quarter for the section: the right name elsewhere wins over a similar one here. */
        int score = 4 * distance(name, row->name) + least_of(3, distance(section, row->section));
        if (score < best_score) {
            best_score = score;
            best = i;
        }
    }
    return best;
}

void kc_section_nearest(const char *section, char *text, size_t size)
{
    int best = 0, best_score = 4 * WORD_MAX;
    for (int i = 0; i < KC_N_SECTIONS; i++) {
        int score = distance(section, kc_section_names[i]);
        if (score < best_score) {
            best_score = score;
            best = i;
        }
    }
    snprintf(text, size, "%s", kc_section_names[best]);
    const kc_key_row *row = &kc_key_rows[kc_key_nearest("", section)];
    if (distance(section, row->name) < best_score)
        snprintf(text, size, "%s.%s", row->section, row->name);
}
