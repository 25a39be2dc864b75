/* SPDX-License-Identifier: BSD-3-Clause */
/* A table that ranks read together is the one that a rank reads alone, and so are its errors. */
#include "../comm/grids.h"
#include "../folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/kind/facts.h"
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

/* The file and what becomes of it as it is read, when rank 0 looks at the clock. */
static struct {
    const char *path;
    int64_t cut_to; /* -1: a byte is written anew */
    int done;
} change;

static double changing_clock(void)
{
    const int fd = change.done++ ? -1 : open(change.path, O_WRONLY);

    if (fd >= 0 && change.cut_to >= 0)
        assert_int_equal(ftruncate(fd, change.cut_to), 0);
    else if (fd >= 0)
        assert_int_equal(pwrite(fd, "m", 1, 0), 1);
    if (fd >= 0)
        close(fd);
    return 0;
}

/* Larger than what a checkpoint holds; a part of it has rows enough for a look at the clock. */
static int64_t write_large(const kc_grid *g, const char *path)
{
    enum { ROWS = 4 * 4096 + 100, VALUE = 1100 };

    if (g->rank == 0) {
        FILE *f = fopen(path, "wb");

        assert_non_null(f);
        for (int i = 0; i < ROWS; i++)
            fprintf(f, "n%05d\tk\t%0*d\n", i, VALUE, i % 7);
        assert_int_equal(fclose(f), 0);
    }
    kc_barrier(g);
    return ROWS * (VALUE + 10);
}

/* Read by all ranks while it changes; then this is said on all of them, and no fault of a row that is cut. */
static void changes(kc_grid *g, const char *path, int64_t cut_to, const char *says)
{
    kc_config cfg;
    kc_files files = {0};
    kc_facts *facts = kc_alloc(1, sizeof *facts, "facts");
    kc_error e = {0};
    kc_teller teller = {.out = fopen("/dev/null", "w"), .clock = changing_clock, .told = 0};

    kc_config_defaults(&cfg);
    snprintf(cfg.corpus.file, sizeof cfg.corpus.file, "%s", path);
    assert_int_equal(kc_facts_load(&cfg.corpus, &files, &e), KC_OK);
    files.readers = g;
    files.teller = g->rank == 0 ? &teller : NULL;
    change.path = path;
    change.cut_to = cut_to;
    change.done = 0;
    kc_barrier(g);
    kc_facts_table(&cfg.corpus, &files, facts, &e);
    assert_true(g->rank > 0 || change.done);
    assert_int_equal(e.code, KC_EINPUT);
    assert_string_equal(e.text, says);
    kc_fact_table_free(&facts->table);
    kc_files_free(&files);
    fclose(teller.out);
    free(facts);
}

KC_TEST(a_table_that_changes_while_it_is_read_is_no_table)
{
    kc_grid *g = *state;
    char path[64] = "";
    int64_t bytes = 0;

    if (g->rank == 0)
        snprintf(path, sizeof path, "%s/large.tsv", test_folder());
    kc_bcast(g, path, sizeof path);
    bytes = write_large(g, path);
    changes(g, path, -1,
            test_text("%s: written to while kcap read it, and of %lld bytes still; run again when "
                      "nothing writes to it",
                      path, (long long)bytes));
    for (int64_t cut_to = bytes - 1; cut_to > 0; cut_to -= bytes / 2) {
        write_large(g, path);
        changes(g, path, cut_to,
                test_text("%s: changed while kcap read it, from %lld bytes to %lld; run again when "
                          "nothing writes to it",
                          path, (long long)bytes, (long long)cut_to));
    }
    kc_barrier(g);
}

KC_TEST_MAIN(all_ranks, all_ranks_stop)
