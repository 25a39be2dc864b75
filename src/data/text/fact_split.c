/* SPDX-License-Identifier: BSD-3-Clause */
/* Whether a line begins inside a quoted cell is known when all lines in front of it are. So each rank goes
 * over the lines of its bytes for both cases at once, and then all tell each other what became of either:
 * the ends of all parts in front of a rank, one after the other, say which case is its own. */
#include "data/text/fact_split.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kcap/base/memory.h"

/* What becomes of a part where a quoted cell is closed, or open, as it begins. */
typedef struct fate {
    int64_t begin, lines; /* of the first row; begin -1: none begins here */
    int open;             /* as it ends                                   */
} fate;

typedef struct survey {
    int64_t lines; /* that begin here */
    fate fate[2];
} survey;

/* Go to the first line that begins at byte `begin` or behind it, at most to `end`; at byte `first` one
 * does. */
static int seek_line(const char *path, FILE *file, int64_t first, int64_t begin, int64_t end,
                     kc_error *e)
{
    const int looks = begin > first;

    if (fseeko(file, begin - looks, SEEK_SET) != 0)
        return kc_fail(e, KC_EINPUT, "%s: cannot be read: %s", path, strerror(errno));
    for (int64_t at = begin - 1; looks && at < end; at++) {
        const int c = getc_unlocked(file);

        if (c == '\n' || c == EOF)
            break;
    }
    return KC_OK;
}

/* A line begins at byte `at`; it may have a fault. */
static void begin_line(survey *s, int64_t at)
{
    for (fate *f = s->fate; f < s->fate + 2; f++)
        if (f->begin < 0 && !f->open) {
            f->begin = at;
            f->lines = s->lines;
        }
}

static void end_line(survey *s, char separator, const char *line)
{
    if (strchr(line, '"'))
        for (fate *f = s->fate; f < s->fate + 2; f++)
            kc_cells_scan(separator, line, &f->open);
    s->lines++;
}

/* Go over the lines that begin from byte `begin` on and before `end`. */
static int look(const char *path, FILE *file, const kc_fact_head *head, int64_t begin, int64_t end,
                survey *s, kc_error *e)
{
    kc_plain p = {.text = NULL};
    char *line = NULL;

    KC_TRY(seek_line(path, file, head->begin, begin, end, e));
    KC_TRY(kc_plain_go_on(&p, path, file, e));
    for (int64_t at; (at = kc_plain_place(&p)) < end;) {
        begin_line(s, at);
        KC_TRY(kc_plain_next(&p, &line, e));
        if (!line)
            break;
        end_line(s, head->separator, line);
    }
out:
    kc_plain_end(&p);
    return e->code;
}

/* Where part `i` of n begins. */
static int64_t edge(const kc_fact_head *head, int64_t bytes, int i, int n)
{
    const double share = (double)(bytes - head->begin) / n;

    return i == n ? bytes : head->begin + (int64_t)(share * i);
}

int kc_fact_split(const kc_grid *g, const char *path, FILE *file, int64_t bytes,
                  const kc_fact_head *head, kc_fact_part *part, kc_error *e)
{
    const int64_t begin = edge(head, bytes, g->rank, g->size);
    const int64_t end = edge(head, bytes, g->rank + 1, g->size);
    survey mine = {.fate = {{.begin = -1}, {.begin = -1, .open = 1}}};
    survey *all = kc_alloc(g->size, sizeof *all, "ranks");
    int open = 0;

    *part = (kc_fact_part){.end = end, .lines = head->lines};
    look(path, file, head, begin, end, &mine, e);
    kc_allgather(g, &mine, all, sizeof mine);
    for (int r = 0; r < g->rank; r++) {
        part->lines += all[r].lines;
        open = all[r].fate[open].open;
    }
    part->begin = mine.fate[open].begin < 0 ? end : mine.fate[open].begin;
    part->lines += mine.fate[open].lines;
    free(all);
    return e->code;
}
