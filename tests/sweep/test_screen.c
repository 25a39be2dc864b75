/* SPDX-License-Identifier: BSD-3-Clause */
/* A farm's table on a small terminal, and in a file. */

#include "../test.h"

#include <math.h>

#include "kcap/base/clock.h"
#include "sweep/screen.h"

enum { ROWS = 12, COLUMNS = 80, POINTS = 3 };

/* As much of a terminal as the table asks for: it scrolls, and wraps at its right edge. */
typedef struct terminal {
    char cell[ROWS][COLUMNS + 1];
    int row, column;
} terminal;

static void line_feed(terminal *t)
{
    t->column = 0; /* the driver puts a CR before it */
    if (t->row < ROWS - 1) {
        ++t->row;
        return;
    }
    memmove(t->cell[0], t->cell[1], sizeof t->cell[0] * (ROWS - 1));
    memset(t->cell[ROWS - 1], ' ', COLUMNS);
}

static void put(terminal *t, char c)
{
    if (t->column == COLUMNS)
        line_feed(t);
    t->cell[t->row][t->column++] = c;
}

/* Obey an escape sequence; returns what follows it. */
static const char *obey(terminal *t, const char *at)
{
    char *end;
    const int n = (int)strtol(at + 2, &end, 10);
    if (*end == 'A')
        t->row = t->row > n ? t->row - n : 0;
    else if (*end == 'J') {
        memset(t->cell[t->row] + t->column, ' ', (size_t)(COLUMNS - t->column));
        for (int r = t->row + 1; r < ROWS; ++r)
            memset(t->cell[r], ' ', COLUMNS);
    } else
        fail_msg("the terminal does not know: %s", at + 1);
    return end + 1;
}

/* The screen after these bytes, blanks at the ends of lines left out; the test's. */
static const char *screen_after(const char *bytes)
{
    terminal t = {.row = 0};
    char *text = test_room(ROWS * (COLUMNS + 2), 1);
    memset(t.cell, ' ', sizeof t.cell);
    while (*bytes)
        if (*bytes == '\033')
            bytes = obey(&t, bytes);
        else if (*bytes == '\n')
            line_feed(&t), ++bytes;
        else if (*bytes == '\r')
            t.column = 0, ++bytes;
        else
            put(&t, *bytes++);
    for (int r = 0; r < ROWS; ++r) {
        int n = COLUMNS;
        while (n > 0 && t.cell[r][n - 1] == ' ')
            --n;
        strncat(text, t.cell[r], (size_t)n);
        strcat(text, "\n");
    }
    size_t end = strlen(text);
    while (end > 1 && text[end - 2] == '\n')
        text[--end] = 0;
    return text;
}

/* Three points: the first runs and ends, then the others run. */
typedef struct farm {
    kc_point point[POINTS];
    kc_point_view view[POINTS];
    kc_sweep sweep;
    kc_farm_screen screen;
    FILE *out;
    char *said;
    size_t n_said;
} farm;

static void farm_end(void *of)
{
    farm *f = of;
    free(f->said);
    free(f);
}

static farm *farm_of(int live)
{
    static char *const names[POINTS] = {
        "lr=0.001,seed=1", "lr=0.002,seed=1",
        "corpus.people=200000,model.head_dim=1024,train.lr=0.000123456789,run.seed=31"};
    farm *f = kc_test_owns(kc_alloc(1, sizeof *f, "farms"), farm_end);
    for (int i = 0; i < POINTS; ++i) {
        f->point[i].name = names[i];
        f->view[i] = (kc_point_view){
            .index = i, .point = &f->point[i], .to_expose = 100, .flops = 1, .bits_per_param = NAN};
    }
    f->sweep = (kc_sweep){.n = POINTS, .point = f->point};
    f->out = open_memstream(&f->said, &f->n_said);
    f->screen = (kc_farm_screen){.live = live, .begun = 1};
    return f;
}

static void work(farm *f)
{
    kc_farm_show(&f->screen, f->out, &f->sweep, f->view, 1);
    f->view[0].state = KC_POINT_RUNNING;
    for (int i = 1; i <= 4; ++i) {
        f->view[0].exposed = 20 * i;
        f->view[0].bits_per_param = i > 2 ? 0.25 * i : NAN;
        kc_farm_show(&f->screen, f->out, &f->sweep, f->view, 1);
    }
    f->view[0].state = KC_POINT_DONE;
    f->view[0].seconds = 7;
    kc_farm_announce(&f->screen, f->out, &f->view[0]);
    f->view[1].state = f->view[2].state = KC_POINT_RUNNING;
    f->view[2].exposed = 50;
    kc_farm_show(&f->screen, f->out, &f->sweep, f->view, 0);
    fclose(f->out);
}

/* A line for what ended, and below it one table, whatever was drawn before. */
KC_TEST(the_table_stays_in_its_place)
{
    farm *f = farm_of(1);
    work(f);
    const char *screen = screen_after(f->said), *rest = strstr(screen, " to go\n");
    assert_ptr_equal(screen, strstr(screen, "event=point state=done name=lr=0.001,seed=1 "
                                            "bits_per_param=1.0000 seconds=7.0\n"
                                            "1 done, 2 running, 0 failed, 0 to come; "));
    assert_non_null(rest);
    assert_string_equal(rest, " to go\n"
                              "  lr=0.002,seed=1                                 0.0 %\n"
                              "  ...m=1024,train.lr=0.000123456789,run.seed=31  50.0 %\n");
}

/* In a file there is nothing but lines that a program can read. */
KC_TEST(a_file_has_plain_lines)
{
    farm *f = farm_of(0);
    work(f);
    assert_null(strpbrk(f->said, "\r\033"));
    assert_null(strstr(f->said, "nan"));
    for (const char *line = f->said; *line; line = strchr(line, '\n') + 1)
        assert_int_equal(strncmp(line, "event=", 6), 0);
    assert_non_null(strstr(f->said, "event=farm done=0 running=0 failed=0 to_come=3 "
                                    "eta_seconds=unknown\n"));
}

/* Half of the work is done, of a run that train.max_steps ends half way too. */
KC_TEST(the_rest_is_as_long_as_what_was_done)
{
    farm *f = farm_of(0);
    f->sweep.n = 1;
    f->view[0].state = KC_POINT_RUNNING;
    f->view[0].exposures = 100;
    f->view[0].to_expose = 50;
    f->view[0].exposed = 25;
    f->screen.begun = kc_clock() - 1000;
    kc_farm_show(&f->screen, f->out, &f->sweep, f->view, 1);
    f->view[0].exposed = 51; /* a step more than forecast */
    kc_farm_show(&f->screen, f->out, &f->sweep, f->view, 1);
    fclose(f->out);
    assert_non_null(strstr(f->said, "eta_seconds=1000\n"));
    assert_non_null(strstr(f->said, "eta_seconds=0\n"));
}

/* What is not known is no number. */
KC_TEST(a_point_without_bits_says_none)
{
    farm *f = farm_of(1);
    f->view[1].state = KC_POINT_FAILED;
    strcpy(f->view[1].error, "no room");
    kc_farm_announce(&f->screen, f->out, &f->view[1]);
    fclose(f->out);
    assert_string_equal(screen_after(f->said), "event=point state=failed name=lr=0.002,seed=1 "
                                               "seconds=0.0 error=no room\n");
}

KC_TEST_MAIN(NULL, NULL)
