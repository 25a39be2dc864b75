/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "kcap/io/attribute.h"
#include "kcap/record/checkpoint.h"
#include "record/embed.h"
#include "record/manifest.h"
#include "kcap/record/shelf.h"

void kc_head_free(kc_head *head)
{
    free(head->config);
    free(head->imported_from);
    free(head->files.text);
    *head = (kc_head){.config = NULL};
}

/* A text attribute of the root that fits into `size` bytes. */
static int get_short(kc_h5 *f, const char *name, char *value, size_t size, kc_error *e)
{
    char *text = NULL;
    KC_TRY(kc_h5_get_text(f, "/", name, &text, e));
    if (strlen(text) >= size)
        kc_fail(e, KC_EINPUT, "%s: attribute %s has %zu bytes, at most %zu fit", f->path, name,
                strlen(text), size - 1);
    else
        memcpy(value, text, strlen(text) + 1);
out:
    free(text);
    return e->code;
}

/* Of a file older than the attribute: empty. */
static void get_import(kc_h5 *f, kc_head *head)
{
    kc_error missing = {0};
    if (kc_h5_get_text(f, "/", "imported_from", &head->imported_from, &missing) != KC_OK)
        head->imported_from = calloc(1, 1);
    KC_CHECK(head->imported_from, "out of memory");
}

static int read_head(const char *path, const kc_manifest *m, kc_head *head, kc_error *e)
{
    kc_h5 f;
    snprintf(head->path, sizeof head->path, "%s", path);
    KC_TRY(kc_h5_open(&f, path, KC_H5_PLAIN, e));
    KC_TRY(kc_h5_get_int(&f, "/", "step", &head->step, e));
    KC_TRY(kc_h5_get_int(&f, "/", "tokens", &head->tokens, e));
    KC_TRY(kc_h5_get_text(&f, "/", "config", &head->config, e));
    get_import(&f, head);
    KC_TRY(get_short(&f, "run_id", head->run_id, sizeof head->run_id, e));
    KC_TRY(get_short(&f, "kernel", head->kernel, sizeof head->kernel, e));
    KC_TRY(get_short(&f, "config_hash", head->config_hash, sizeof head->config_hash, e));
    KC_TRY(kc_embed_read(&f, &head->files, e));
    if (head->step != m->step || strcmp(head->run_id, m->run_id) != 0)
        kc_fail(e, KC_EINPUT, "%s: step %lld of run %s; its manifest says step %lld of run %s",
                path, (long long)head->step, head->run_id, (long long)m->step, m->run_id);
out:
    kc_h5_close(&f, e);
    return e->code;
}

/* Verify one file and read its head; *head is empty on error. Collective. */
static int try_file(const kc_grid *g, const char *path, kc_head *head, kc_error *e)
{
    kc_manifest m;
    KC_TRY(kc_manifest_verify(g, path, &m, e));
    read_head(path, &m, head, e);
    if (kc_agree(g, e) != KC_OK)
        kc_head_free(head);
out:
    return e->code;
}

static void pass_over(const kc_grid *g, const char *why)
{
    if (g->rank == 0)
        fprintf(stderr, "kcap: warning: checkpoint passed over: %s\n", why);
}

/* The newest of n entries that is complete and undamaged. A file that never got its manifest is
 * what a kill leaves, and no damage. */
static int try_entries(const kc_grid *g, const char *dir, const kc_shelf_entry *entries, int64_t n,
                       kc_head *head, kc_error *e)
{
    char path[1024];
    kc_error first = {0};
    for (int64_t i = 0; i < n; ++i) {
        kc_error why = {0};
        kc_shelf_path(dir, entries[i].step, ".h5", path, sizeof path);
        if (try_file(g, path, head, &why) == KC_OK)
            return KC_OK;
        pass_over(g, why.text);
        if (entries[i].has_manifest && first.code == KC_OK)
            first = why;
    }
    if (first.code == KC_OK)
        return KC_OK;
    return kc_fail(e, first.code, "no undamaged checkpoint; the newest: %.900s", first.text);
}

static int find_in_folder(const kc_grid *g, const char *dir, kc_head *head, kc_error *e)
{
    kc_shelf_entry *entries = NULL;
    int64_t n = 0;
    if (g->rank == 0)
        kc_shelf_list(dir, &entries, &n, e);
    KC_TRY(kc_agree(g, e));
    kc_bcast(g, &n, sizeof n);
    if (g->rank != 0)
        entries = calloc((size_t)n + 1, sizeof *entries);
    KC_CHECK(entries, "out of memory for %lld names", (long long)n);
    kc_bcast(g, entries, (size_t)n * sizeof *entries);
    try_entries(g, dir, entries, n, head, e);
out:
    free(entries);
    return e->code;
}

int kc_checkpoint_find(const kc_grid *g, const char *where, kc_head *head, kc_error *e)
{
    struct stat s = {.st_mode = 0};
    size_t length = strlen(where);
    int is_folder = 0;
    *head = (kc_head){.config = NULL};
    if (g->rank == 0) {
        int found = stat(where, &s) == 0;
        is_folder = found && S_ISDIR(s.st_mode);
        if (!found)
            kc_fail(e, KC_EINPUT, "%s: no such checkpoint or folder", where);
        else if (!is_folder && (length < 4 || strcmp(where + length - 3, ".h5") != 0))
            kc_fail(e, KC_EINPUT, "%s: neither a run's folder nor a checkpoint's .h5 file", where);
        else if (length + 40 > sizeof head->path)
            kc_fail(e, KC_EINPUT, "%s: a path too long by %zu bytes", where,
                    length + 40 - sizeof head->path);
    }
    KC_TRY(kc_agree(g, e));
    kc_bcast(g, &is_folder, sizeof is_folder);
    if (is_folder)
        find_in_folder(g, where, head, e);
    else
        try_file(g, where, head, e);
out:
    return e->code;
}
