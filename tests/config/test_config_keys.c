/* SPDX-License-Identifier: BSD-3-Clause */
/* TABLE 1 itself: defaults, ranges, help, names near enough to be meant, texts in YAML. */

#include "../test.h"

#include "config/config_internal.h"

static char *help_text(void)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    kc_config_help(out);
    fclose(out);
    return text;
}

KC_TEST(the_table_holds)
{
    kc_config cfg;
    kc_config_defaults(&cfg);
    char *help = help_text();
    for (int i = 0; i < KC_N_KEYS; i++) {
        const kc_key_row *row = &kc_key_rows[i];
        char value[KC_VALUE_MAX], name[KC_VALUE_MAX];
        kc_value_print(&cfg, i, value);
        snprintf(name, sizeof name, "\n  %s.%s ", row->section, row->name);
        assert_non_null(strstr(help, name));
        assert_non_null(strstr(help, row->help));
        assert_null(strchr(row->help, '\n')); /* it is printed as a comment */
        /* and alone, in a message of a value outside the range */
        assert_null(strstr(row->help, " above"));
        assert_true(strncmp(row->help, "the same", 8) != 0);
        /* A default is read like any other value: its own range must admit it. */
        kc_origin origin = {.path = "x"};
        origin.line[i] = 1;
        kc_error e = {0};
        kc_config read = cfg;
        if (kc_value_read(&origin, i, value, &read, &e) != KC_OK)
            fail_msg("%s", e.text);
        assert_memory_equal(&read, &cfg, sizeof cfg);
        if (row->type == KC_TYPE_INT) /* bounds and values pass through a double */
            assert_true(row->least >= -0x1p53 + 1 && row->most <= 0x1p53 - 1);
        assert_int_equal(kc_key_find(row->section, row->name), i);
        assert_int_equal(kc_key_nearest(row->section, row->name), i);
    }
    free(help);
}

KC_TEST(texts_are_quoted_where_yaml_needs_it)
{
    static const char *const cases[][2] = {{"runs/a-1.b_C+", "runs/a-1.b_C+"},
                                           {"/a", "/a"},
                                           {"", "\"\""},
                                           {"False", "\"False\""},
                                           {"12", "\"12\""},
                                           {".a", "\".a\""},
                                           {"a: b", "\"a: b\""},
                                           {" a", "\" a\""},
                                           {"a #b", "\"a #b\""},
                                           {"\"\\\n\t\x01", "\"\\\"\\\\\\n\\t\\x01\""},
                                           {"\xc3\xa9", "\"\xc3\xa9\""},
                                           {"\xef\xbb\xbf", "\"\\uFEFF\""},
                                           {"\xc2\x85", "\"\\x85\""}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *text = NULL;
        size_t bytes = 0;
        FILE *out = open_memstream(&text, &bytes);
        kc_scalar_write(cases[i][0], out);
        fclose(out);
        assert_string_equal(text, cases[i][1]);
        free(text);
    }
}

/* The commonest slip of the hand must lead back to the key. */
KC_TEST(swapped_letters_are_understood)
{
    for (int i = 0; i < KC_N_KEYS; i++) {
        const char *name = kc_key_rows[i].name;
        for (size_t c = 0; c + 1 < strlen(name); c++) {
            char slip[KC_VALUE_MAX];
            strcpy(slip, name);
            slip[c] = name[c + 1];
            slip[c + 1] = name[c];
            int nearest = kc_key_nearest(kc_key_rows[i].section, slip);
            if (nearest != i)
                fail_msg("%s.%s", kc_key_rows[i].section, slip);
        }
    }
}

KC_TEST_MAIN(NULL, NULL)
