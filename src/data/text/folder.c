/* SPDX-License-Identifier: BSD-3-Clause */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/text/lines.h"
#include "kcap/base/plain.h"
#include "kcap/base/text.h"

enum { FILE_MOST = 1 << 24 };

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_text(const char *name)
{
    const size_t n = strlen(name);

    return n > 4 && n < 36 && strcmp(name + n - 4, ".txt") == 0;
}

static int add_file(const char *path, const char *name, kc_files *files, kc_error *e)
{
    char *text = NULL;
    int64_t bytes = 0;

    KC_TRY(kc_plain_read(path, FILE_MOST, &text, &bytes, e));
    bytes = kc_plain_blanks(text);
    KC_TRY(kc_files_add(files, name, path, text, bytes, e));
out:
    free(text);
    return e->code;
}

int kc_files_add_folder(kc_files *files, const char *folder, const char *begins, const char *under,
                        kc_error *e)
{
    struct dirent **entries = NULL;
    const size_t skip = strlen(begins);
    const int n = scandir(folder, &entries, NULL, by_name);
    int added = 0;

    if (n < 0)
        kc_fail(e, KC_EINPUT, "corpus.templates: %s: %s", folder, strerror(errno));
    for (int i = 0; i < n; i++) {
        const char *file = entries[i]->d_name;
        char path[KC_PATH_MAX + 300], name[64];

        if (e->code == KC_OK && strncmp(file, begins, skip) == 0 && is_text(file + skip)) {
            snprintf(path, sizeof path, "%s/%s", folder, file);
            snprintf(name, sizeof name, "%s/%.40s", under, file + skip);
            added += add_file(path, name, files, e) == KC_OK;
        }
        free(entries[i]);
    }
    free(entries);
    return added;
}
