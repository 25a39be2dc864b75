/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/io/new_file.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "kcap/io/file.h"

/* Is a file empty, or does it begin with this line? */
static int begins_with(const char *path, const char *heading)
{
    char line[256] = "";
    FILE *f = fopen(path, "r");
    const int is_empty = f && !fgets(line, sizeof line, f) && feof(f);
    if (f)
        fclose(f);
    return is_empty ||
           (strcspn(line, "\n") == strlen(heading) && strncmp(line, heading, strlen(heading)) == 0);
}

/* A device, a pipe or a folder would be replaced by the file, not written to. */
static int check(const char *path, const char *heading, kc_error *e)
{
    struct stat s;
    if (strlen(path) >= KC_PATH_MAX)
        return kc_fail(e, KC_EINPUT, "%.100s...: a path of %zu bytes; at most %d", path,
                       strlen(path), KC_PATH_MAX - 1);
    if (stat(path, &s) != 0)
        return KC_OK;
    if (!S_ISREG(s.st_mode))
        return kc_fail(e, KC_EINPUT, "%s: is there and no regular file; choose another name", path);
    return begins_with(path, heading)
               ? KC_OK
               : kc_fail(e, KC_EINPUT,
                         "%s: is there, and its first line is not `%s`; choose another name", path,
                         heading);
}

int kc_new_file_begin(kc_new_file *f, const char *path, const char *heading, kc_error *e)
{
    *f = (kc_new_file){.path = path};
    KC_TRY(check(path, heading, e));
    snprintf(f->partial, sizeof f->partial, "%s.partial", path);
    KC_TRY(kc_lock_file(path, &f->lock, e));
    KC_TRY(kc_file_remove(f->partial, e)); /* what a kill has left */
    f->out = fopen(f->partial, "wx");
    if (!f->out)
        kc_fail(e, KC_EIO, "%s: cannot be written: %s", f->partial, strerror(errno));
    else
        fprintf(f->out, "%s\n", heading);
out:
    if (e->code)
        kc_lock_release(f->lock);
    return e->code;
}

static int close_it(kc_new_file *f, kc_error *e)
{
    const int failed = ferror(f->out);
    errno = ENOSPC; /* what a failed write means that has not said why */
    if (fclose(f->out) != 0 || failed)
        kc_fail(e, KC_EIO, "%s: cannot be written: %s", f->partial, strerror(errno));
    return e->code;
}

int kc_new_file_end(kc_new_file *f, kc_error *e)
{
    kc_error ignored = {0};
    if (!f->out)
        return e->code;
    KC_TRY(close_it(f, e));
    KC_TRY(kc_file_sync(f->partial, e));
    KC_TRY(kc_file_rename(f->partial, f->path, e));
out:
    if (e->code)
        kc_file_remove(f->partial, &ignored);
    kc_lock_release(f->lock);
    *f = (kc_new_file){.out = NULL};
    return e->code;
}
