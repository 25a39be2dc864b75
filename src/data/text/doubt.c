/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/text/lines.h"
#include "kcap/base/alike.h"
#include "kcap/base/memory.h"
#include "kcap/base/plain.h"

enum { SHOWN = 200 };

/* The entries of a pool by their keys, the odd ones among them with their lines. */
typedef struct entries {
    char *text; /* cut into lines */
    uint64_t *all, *odd;
    const char **said;
    int64_t *line, n, n_odd, room[4];
} entries;

static void add_odd(entries *x, const char *said)
{
    x->odd = kc_grow(x->odd, &x->room[1], x->n_odd + 1, sizeof *x->odd);
    x->said = kc_grow(x->said, &x->room[2], x->n_odd + 1, sizeof *x->said);
    x->line = kc_grow(x->line, &x->room[3], x->n_odd + 1, sizeof *x->line);
    x->odd[x->n_odd] = x->all[x->n - 1];
    x->said[x->n_odd] = said;
    x->line[x->n_odd++] = x->n;
}

static entries entries_of(const char *pool)
{
    entries x = {.text = kc_text_copy(pool)};
    char *left = x.text, *line;

    while ((line = kc_plain_line(&left))) {
        x.all = kc_grow(x.all, &x.room[0], x.n + 1, sizeof *x.all);
        x.all[x.n++] = kc_alike_key(line);
        if (kc_alike_odd(line))
            add_odd(&x, line);
    }
    return x;
}

static void entries_free(entries *x)
{
    free(x->text);
    free(x->all);
    free(x->odd);
    free(x->said);
    free(x->line);
}

void kc_files_doubt(const char *path, const char *pool, kc_files *files)
{
    entries x = entries_of(pool);
    int64_t first = 0;
    char shown[SHOWN];
    const int64_t n = kc_alike_twins(x.all, x.n, x.odd, x.n_odd, &first);

    if (n && !files->twins)
        snprintf(files->twin, sizeof files->twin, "%s:%lld: `%s`", path, (long long)x.line[first],
                 kc_alike_show(x.said[first], shown, sizeof shown));
    files->twins += n;
    entries_free(&x);
}
