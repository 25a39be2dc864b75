/* SPDX-License-Identifier: BSD-3-Clause */
#include "record/embed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kcap/io/attribute.h"
#include "kcap/io/text.h"

enum { NAME = 48, DATASET = NAME + 8 };

int kc_embed_write(kc_h5 *f, const kc_files *files, kc_error *e)
{
    char order[KC_FILES_MAX * NAME] = "", path[DATASET];
    size_t used = 0;
    KC_TRY(kc_h5_group(f, "/files", e));
    for (int i = 0; i < files->n; ++i) {
        const char *name = files->file[i].name;
        snprintf(path, sizeof path, "/files/%s", name);
        KC_TRY(kc_h5_text_write(f, path, files->text + files->file[i].begin,
                                files->file[i].bytes + 1, 0, e));
        KC_TRY(kc_h5_describe(f, path, "text", "a file the corpus was made of, whole", e));
        used += (size_t)snprintf(order + used, sizeof order - used, "%s\n", name);
    }
    KC_TRY(kc_h5_set_text(f, "/files", "order", order, e));
    if (!files->words)
        goto out;
    KC_TRY(
        kc_h5_text_write(f, KC_WORDS_PATH, files->words, (int64_t)strlen(files->words) + 1, 0, e));
    kc_h5_describe(f, KC_WORDS_PATH, "text",
                   "the vocabulary in the order of its tokens, a word a line", e);
out:
    return e->code;
}

/* Add one text to the block; takes it over. */
static void add(kc_files *files, const char *file, const char *name, char *text, int64_t size)
{
    int i = files->n++;
    files->text = realloc(files->text, (size_t)(files->bytes + size));
    KC_ROOM(files->text, "out of memory for %lld bytes of text", (long long)size);
    memcpy(files->text + files->bytes, text, (size_t)size);
    free(text);
    snprintf(files->file[i].name, NAME, "%s", name);
    size_t used = strlen(file);
    used = used < KC_PATH_MAX - NAME - 1 ? used : KC_PATH_MAX - NAME - 1;
    snprintf(files->file[i].path, KC_PATH_MAX, "%.*s:%s", (int)used, file, name);
    files->file[i].begin = files->bytes;
    files->file[i].bytes = size - 1;
    files->bytes += size;
}

static int read_one(kc_h5 *f, const char *name, kc_files *files, kc_error *e)
{
    char path[DATASET], *text = NULL;
    int64_t size = 0, n = 0;
    if (strlen(name) >= NAME || files->n == KC_FILES_MAX)
        return kc_fail(e, KC_EINPUT, "%s: /files names more than %d files, or '%s' is too long",
                       f->path, KC_FILES_MAX, name);
    snprintf(path, sizeof path, "/files/%s", name);
    KC_TRY(kc_h5_text_read(f, path, &text, &size, &n, e));
    if (n != 0 || text[size - 1] != 0) {
        kc_fail(e, KC_EINPUT, "%s: %s is not a single text that ends", f->path, path);
        free(text);
        goto out;
    }
    add(files, f->path, name, text, size);
out:
    return e->code;
}

int kc_embed_read(kc_h5 *f, kc_files *files, kc_error *e)
{
    char *order = NULL, *rest = NULL;
    *files = (kc_files){.n = 0};
    KC_TRY(kc_h5_get_text(f, "/files", "order", &order, e));
    for (char *name = strtok_r(order, "\n", &rest); name; name = strtok_r(NULL, "\n", &rest))
        KC_TRY(read_one(f, name, files, e));
out:
    free(order);
    if (e->code != KC_OK) {
        free(files->text);
        *files = (kc_files){.n = 0};
    }
    return e->code;
}
