/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <string.h>

#include "data/text/lines.h"

/* Where a file of this name stands, or -1. */
static int file_find(const kc_files *files, const char *name)
{
    for (int i = 0; i < files->n; i++)
        if (!strcmp(files->file[i].name, name))
            return i;
    return -1;
}

/* The first part that needs a file gives it its plain name; a later one with another file of that name
 * has its own, as 2/pools/city.txt. */
int kc_files_join(const kc_files *own, int part, kc_files *files, kc_error *e)
{
    for (int i = 0; i < own->n; i++) {
        const char *name = own->file[i].name, *path = own->file[i].path;
        const int plain = file_find(files, name);
        char numbered[sizeof own->file[i].name];

        if (plain >= 0 && !strcmp(files->file[plain].path, path))
            continue;
        snprintf(numbered, sizeof numbered, "%c/%.45s", '1' + part, name);
        KC_TRY(kc_files_add(files, plain < 0 ? name : numbered, path,
                            own->text + own->file[i].begin, own->file[i].bytes, e));
    }
out:
    return e->code;
}

void kc_files_of_part(const kc_files *files, int part, kc_files *own)
{
    char number[16];
    const int n = snprintf(number, sizeof number, "%d/", part + 1);

    *own = (kc_files){.bytes = files->bytes, .text = files->text, .progress = files->progress};
    for (int i = 0; i < files->n; i++) {
        const char *name = files->file[i].name;
        const int mine = !strncmp(name, number, (size_t)n);

        if (name[0] >= '0' && name[0] <= '9' && !mine)
            continue;
        const int known = file_find(own, mine ? name + n : name), at = known < 0 ? own->n++ : known;

        own->file[at] = files->file[i];
        if (mine)
            memmove(own->file[at].name, name + n, strlen(name + n) + 1);
    }
}
