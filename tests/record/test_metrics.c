/* SPDX-License-Identifier: BSD-3-Clause */

#include <math.h>
#include <sys/wait.h>
#include <time.h>

#include "kcap/record/metrics.h"
#include "kcap/record/reader.h"
#include "record/table.h"
#include "sandbox.h"

enum { ATTRIBUTES = 3, LOADS = 8, MEASURES = 2 };

/* Two measures: one of every kind of column, one of hardly any. */
typedef struct schemas {
    kc_schema steps, of[MEASURES];
    const kc_schema *list[MEASURES];
} schemas;

static void schemas_end(void *what)
{
    schemas *s = what;
    kc_schema_free(&s->steps);
    for (int i = 0; i < MEASURES; ++i)
        kc_schema_free(&s->of[i]);
    free(s);
}

static schemas *schemas_create(void)
{
    static const char *const names[ATTRIBUTES] = {"name", "birth_date", "city"};
    static const kc_column columns[] = {
        KC_COLUMNS_EVENT(KC_COLUMN_ROW){"nats", KC_VALUE_REAL, 0, "nat", "a value", 0},
        {"hits", KC_VALUE_INT, 0, "1", "a whole one", 0},
        {"absent", KC_VALUE_REAL, KC_NO_COLUMN, "1", "not in this run", 0},
        {"attribute_nats", KC_VALUE_REAL, ATTRIBUTES, "nat", "a list", 0},
        {"attribute_hits", KC_VALUE_INT, ATTRIBUTES, "1", "a list of whole ones", 0},
        {"load", KC_VALUE_REAL, LOADS, "1", "a list without labels", 0}};
    schemas *s = kc_test_owns(kc_alloc(1, sizeof *s, "schemas"), schemas_end);
    kc_schema_steps(&s->steps);
    kc_schema_create(&s->of[0], "/measure", 64, columns, sizeof columns / sizeof *columns);
    kc_schema_create(&s->of[1], "/recall", 64, columns, 6);
    memcpy(kc_schema_label(&s->of[0], ATTRIBUTES), names, sizeof names);
    assert_int_equal(s->of[0].n, sizeof columns / sizeof *columns - 1);
    assert_int_equal(s->of[0].row_values, 6 + 2 * ATTRIBUTES + LOADS);
    assert_null(kc_row_at(&s->of[0], s, "absent"));
    for (int i = 0; i < MEASURES; ++i)
        s->list[i] = &s->of[i];
    return s;
}

/* A row of a step: each value is its own. */
static double *make_row(const kc_schema *s, int64_t step)
{
    double *row = kc_row_create(s);
    for (int i = 0; i < s->n; ++i) {
        const kc_column *c = &s->column[i];
        for (int64_t k = 0; k < (c->width ? c->width : 1); ++k)
            if (c->type == KC_VALUE_INT)
                ((int64_t *)row)[c->at + k] = step * (i + 2) + k;
            else
                row[c->at + k] = (double)step + (double)k + 1.0 / (i + 2);
    }
    *(int64_t *)row = step;
    return row;
}

/* What a child process does: MPI cannot be started twice in one, and some are to be killed. */
typedef struct job {
    const char *dir, *history;
    int64_t upto, first, last; /* rows to write: first ... last; endless when last is 0 */
    rlim_t limit;
    int pipe;     /* says after each flush which step it reached; -1: nobody listens */
    int finishes; /* closes the file                                                 */
} job;

static int append(const job *j, const schemas *all, kc_metrics *m, kc_error *e)
{
    for (int64_t s = j->first; j->last == 0 || s <= j->last; ++s) {
        double *row = make_row(&all->steps, s);
        kc_metrics_step(m, (const kc_step_row *)row, e);
        free(row);
        for (int i = 0; i < MEASURES && s % 10 == 0 && e->code == KC_OK; ++i) {
            row = make_row(&all->of[i], s);
            kc_metrics_event(m, i, row, e);
            free(row);
        }
        KC_TRY(e->code);
        if (s % 25 == 0) {
            KC_TRY(kc_metrics_flush(m, e));
            if (j->pipe >= 0 && write(j->pipe, &s, sizeof s) != sizeof s)
                abort();
        }
    }
out:
    return e->code;
}

static int work(const job *j, const kc_grid *g, kc_error *e)
{
    kc_metrics *m = NULL;
    kc_stamp stamp = sandbox_stamp();
    schemas *all = schemas_create();
    KC_TRY(kc_metrics_create(g, j->dir, &stamp, all->list, MEASURES, j->history, j->upto, &m, e));
    if (j->limit)
        sandbox_limit(j->limit);
    append(j, all, m, e);
    if (j->limit && e->code == KC_OK)
        abort();
    if (j->limit) { /* broken for good: a later call repeats the first cause, and so does the end */
        kc_error again = {0};
        const kc_step_row row = {.step = 1};
        if (kc_metrics_step(m, &row, &again) != KC_EIO || strcmp(again.text, e->text) != 0)
            abort();
    }
    if (j->finishes && kc_metrics_close(m, e) != e->code)
        abort();
out:
    return e->code;
}

static pid_t spawn(const job *j)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    kc_grid g;
    kc_error e = {0};
    test_start_mpi(&g);
    int code = work(j, &g, &e);
    FILE *out = NULL;
    char path[128];
    snprintf(path, sizeof path, "%s/error", j->dir);
    if ((out = fopen(path, "w")) != NULL && !j->limit) {
        fputs(e.text, out);
        fclose(out);
    } else if (j->limit) {
        fputs(strstr(e.text, "File too large") && strstr(e.text, "run.h5") ? "" : e.text, stderr);
        code = strstr(e.text, "File too large") && strstr(e.text, "run.h5") ? code : 99;
    }
    test_stop_mpi(&g); /* must not fall over a file that could not be written */
    exit(code);
}

static int exit_code(pid_t pid)
{
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static int run(const job *j)
{
    return exit_code(spawn(j));
}

/* Rows of a group: one for each `every` steps, all values as written; up to step `upto` those of the
 * columns named in `gone` are missing. */
static int64_t check_group(kc_h5 *f, const kc_schema *s, int64_t every, int64_t at_least,
                           const char *gone, int64_t upto)
{
    kc_error e = {0};
    kc_table t;
    if (kc_table_open(&t, f, s, &e) != KC_OK)
        fail_msg("%s", e.text);
    assert_true(t.n_rows >= at_least / every);
    const int64_t n = t.n_rows;
    void *found = kc_row_create(s);
    for (int64_t i = 0; i < n; ++i) {
        const int64_t step = every * (i + 1);
        double *expected = make_row(s, step);
        for (int k = 0; k < s->n; ++k)
            if (step <= upto && strstr(gone, s->column[k].name))
                kc_value_missing(s->column[k].type, expected + s->column[k].at,
                                 s->column[k].width ? s->column[k].width : 1);
        assert_int_equal(kc_table_read(&t, i, 1, found, &e), KC_OK);
        assert_memory_equal(found, expected, kc_row_bytes(s));
        free(expected);
    }
    free(found);
    kc_table_close(&t, &e);
    return n;
}

/* Read a run.h5 by our own reader: steps 1 ... n, events at each tenth. */
static int64_t check_rows(const char *dir, int closed, int64_t at_least)
{
    kc_error e = {0};
    kc_h5 f;
    char path[128];
    schemas *all = schemas_create();
    snprintf(path, sizeof path, "%s/run.h5", dir);
    if (kc_h5_open(&f, path, &e) != KC_OK)
        fail_msg("%s", e.text);
    assert_int_equal(f.left_open, !closed);
    const int64_t n = check_group(&f, &all->steps, 1, at_least, "", 0);
    for (int i = 0; i < MEASURES; ++i)
        check_group(&f, &all->of[i], 10, at_least, "", 0);
    assert_int_equal(kc_h5_close(&f, &e), KC_OK);
    return n;
}

/* The same by h5py, as a user reads it. A kill may fall between two columns, one of which then has
 * rows that the other lacks: a killed file is read up to its shortest column, a closed one whole. */
static void check_by_h5py(const char *dir, int closed, int64_t n)
{
    static const char script[] =
        "closed, n = %d, %lld\n"
        "f = h5py.File('%s/run.h5', 'r', **({} if closed else dict(libver='latest', swmr=True)))\n"
        "rows = [len(d) for d in f['steps'].values()]\n"
        "assert min(rows) == n and (max(rows) == n or not closed), rows\n"
        "s = f['steps/step'][:n]\n"
        "assert (s == range(1, n + 1)).all(), s\n"
        "assert (f['steps/loss'][:n] == s + 0.2).all()\n"
        "assert f.attrs['config'] == 'model:\\n  layers: 2 # \\u00e4\\n'\n"
        "assert f.attrs['seed'] == 5 and f.attrs['corpus_bits'] == 4.0\n"
        "assert [x.decode() for x in f['measure/attribute_names']] == "
        "['name', 'birth_date', 'city']\n"
        "assert f['measure/attribute_nats'].shape[1] == 3\n"
        "assert f['measure/attribute_hits'][0].tolist() == [90, 91, 92]\n"
        "assert 'attribute_names' not in f['recall'] and len(f['recall']) == 7\n"
        "for g in 'steps', 'measure', 'recall':\n"
        "  for d in f[g].values(): assert d.attrs['unit'] and d.attrs['description'], d\n";
    assert_int_equal(sandbox_python(test_text(script, closed, (long long)n, dir)), 0);
}

static void expect_error(const char *dir, const char *part)
{
    char path[128], text[1200] = "";
    snprintf(path, sizeof path, "%s/error", dir);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_true(fread(text, 1, sizeof text - 1, f) > 0);
    fclose(f);
    if (strstr(text, part) == NULL)
        fail_msg("'%s' does not say '%s'", text, part);
}

KC_TEST(finished_file_opens_plainly)
{
    const char *dir = test_folder();
    assert_int_equal(run(&(job){.dir = dir, .first = 1, .last = 5003, .pipe = -1, .finishes = 1}),
                     0);
    assert_int_equal(check_rows(dir, 1, 5003), 5003);
    check_by_h5py(dir, 1, 5003);
    assert_int_equal(sandbox_count(dir, "partial"), 0);
}

/* A random moment, another one each time the test is run. */
static void doze(void)
{
    struct timespec now, wait = {0, 0};
    clock_gettime(CLOCK_REALTIME, &now);
    wait.tv_nsec = 20000000 + now.tv_nsec / 10 % 300000000;
    nanosleep(&wait, NULL);
}

KC_TEST(killed_file_keeps_every_flushed_row)
{
    for (int round = 0; round < 4; ++round) {
        const char *dir = test_folder(), *history = dir;
        int ends[2];
        int64_t flushed = 0;
        assert_int_equal(pipe(ends), 0);
        pid_t pid = spawn(&(job){.dir = dir, .first = 1, .pipe = ends[1]});
        assert_int_equal(read(ends[0], &flushed, sizeof flushed), sizeof flushed);
        doze();
        kill(pid, SIGKILL);
        assert_int_equal(exit_code(pid), 1000 + SIGKILL);
        close(ends[1]);
        for (int64_t s; read(ends[0], &s, sizeof s) == sizeof s;)
            flushed = s;
        close(ends[0]);
        int64_t n = check_rows(dir, 0, flushed);
        check_by_h5py(dir, 0, n);

        /* Go on from the killed file, as a resume from an older checkpoint does. */
        job resume = {.dir = dir,
                      .history = history,
                      .upto = flushed - 3,
                      .first = flushed - 2,
                      .last = n + 40,
                      .pipe = -1,
                      .finishes = 1};
        assert_int_equal(run(&resume), 0);
        assert_int_equal(check_rows(dir, 1, n + 40), n + 40);
        check_by_h5py(dir, 1, n + 40);
    }
}

KC_TEST(history_must_reach_the_checkpoint)
{
    const char *dir = test_folder(), *history = dir;
    assert_int_equal(run(&(job){.dir = dir, .first = 1, .last = 30, .pipe = -1, .finishes = 1}), 0);
    job late = {.dir = dir, .history = history, .upto = 31, .first = 32, .last = 40, .pipe = -1};
    assert_int_equal(run(&late), KC_EINPUT);
    expect_error(dir, "ends after step 30, the checkpoint was written after step 31");
    assert_int_equal(check_rows(dir, 1, 30), 30);
    assert_int_equal(sandbox_count(dir, "partial"), 0);

    job gap = {.dir = dir, .first = 5, .last = 30, .pipe = -1, .finishes = 1};
    assert_int_equal(run(&gap), 0);
    late.upto = 20;
    assert_int_equal(run(&late), KC_EINPUT);
    expect_error(dir, "row 0 of /steps holds step 5, not 1");

    FILE *f = fopen(test_text("%s/run.h5", dir), "w");
    fputs("not HDF5", f);
    fclose(f);
    assert_int_equal(run(&late), KC_EINPUT);
    expect_error(dir, "cannot open it as HDF5");
}

static void edit(const char *dir, const char *code)
{
    assert_int_equal(sandbox_python(test_text("f=h5py.File('%s/run.h5','a')\n%s", dir, code)), 0);
}

KC_TEST(history_of_another_corpus_is_refused)
{
    const char *dir = test_folder(), *history = dir;
    assert_int_equal(run(&(job){.dir = dir, .first = 1, .last = 30, .pipe = -1, .finishes = 1}), 0);
    static const char *const change[][2] = {
        {"f['measure/attribute_names'][2] = b'town'",
         "attribute 2 is town; in this run it is city"},
        {"del f['steps/loss']; f['steps/loss'] = h5py.ExternalLink('/etc/x', '/y')",
         "/steps/loss is a link that leads elsewhere"},
        {"del f['steps/loss']; f['steps/loss'] = [1, 2, 3]",
         "/steps/loss does not hold 64-bit reals"},
        {"del f['steps/loss']; f.create_dataset('steps/loss', (30,), 'f8', compression='gzip')",
         "filtered"},
        {"del f['measure/attribute_nats']; f['measure/attribute_nats'] = [[1.0, 2.0]]",
         "/measure/attribute_nats has 2 values a row, 3 belong there"},
        {"del f['measure/step']", "/measure/step is missing"},
        {"del f['steps/step']", "/steps/step is missing"}};
    job resume = {.dir = dir, .history = history, .upto = 20, .first = 21, .last = 40, .pipe = -1};
    /* As an older file, which says itself what is wrong. */
    edit(dir, "del f.attrs['seal'],f.attrs['holds'],f['steps/check'],f['measure/check'],"
              "f['measure/attribute_names'].attrs['crc32']");
    for (size_t i = 0; i < sizeof change / sizeof change[0]; ++i) {
        if (i == 1)
            edit(dir, "f['measure/attribute_names'][2]=b'city'");
        if (i == 4) /* the column that was gzipped, plain again */
            edit(dir, "del f['steps/loss'];f['steps/loss']=[0.5]*30");
        edit(dir, change[i][0]);
        assert_int_equal(run(&resume), KC_EINPUT);
        expect_error(dir, change[i][1]);
    }
}

/* Whatever was there when the file was made. */
KC_TEST(a_file_that_lost_something_is_refused)
{
    static const char *const lost[] = {"/steps/loss", "/measure/attribute_names", "/recall/check",
                                       "/recall"};
    const char *dir = test_folder();
    assert_int_equal(run(&(job){.dir = dir, .first = 1, .last = 30, .pipe = -1, .finishes = 1}), 0);
    for (size_t i = 0; i < sizeof lost / sizeof *lost; ++i) {
        kc_error e = {0}, ignored = {0};
        kc_reader r;
        edit(dir, test_text("f.move('%s','/away')", lost[i]));
        assert_int_equal(kc_reader_open(&r, dir, &e), KC_EINPUT);
        assert_string_equal(e.text, test_text("%s/run.h5: %s is missing, which the file was made "
                                              "with: damaged",
                                              dir, lost[i]));
        kc_reader_close(&r, &ignored);
        edit(dir, test_text("f.move('/away','%s')", lost[i]));
    }
    assert_int_equal(check_rows(dir, 1, 30), 30);
}

/* Columns, lists, names and a whole measure that an older file lacks are missing in its rows; what a
 * newer one has beside is left out. */
KC_TEST(an_older_file_reads_as_missing)
{
    static const char gone[] = "tokens nats hits attribute_nats attribute_hits load";
    const char *dir = test_folder(), *history = dir;
    kc_error e = {0};
    kc_reader r;
    kc_h5 f;
    schemas *all = schemas_create();
    assert_int_equal(run(&(job){.dir = dir, .first = 1, .last = 60, .pipe = -1, .finishes = 1}), 0);
    edit(dir, "del f.attrs['seal'], f.attrs['holds']\n"
              "del f['recall'], f['measure/attribute_names'], f['steps/loss']\n"
              "del f['steps/check'], f['measure/check']\n"
              "for x in 'nats','hits','attribute_nats','attribute_hits','load','tokens': "
              "del f['measure/'+x]\n"
              "f['steps/news']=f['measure/news']='x'");
    void *row = kc_row_create(&all->of[1]);
    assert_int_equal(kc_reader_open(&r, dir, &e), KC_OK);
    assert_true(r.there && r.closed);
    assert_int_equal(kc_reader_last(&r, &all->of[1], row, &e), KC_OK);
    assert_true(*(int64_t *)row == KC_NO_INT && isnan(kc_row_value(&all->of[1], row, 0, 0)));
    kc_reader_close(&r, &e);
    free(row);

    job resume = {.dir = dir, .history = history, .upto = 50, .first = 51, .last = 90, .pipe = -1};
    resume.finishes = 1;
    assert_int_equal(run(&resume), 0);
    assert_int_equal(kc_h5_open(&f, test_text("%s/run.h5", dir), &e), KC_OK);
    assert_int_equal(check_group(&f, &all->steps, 1, 90, "loss", 50), 90);
    assert_int_equal(check_group(&f, &all->of[0], 10, 90, gone, 50), 9);
    kc_h5_close(&f, &e);
    edit(dir, "assert f['recall/step'][:].tolist() == [60, 70, 80, 90]\n"
              "assert f['recall/hits'][0] == 420 and 'news' not in f['measure']\n"
              "assert f['measure/hits'][4] == -2**63 and f['measure/load'].shape == (9, 8)");
}

/* What a run could go on with is what was written, or an error. */
static int64_t check_reach(const char *dir)
{
    kc_error e = {0}, why = {0};
    kc_reader r;
    kc_table t = {.schema = NULL};
    int64_t last = 0;
    schemas *all = schemas_create();
    double *found = kc_row_create(&all->steps);
    if (kc_reader_open(&r, dir, &e) == KC_OK && r.there)
        kc_reader_reach(&r, &last, &why, &e);
    if (e.code == KC_OK && last > 0)
        assert_int_equal(kc_table_open(&t, &r.file, &all->steps, &e), KC_OK);
    for (int64_t step = 1; e.code == KC_OK && step <= last; ++step) {
        double *expected = make_row(&all->steps, step);
        assert_int_equal(kc_table_read(&t, step - 1, 1, found, &e), KC_OK);
        assert_memory_equal(found, expected, kc_row_bytes(&all->steps));
        free(expected);
    }
    kc_table_close(&t, &e);
    kc_reader_close(&r, &e);
    free(found);
    return e.code ? 0 : last;
}

/* As a disk that was full, or cut off, leaves them: each byte of the rows behind zero, which HDF5 reads
 * as zeros. */
KC_TEST(rows_that_were_never_written_are_none)
{
    const char *dir = test_folder();
    assert_int_equal(run(&(job){.dir = dir, .first = 1, .last = 9000, .pipe = -1, .finishes = 1}),
                     0);
    assert_int_equal(check_reach(dir), 9000);
    edit(dir, "n=f.filename\n"
              "at=f['steps/loss'].id.get_chunk_info(2)\n"
              "f.close()\n"
              "x=open(n,'r+b')\n"
              "x.seek(at.byte_offset)\n"
              "x.write(bytes(at.size))");
    assert_int_equal(check_reach(dir), 8192);
}

KC_TEST(full_disk_is_an_io_error)
{
    for (int i = 0; i < 3; ++i) {
        static const rlim_t limits[] = {100, 30000, 150000};
        const char *dir = test_folder();
        job j = {.dir = dir,
                 .first = 1,
                 .last = 100000,
                 .limit = limits[i],
                 .pipe = -1,
                 .finishes = i != 1};
        assert_int_equal(run(&j), KC_EIO);
        check_reach(dir);
    }
}

KC_TEST(missing_folder_is_an_io_error)
{
    const char *dir = test_folder();
    assert_int_equal(rmdir(dir), 0);
    assert_int_equal(run(&(job){.dir = dir, .first = 1, .last = 3, .pipe = -1}), KC_EIO);
}

KC_TEST_MAIN(NULL, NULL)
