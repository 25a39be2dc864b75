/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <sys/wait.h>
#include <time.h>

#include "kcap/io/text.h"
#include "kcap/record/metrics.h"
#include "record/table.h"
#include "sandbox.h"

enum { ATTRIBUTES = 3, LOADS = 8 };
static const kc_widths widths = {ATTRIBUTES, LOADS};
static const char *const names[ATTRIBUTES] = {"name", "birth_date", "city"};

#define STEP_INT(name)                    r.name = step * (int64_t)sizeof #name;
#define STEP_REAL(name)                   r.name = (double)step + 1.0 / (double)sizeof #name;
#define STEP_FILL(type, name, unit, help) STEP_##type(name)

static kc_step_row step_row(int64_t step)
{
    kc_step_row r;
    KC_COLUMNS_STEP(STEP_FILL)
    r.step = step;
    return r;
}

#define WIDE_FILL(type, name, unit, help)                                                          \
    for (int a = 0; a < ATTRIBUTES; ++a)                                                           \
        r.name[a] = (double)step + a + 1.0 / (double)sizeof #name;

#define LOAD_FILL(type, name, unit, help)                                                          \
    for (int a = 0; a < LOADS; ++a)                                                                \
        r.name[a] = (double)step + a + 1.0 / (double)sizeof #name;

static kc_measure_row measure_row(int64_t step)
{
    kc_measure_row r;
    memset(&r, 0, sizeof r);
    KC_COLUMNS_MEASURE(STEP_FILL)
    KC_COLUMNS_ATTRIBUTE(WIDE_FILL)
    KC_COLUMNS_LOAD(LOAD_FILL)
    r.step = step;
    r.first_chunk_nats = NAN;
    return r;
}

/* What a child process does: MPI cannot be started twice in one, and some are to be killed. */
typedef struct job {
    const char *dir, *history;
    int64_t upto, first, last; /* rows to write: first ... last; endless when last is 0 */
    rlim_t limit;
    int pipe;     /* says after each flush which step it reached; -1: nobody listens */
    int finishes; /* closes the file                                                 */
} job;

static int append(const job *j, kc_metrics *m, kc_error *e)
{
    for (int64_t s = j->first; j->last == 0 || s <= j->last; ++s) {
        kc_step_row row = step_row(s);
        KC_TRY(kc_metrics_step(m, &row, e));
        if (s % 10 == 0) {
            kc_measure_row event = measure_row(s);
            KC_TRY(kc_metrics_measure(m, &event, e));
        }
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
    KC_TRY(kc_metrics_create(g, j->dir, &stamp, names, widths, j->history, j->upto, &m, e));
    if (j->limit)
        sandbox_limit(j->limit);
    append(j, m, e);
    if (j->limit && e->code == KC_OK)
        abort();
    if (j->limit) { /* broken for good: a later call repeats the first cause, and so does the end */
        kc_error again = {0};
        kc_step_row row = step_row(1);
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
    kc_grid_start(&g);
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
    kc_grid_stop(&g); /* must not fall over a file that could not be written */
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

/* Read a run.h5 by our own reader: steps 1 ... n, events at each tenth, all values as written. */
static int64_t check_rows(const char *dir, kc_h5_mode mode, int64_t at_least)
{
    kc_error e = {0};
    kc_h5 f;
    kc_table steps, measure;
    char path[128];
    snprintf(path, sizeof path, "%s/run.h5", dir);
    if (kc_h5_open(&f, path, mode, &e) != KC_OK ||
        kc_table_open(&steps, &f, KC_TABLE_STEPS, widths, &e) != KC_OK ||
        kc_table_open(&measure, &f, KC_TABLE_MEASURE, widths, &e) != KC_OK)
        fail_msg("%s", e.text);
    assert_true(steps.n_rows >= at_least);
    assert_true(measure.n_rows >= at_least / 10);
    int64_t n = steps.n_rows;
    for (int64_t i = 0; i < n; ++i) {
        kc_step_row found, expected = step_row(i + 1);
        assert_int_equal(kc_table_read(&steps, i, 1, &found, &e), KC_OK);
        assert_memory_equal(&found, &expected, sizeof found);
    }
    for (int64_t i = 0; i < measure.n_rows; ++i) {
        kc_measure_row found, expected = measure_row(10 * (i + 1));
        memset(&found, 0, sizeof found);
        assert_int_equal(kc_table_read(&measure, i, 1, &found, &e), KC_OK);
        assert_memory_equal(&found, &expected, sizeof found);
    }
    kc_table_close(&steps, &e);
    kc_table_close(&measure, &e);
    assert_int_equal(kc_h5_close(&f, &e), KC_OK);
    return n;
}

/* The same by h5py, as a user reads it. A kill may fall between two columns, one of which then has
 * rows that the other lacks: a killed file is read up to its shortest column, a closed one whole. */
static void check_by_h5py(const char *dir, int swmr, int64_t n)
{
    static const char script[] =
        "import h5py, sys\n"
        "f = h5py.File(sys.argv[1] + '/run.h5', 'r', **eval(sys.argv[2]))\n"
        "n = int(sys.argv[3])\n"
        "rows = [len(d) for d in f['steps'].values()]\n"
        "assert min(rows) == n and (max(rows) == n or sys.argv[2] != '{}'), rows\n"
        "s = f['steps/step'][:n]\n"
        "assert (s == range(1, n + 1)).all(), s\n"
        "assert (f['steps/loss'][:n] == s + 0.2).all()\n"
        "assert f.attrs['config'] == 'model:\\n  layers: 2 # \\u00e4\\n'\n"
        "assert f.attrs['seed'] == 5 and f.attrs['corpus_bits'] == 4.0\n"
        "assert [x.decode() for x in f['measure/attribute_names']] == "
        "['name', 'birth_date', 'city']\n"
        "assert f['measure/attribute_nats'].shape[1] == 3\n"
        "for g in 'steps', 'measure':\n"
        "  for d in f[g].values(): assert d.attrs['unit'] and d.attrs['description'], d\n";
    char command[2000];
    snprintf(command, sizeof command, "/usr/bin/python3 -c \"%s\" %s \"%s\" %lld", script, dir,
             swmr ? "dict(libver='latest', swmr=True)" : "{}", (long long)n);
    assert_int_equal(system(command), 0);
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

static void finished_file_opens_plainly(void **state)
{
    char dir[64];
    (void)state;
    sandbox_make(dir);
    assert_int_equal(run(&(job){.dir = dir, .first = 1, .last = 5003, .pipe = -1, .finishes = 1}),
                     0);
    assert_int_equal(check_rows(dir, KC_H5_PLAIN, 5003), 5003);
    assert_int_equal(check_rows(dir, KC_H5_SWMR, 5003), 5003);
    check_by_h5py(dir, 0, 5003);
    assert_int_equal(sandbox_count(dir, "partial"), 0);
    sandbox_remove(dir);
}

/* A random moment, another one each time the test is run. */
static void doze(void)
{
    struct timespec now, wait = {0, 0};
    clock_gettime(CLOCK_REALTIME, &now);
    wait.tv_nsec = 20000000 + now.tv_nsec / 10 % 300000000;
    nanosleep(&wait, NULL);
}

static void killed_file_keeps_every_flushed_row(void **state)
{
    (void)state;
    for (int round = 0; round < 4; ++round) {
        char dir[64], history[80];
        int ends[2];
        int64_t flushed = 0;
        sandbox_make(dir);
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
        int64_t n = check_rows(dir, KC_H5_SWMR, flushed);
        check_by_h5py(dir, 1, n);

        /* Go on from the killed file, as a resume from an older checkpoint does. */
        snprintf(history, sizeof history, "%s/run.h5", dir);
        job resume = {.dir = dir,
                      .history = history,
                      .upto = flushed - 3,
                      .first = flushed - 2,
                      .last = n + 40,
                      .pipe = -1,
                      .finishes = 1};
        assert_int_equal(run(&resume), 0);
        assert_int_equal(check_rows(dir, KC_H5_PLAIN, n + 40), n + 40);
        check_by_h5py(dir, 0, n + 40);
        sandbox_remove(dir);
    }
}

static void history_must_reach_the_checkpoint(void **state)
{
    char dir[64], history[80];
    (void)state;
    sandbox_make(dir);
    snprintf(history, sizeof history, "%s/run.h5", dir);
    assert_int_equal(run(&(job){.dir = dir, .first = 1, .last = 30, .pipe = -1, .finishes = 1}), 0);
    job late = {.dir = dir, .history = history, .upto = 31, .first = 32, .last = 40, .pipe = -1};
    assert_int_equal(run(&late), KC_EINPUT);
    expect_error(dir, "holds 30 steps, the checkpoint was written after step 31");
    assert_int_equal(check_rows(dir, KC_H5_PLAIN, 30), 30);
    assert_int_equal(sandbox_count(dir, "partial"), 0);

    job gap = {.dir = dir, .first = 5, .last = 30, .pipe = -1, .finishes = 1};
    assert_int_equal(run(&gap), 0);
    late.upto = 20;
    assert_int_equal(run(&late), KC_EINPUT);
    expect_error(dir, "row 0 of /steps holds step 5, not 1");

    FILE *f = fopen(history, "w");
    fputs("not HDF5", f);
    fclose(f);
    assert_int_equal(run(&late), KC_EINPUT);
    expect_error(dir, "cannot open it as HDF5");
    sandbox_remove(dir);
}

static void history_of_another_corpus_is_refused(void **state)
{
    char dir[64], history[80], command[300];
    (void)state;
    sandbox_make(dir);
    snprintf(history, sizeof history, "%s/run.h5", dir);
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
        {"del f['steps/loss']", "/steps/loss is missing"}};
    job resume = {.dir = dir, .history = history, .upto = 20, .first = 21, .last = 40, .pipe = -1};
    for (size_t i = 0; i < sizeof change / sizeof change[0]; ++i) {
        snprintf(command, sizeof command,
                 "/usr/bin/python3 -c \"import h5py;f=h5py.File('%s','a')"
                 "\nif 'loss' in f['steps']: %s\"",
                 history, change[i][0]);
        if (i == 1) /* names back to what they were */
            snprintf(command, sizeof command,
                     "/usr/bin/python3 -c \"import h5py;"
                     "f=h5py.File('%s','a');f['measure/attribute_names'][2]=b'city'; %s\"",
                     history, change[i][0]);
        if (i == 4) /* the column that was gzipped, plain again */
            snprintf(command, sizeof command,
                     "/usr/bin/python3 -c \"import h5py;"
                     "f=h5py.File('%s','a');del f['steps/loss'];f['steps/loss']=[0.5]*30; %s\"",
                     history, change[i][0]);
        assert_int_equal(system(command), 0);
        assert_int_equal(run(&resume), KC_EINPUT);
        expect_error(dir, change[i][1]);
    }
    sandbox_remove(dir);
}

static void full_disk_is_an_io_error(void **state)
{
    (void)state;
    for (int i = 0; i < 3; ++i) {
        static const rlim_t limits[] = {100, 30000, 150000};
        char dir[64];
        sandbox_make(dir);
        job j = {.dir = dir,
                 .first = 1,
                 .last = 100000,
                 .limit = limits[i],
                 .pipe = -1,
                 .finishes = i != 1};
        assert_int_equal(run(&j), KC_EIO);
        sandbox_remove(dir);
    }
}

static void missing_folder_is_an_io_error(void **state)
{
    char dir[64];
    (void)state;
    sandbox_make(dir);
    sandbox_remove(dir);
    assert_int_equal(run(&(job){.dir = dir, .first = 1, .last = 3, .pipe = -1}), KC_EIO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finished_file_opens_plainly),
        cmocka_unit_test(killed_file_keeps_every_flushed_row),
        cmocka_unit_test(history_must_reach_the_checkpoint),
        cmocka_unit_test(history_of_another_corpus_is_refused),
        cmocka_unit_test(full_disk_is_an_io_error),
        cmocka_unit_test(missing_folder_is_an_io_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
