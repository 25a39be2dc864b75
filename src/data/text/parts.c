/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <string.h>

#include "data/text/lines.h"

/* The number that a file's name begins with and that of its part, or nothing: the first part's, and what
 * is of no part. */
static int is_of(const char *name, int part)
{
    const int numbered = name[0] >= '0' && name[0] <= '9' && name[1] == '/';

    return part == 0 ? !numbered : numbered && name[0] == '1' + part;
}

int kc_files_join(const kc_files *own, int part, kc_files *files, kc_error *e)
{
    if (own->twins && !files->twins)
        memcpy(files->twin, own->twin, sizeof files->twin);
    files->twins += own->twins;
    for (int i = 0; i < own->n; i++) {
        const char *name = own->file[i].name;
        char numbered[sizeof own->file[i].name];

        snprintf(numbered, sizeof numbered, "%c/%.45s", '1' + part, name);
        KC_TRY(kc_files_add(files, part == 0 ? name : numbered, own->file[i].path,
                            own->text + own->file[i].begin, own->file[i].bytes, e));
    }
out:
    return e->code;
}

void kc_files_of_part(const kc_files *files, int part, kc_files *own)
{
    *own = (kc_files){.bytes = files->bytes,
                      .text = files->text,
                      .teller = files->teller,
                      .readers = files->readers};
    for (int i = 0; i < files->n; i++) {
        const char *name = files->file[i].name;

        if (!is_of(name, part))
            continue;
        own->file[own->n] = files->file[i];
        if (part > 0)
            memmove(own->file[own->n].name, name + 2, strlen(name + 2) + 1);
        own->n++;
    }
}
