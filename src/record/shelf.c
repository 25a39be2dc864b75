/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/record/shelf.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kcap/base/text.h"
#include "kcap/io/file.h"
#include "record/manifest.h"

enum { DIGITS = 10 };

void kc_shelf_folder(const char *dir, char *path, size_t size)
{
    snprintf(path, size, "%s/checkpoints", dir);
}

void kc_shelf_path(const char *dir, int64_t step, const char *ending, char *path, size_t size)
{
    snprintf(path, size, "%s/checkpoints/step_%0*" PRId64 "%s", dir, DIGITS, step, ending);
}

/* The step of step_<10 digits or more><ending>, or -1; *ending points into the name. */
static int64_t step_of(const char *name, const char **ending)
{
    static const char prefix[] = "step_";
    if (strncmp(name, prefix, sizeof prefix - 1) != 0)
        return -1;
    const char *digits = name + sizeof prefix - 1;
    size_t n = strspn(digits, "0123456789");
    *ending = digits + n;
    return n < DIGITS || n > 18 ? -1 : strtoll(digits, NULL, 10);
}

static int newest_first(const void *a, const void *b)
{
    int64_t x = ((const kc_shelf_entry *)a)->step, y = ((const kc_shelf_entry *)b)->step;
    return (x < y) - (x > y);
}

/* Names in the folder into *names; 0 when there is no folder. */
static int scan(const char *dir, struct dirent ***names, kc_error *e)
{
    char folder[KC_PATH_MAX];
    kc_shelf_folder(dir, folder, sizeof folder);
    *names = NULL;
    int n = scandir(folder, names, NULL, NULL);
    if (n < 0 && errno != ENOENT)
        kc_fail(e, KC_EINPUT, "%s: cannot read this folder: %s", folder, strerror(errno));
    return n < 0 ? 0 : n;
}

static void forget(struct dirent **names, int n)
{
    for (int i = 0; i < n; ++i)
        free(names[i]);
    free(names);
}

int kc_shelf_list(const char *dir, kc_shelf_entry **entries, int64_t *n, kc_error *e)
{
    struct dirent **names;
    int found = scan(dir, &names, e);
    kc_shelf_entry *list = calloc((size_t)found + 1, sizeof *list);
    KC_ROOM(list, "out of memory for %d names", found);
    int64_t m = 0, kept = 0;
    for (int i = 0; i < found; ++i) {
        const char *ending = "";
        int64_t step = step_of(names[i]->d_name, &ending);
        int is_file = strcmp(ending, ".h5") == 0, is_manifest = strcmp(ending, ".manifest") == 0;
        if (step >= 0 && (is_file || is_manifest))
            list[m++] = (kc_shelf_entry){step, is_file, is_manifest};
    }
    qsort(list, (size_t)m, sizeof *list, newest_first);
    for (int64_t i = 0; i < m; ++i) {
        if (kept > 0 && list[kept - 1].step == list[i].step) {
            list[kept - 1].has_file |= list[i].has_file;
            list[kept - 1].has_manifest |= list[i].has_manifest;
        } else {
            list[kept++] = list[i];
        }
    }
    forget(names, found);
    *entries = list;
    *n = kept;
    return e->code;
}

int kc_shelf_clean(const char *dir, kc_error *e)
{
    static const char partial[] = ".partial";
    char path[KC_PATH_MAX + 300];
    struct dirent **names;
    int n = scan(dir, &names, e);
    for (int i = 0; i < n; ++i) {
        const char *ending = "";
        size_t length = strlen(names[i]->d_name);
        if (step_of(names[i]->d_name, &ending) < 0 || length < sizeof partial ||
            strcmp(names[i]->d_name + length - (sizeof partial - 1), partial) != 0)
            continue;
        kc_shelf_folder(dir, path, KC_PATH_MAX);
        snprintf(path + strlen(path), sizeof path - strlen(path), "/%s", names[i]->d_name);
        KC_TRY(kc_file_remove(path, e));
    }
out:
    forget(names, n);
    return e->code;
}

/* Not of another run, as far as its manifest says. */
static int is_own(const char *dir, const kc_shelf_entry *entry, const char *run_id)
{
    char path[KC_PATH_MAX];
    kc_manifest m;
    kc_error unreadable = {0};
    kc_shelf_path(dir, entry->step, ".manifest", path, sizeof path);
    return !entry->has_manifest ||
           (kc_manifest_read(path, &m, &unreadable) == KC_OK && strcmp(m.run_id, run_id) == 0);
}

int kc_shelf_retain(const char *dir, const char *run_id, int64_t step, int64_t keep, kc_error *e)
{
    char path[KC_PATH_MAX];
    kc_shelf_entry *list = NULL;
    int64_t n = 0, complete = 0;
    KC_TRY(kc_shelf_list(dir, &list, &n, e));
    for (int64_t i = 0; i < n; ++i) {
        if (list[i].step > step || !is_own(dir, &list[i], run_id))
            continue;
        if (complete >= keep) {
            kc_shelf_path(dir, list[i].step, ".manifest", path, sizeof path);
            KC_TRY(kc_file_remove(path, e));
            kc_shelf_path(dir, list[i].step, ".h5", path, sizeof path);
            KC_TRY(kc_file_remove(path, e));
        }
        complete += list[i].has_file && list[i].has_manifest;
    }
out:
    free(list);
    return e->code;
}
