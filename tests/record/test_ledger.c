/* SPDX-License-Identifier: BSD-3-Clause */
/* A file of rows: they are there again, up to one that is damaged; other work and other files are refused and left as
 * they are. */
#include <math.h>

#include "../comm/grids.h"
#include "sandbox.h"

#include "kcap/record/ledger.h"

enum { MOST = 5, WIDTH = 3, ROW = 1 + WIDTH };

/* What a test calls a ledger's work: terms, kernels, and the rows it has. */
typedef struct work {
    kc_schema terms, rows;
    kc_stamp stamp;
    struct {
        int64_t steps;
        double rate;
    } how;
    double row[MOST * ROW];
    kc_ledger_table table;
    char *path;
} work;

static void work_end(void *what)
{
    work *w = what;
    kc_schema_free(&w->terms);
    kc_schema_free(&w->rows);
    free(w);
}

static work *work_of(char *path)
{
    static const kc_column terms[] = {
        {.name = "steps", .type = KC_VALUE_INT, .unit = "step", .help = "taken"},
        {.name = "rate", .type = KC_VALUE_REAL, .unit = "1", .help = "first"}};
    static const kc_column rows[] = {
        {.name = "task", .type = KC_VALUE_INT, .unit = "1", .help = "which"},
        {.name = "found", .type = KC_VALUE_REAL, .width = WIDTH, .unit = "1", .help = "what"}};
    work *w = kc_test_owns(kc_alloc(1, sizeof *w, "work"), work_end);
    kc_schema_create(&w->terms, "/how", 1, terms, 2);
    kc_schema_create(&w->rows, "/rows", 2, rows, 2);
    w->stamp = sandbox_stamp();
    w->how.steps = 7;
    w->how.rate = 0.1;
    w->table = (kc_ledger_table){.schema = &w->rows, .rows = w->row, .most = MOST};
    w->path = path;
    return w;
}

static kc_ledger *open_it(const kc_grid *g, work *w, kc_error *e)
{
    kc_ledger *l = NULL;
    const kc_ledger_plan plan = {w->path, &w->stamp, &w->terms, &w->how, 1, &w->table};
    kc_ledger_open(g, &plan, &l, e);
    return l;
}

/* Find rows up to `upto`, after holding those that are there against what they must be. */
static void go_on(const kc_grid *g, work *w, int64_t there, int64_t upto)
{
    kc_error e = {0};
    kc_ledger *l = open_it(g, w, &e);
    if (!l)
        fail_msg("%s", e.text);
    assert_int_equal(w->table.done, there);
    for (int64_t i = 0; i < upto; ++i) {
        double row[ROW] = {0, 0.5 + (double)i, NAN, -1.0 / (double)(i + 1)};
        memcpy(row, &i, sizeof i);
        if (i < there)
            assert_memory_equal(w->row + i * ROW, row, sizeof row);
        else
            assert_int_equal(kc_ledger_add(l, 0, row, 1, &e), KC_OK);
    }
    assert_int_equal(kc_ledger_close(l, &e), KC_OK);
}

static void refused(const kc_grid *g, work *w, const char *why)
{
    kc_error e = {0};
    assert_null(open_it(g, w, &e));
    assert_int_equal(e.code, KC_EINPUT);
    if (!strstr(e.text, why))
        fail_msg("'%s' does not say '%s'", e.text, why);
}

KC_TEST(rows_are_there_again)
{
    work *w = work_of(test_text("%s/new/rows.h5", test_folder()));
    go_on(*state, w, 0, 2);
    go_on(*state, w, 2, 2);
    go_on(*state, w, 2, MOST);
    go_on(*state, w, MOST, MOST);
}

KC_TEST(rows_are_taken_up_to_a_damaged_one)
{
    work *w = work_of(test_text("%s/rows.h5", test_folder()));
    go_on(*state, w, 0, 4);
    assert_int_equal(
        system(test_text(
            "/usr/bin/python3 -c \"import h5py; h5py.File('%s', 'a')['rows/found'][2, 0] = 9\"",
            w->path)),
        0);
    go_on(*state, w, 2, 3);
    go_on(*state, w, 3, 3);
}

KC_TEST(other_work_is_refused)
{
    const char *folder = test_folder();
    work *w = work_of(test_text("%s/rows.h5", folder));
    go_on(*state, w, 0, 2);
    w->how.steps = 8;
    refused(*state, w, "steps (taken) is 7 in it, 8 now; go on as it began");
    w->how.steps = 7;
    w->how.rate = 0.2;
    refused(*state, w, "rate (first) is 0.10000000000000001 in it, 0.20000000000000001 now");
    w->how.rate = 0.1;
    w->stamp.kernel = "blis";
    refused(*state, w, "made with zen3 kernels, these are blis");
    w->stamp.kernel = "zen3";
    w->path = test_text("%s/text", folder);
    FILE *f = fopen(w->path, "w");
    fputs("not HDF5", f);
    fclose(f);
    refused(*state, w, "cannot open it as HDF5");
    assert_int_equal(sandbox_count(folder, ""), 2 + 2); /* and . and .. */
    w->path = test_text("%s/rows.h5", folder);
    go_on(*state, w, 2, 2);
}

KC_TEST_MAIN(all_ranks, all_ranks_stop)
