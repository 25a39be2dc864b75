/* SPDX-License-Identifier: BSD-3-Clause */
/* A table that ranks read together is the one that a rank reads alone, and so are its errors. */
#include "../comm/grids.h"
#include "../folder.h"

#include <sys/stat.h>

#include "data/text/fact_table.h"
#include "kcap/base/plain.h"
#include "kcap/base/rng.h"

enum { TEXT_MOST = 1 << 14, TABLES = 150 };

/* All that is in a table, or the error. */
static char *told(const kc_fact_table *t, const kc_error *e)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);

    assert_non_null(out);
    fprintf(out, "%d %s\n", e->code, e->text);
    for (int32_t i = 0; e->code == KC_OK && i < t->name.n; i++) {
        fprintf(out, "%s, line %d\n", kc_vocab_word(&t->name, i), t->line[i]);
        for (int64_t r = t->begin[i]; r < t->begin[i + 1]; r++) {
            const int a = t->of_attribute[r];

            fprintf(out, "  %d %s: %d %s\n", a, kc_vocab_word(&t->attribute, a), t->of_value[r],
                    kc_vocab_word(&t->value[a], t->of_value[r]));
        }
    }
    if (e->code == KC_OK)
        fprintf(out, "%lld, %lld, %s\n%lld, %s\n", (long long)t->n_duplicates,
                (long long)t->n_contradictions, t->contradiction, (long long)t->n_twins, t->twin);
    fclose(out);
    return kc_test_owns(text, free);
}

static char *read_by(const kc_grid *g, const char *path, const char *called, int64_t most)
{
    kc_fact_table t;
    kc_error e = {0};
    struct stat s;
    FILE *f = fopen(path, "rb");

    assert_non_null(f);
    assert_int_equal(fstat(fileno(f), &s), 0);
    if (g)
        kc_fact_table_read_together(g, called, f, s.st_size, most, NULL, &t, &e);
    else
        kc_fact_table_read(called, f, most, NULL, &t, &e);
    char *text = told(&t, &e);
    kc_fact_table_free(&t);
    fclose(f);
    return text;
}

/* Rank 0's text, read by all and by it alone, in a file of this name. Says what it is. */
static const char *same(const kc_grid *g, const char *folder, const char *called, const char *text,
                        size_t bytes, int64_t most)
{
    char path[64] = "";
    const char *alone = "";

    if (g->rank == 0) {
        snprintf(path, sizeof path, "%s/table", folder);
        FILE *f = fopen(path, "wb");

        assert_non_null(f);
        assert_int_equal(fwrite(text, 1, bytes, f), bytes);
        assert_int_equal(fclose(f), 0);
        alone = read_by(NULL, path, called, most);
    }
    kc_bcast(g, path, sizeof path);
    const char *together = read_by(g, path, called, most);
    if (g->rank == 0 && strcmp(together, alone) != 0)
        fail_msg("%d ranks read\n%s\none reads\n%s\nof\n%.3000s", g->size, together, alone, text);
    return alone;
}

/* The same, and rank 0 sees these words. */
static void reads(const kc_grid *g, const char *called, const char *text, const char *says)
{
    const char *folder = g->rank == 0 ? test_folder() : "";
    const char *is = same(g, folder, called, text, strlen(text), 0);

    if (g->rank == 0 && !strstr(is, says))
        fail_msg("no '%s' in\n%s\nof\n%.3000s", says, is, text);
}

KC_TEST(odd_tables_are_the_same_on_any_ranks)
{
    const kc_grid *g = *state;

    reads(g, "x.tsv", "a\tk\tv", "a, line 1\n  0 k: 0 v\n");
    reads(g, "x", "a\tk\tv\nb\tk\tw\n", "b, line 2\n  0 k: 1 w\n");
    reads(g, "x.csv", "\xef\xbb\xbfname,attribute,value\r\na,k,v\r\n\r\nb,k,\"v\r\nw\"\r\nc,k,v",
          "c, line 6");
    reads(g, "x.csv", "\n\n\n\n\n\n\n\n\n\n\n\n\n\nvalue,attribute,name\nv,k,a\n", "a, line 16");
    reads(g, "x.csv", "\n\n\n", "no facts in it");
    reads(g, "x.csv", "", "no facts in it");
    reads(g, "x.csv", "name,attribute,value\n", "no facts in it");
    reads(g, "x.csv",
          "a,5\" pipe,v\nb,k,\"w\n,\"\"\n\n\"\nc,k,\"\n,\n,\n\"\"\"\nd,k,v\nd,k,v\nd,k,w\n",
          "1, 1, `d`, k: `v` stands, `w` does not");
}

KC_TEST(the_first_fault_of_a_table_is_told)
{
    const kc_grid *g = *state;
    char *many = test_room(1 << 12, 1), *at = many;

    reads(g, "x.csv", "a,k,v\nb,k,\"w\n\n\n\n\n\n\n\nc,k,v\n", "x.csv:2: a quotation mark");
    reads(g, "x.csv", "a,k,v\nb,k,w\nc,k\nd,k,v\ne\nf,k,\"v\n", "x.csv:3: 2 columns");
    for (int i = 0; i < 100; i++)
        at += sprintf(at, "a,k%d,v\n", i);
    strcpy(at, "a\n");
    reads(g, "x.csv", many, "x.csv:65: `k64` is attribute number 65");
}

KC_TEST(a_row_may_be_longer_than_a_rank_s_part)
{
    const kc_grid *g = *state;
    char *row = test_room(2 * KC_LINE_MOST + 100, 1);

    memset(row, 'x', KC_LINE_MOST - 10);
    memcpy(row, "a,k,", 4);
    strcpy(row + KC_LINE_MOST - 10, "\nb,k,v\n");
    reads(g, "x.csv", row, "b, line 2");
    memset(row, 'x', 2 * KC_LINE_MOST);
    reads(g, "x.csv", row, "x.csv:1: a line of more than 1048576 bytes");
}

/* Pieces that a table may be made of, those that make most tables right more often. */
static size_t draw(uint64_t table, char *text)
{
    static const char *const cells[] = {"a",
                                        "b b",
                                        "c",
                                        "5\" x",
                                        "\"q\"",
                                        "\"q,\nr\"",
                                        "\"\"\"\n\n\"",
                                        "\"s\r\n\"\"t\"\" \"",
                                        "\xc3\xa9",
                                        "e\xcc\x81",
                                        "\"e",
                                        "",
                                        "\xff",
                                        "<eos>"};
    const int n_cells = table % 3 ? 10 : (int)(sizeof cells / sizeof *cells);
    const char *const end = table % 4 == 1 ? "\r\n" : "\n";
    char *at = text;
    uint32_t i = 0;

#define DRAWN_OF(n) ((int)kc_rand_below(7, KC_STREAM_TEXT, table, i++, (uint64_t)(n)))
    if (table % 2)
        at += sprintf(at, "attribute,name,value%s", end);
    for (int rows = DRAWN_OF(30); rows > 0; rows--) {
        at += sprintf(at, "%s,", cells[DRAWN_OF(n_cells)]);
        at += sprintf(at, "%s,", cells[DRAWN_OF(n_cells)]);
        at += sprintf(at, "%s", cells[DRAWN_OF(n_cells)]);
        at += sprintf(at, "%s%s", rows == 1 && table % 5 == 0 ? "" : end, DRAWN_OF(8) ? "" : end);
    }
    *at = 0;
    return (size_t)(at - text);
}

KC_TEST(drawn_tables_are_the_same_on_any_ranks)
{
    const kc_grid *g = *state;
    const char *folder = g->rank == 0 ? test_folder() : "";
    char *text = test_room(TEXT_MOST, 1);
    int right = 0;

    for (int i = 0; i < TABLES; i++) {
        const size_t bytes = draw((uint64_t)i, text);

        right += same(g, folder, "x.csv", text, bytes, i % 7 == 6 ? 3 : 0)[0] == '0';
    }
    assert_true(g->rank > 0 || (right > TABLES / 4 && right < TABLES));
}

KC_TEST_MAIN(all_ranks, all_ranks_stop)
