/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/io/file.h"

#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "kcap/base/open.h"
#include "kcap/base/text.h"
#include "kcap/io/lock.h"

static int fail(kc_error *e, int code, const char *path, const char *what)
{
    return kc_fail(e, code, "%s: %s: %s", path, what, strerror(errno));
}

int64_t kc_file_size(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0 ? (int64_t)s.st_size : -1;
}

int kc_file_reserve(const char *path, int64_t bytes, kc_error *e)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_NONBLOCK | O_CLOEXEC, 0666);
    if (fd < 0)
        return fail(e, KC_EIO, path, "cannot create it");
    int code = fallocate(fd, 0, 0, bytes);
    if (code != 0 && (errno == EOPNOTSUPP || errno == ENOSYS))
        code = ftruncate(fd, bytes);
    if (code != 0)
        kc_fail(e, KC_EIO, "%s: no room for %lld bytes: %s", path, (long long)bytes,
                strerror(errno));
    close(fd);
    return e->code;
}

int kc_file_write(const char *path, const char *text, kc_error *e)
{
    size_t bytes = strlen(text);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK | O_CLOEXEC, 0666);
    if (fd < 0)
        return fail(e, KC_EIO, path, "cannot create it");
    errno = ENOSPC; /* what a short write means */
    if (write(fd, text, bytes) != (ssize_t)bytes || fsync(fd) != 0)
        fail(e, KC_EIO, path, "cannot write it");
    if (close(fd) != 0)
        fail(e, KC_EIO, path, "cannot close it");
    return e->code;
}

int kc_file_read(const char *path, char *text, int64_t size, kc_error *e)
{
    FILE *f = kc_open_regular(path, e);
    if (f == NULL)
        return e->code;
    size_t n = fread(text, 1, (size_t)size, f);
    if (ferror(f))
        fail(e, KC_EINPUT, path, "cannot read it");
    else if (n == (size_t)size)
        kc_fail(e, KC_EINPUT, "%s: longer than %lld bytes", path, (long long)size - 1);
    else
        text[n] = 0;
    fclose(f);
    return e->code;
}

const char *kc_file_folder(const char *path, char folder[KC_PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    const int above = slash ? (int)(slash - path) : 0;
    snprintf(folder, KC_PATH_MAX, "%.*s", above ? above : 1, above ? path : slash ? "/" : ".");
    return folder;
}

int kc_file_sync(const char *path, kc_error *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail(e, KC_EIO, path, "cannot open it");
    if (fsync(fd) != 0)
        fail(e, KC_EIO, path, "fsync");
    close(fd);
    return e->code;
}

int kc_file_rename(const char *from, const char *to, kc_error *e)
{
    if (rename(from, to) != 0)
        return kc_fail(e, KC_EIO, "%s: cannot rename it to %s: %s", from, to, strerror(errno));
    return KC_OK;
}

int kc_file_remove(const char *path, kc_error *e)
{
    struct stat s;
    /* A file system that is read alone says so, and not that there is none. */
    if (unlink(path) != 0 && lstat(path, &s) == 0)
        return fail(e, KC_EIO, path, "cannot remove it");
    return KC_OK;
}

int kc_folder_full(const char *path)
{
    DIR *d = opendir(path);
    if (!d)
        return errno == ENOENT ? 0 : -1;
    int n = 0;
    for (struct dirent *x; (x = readdir(d));)
        n += strcmp(x->d_name, ".") != 0 && strcmp(x->d_name, "..") != 0 &&
             strcmp(x->d_name, KC_LOCK_RUN) != 0;
    closedir(d);
    return n > 0;
}

int kc_folder_create(const char *path, kc_error *e)
{
    struct stat s;
    if (mkdir(path, 0777) == 0 || (errno == EEXIST && stat(path, &s) == 0 && S_ISDIR(s.st_mode)))
        return KC_OK;
    return fail(e, KC_EIO, path, "cannot create this folder");
}

/* Read n bytes at `at` of a file that had `bytes`. */
static int read_chunk(int fd, const char *path, int64_t bytes, int64_t at, int64_t n, char *to,
                      kc_error *e)
{
    for (int64_t done = 0; done < n;) {
        ssize_t got = pread(fd, to + done, (size_t)(n - done), (off_t)(at + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail(e, KC_EINPUT, path, "cannot read it");
        if (got == 0)
            return kc_fail(e, KC_EINPUT,
                           "%s: ends after %lld bytes, of the %lld that it had: it was cut while "
                           "kcap read it; run again when nothing writes to it",
                           path, (long long)(at + done), (long long)bytes);
        done += got;
    }
    return KC_OK;
}

int kc_file_hash(const char *path, int64_t bytes, int64_t chunk, int64_t first, int64_t step,
                 uint64_t *hashes, kc_error *e)
{
    FILE *f = kc_open_regular(path, e);
    if (f == NULL)
        return e->code;
    char *buffer = malloc((size_t)chunk);
    KC_ROOM(buffer, "out of memory for %lld bytes", (long long)chunk);
    for (int64_t i = first; i * chunk < bytes; i += step) {
        int64_t n = bytes - i * chunk < chunk ? bytes - i * chunk : chunk;
        KC_TRY(read_chunk(fileno(f), path, bytes, i * chunk, n, buffer, e));
        *hashes++ = XXH3_64bits(buffer, (size_t)n);
    }
out:
    free(buffer);
    fclose(f);
    return e->code;
}

uint64_t kc_hash_combine(const uint64_t *hashes, int64_t n)
{
    XXH3_state_t *state = XXH3_createState();
    KC_ROOM(state && XXH3_64bits_reset(state) == XXH_OK, "out of memory");
    for (int64_t i = 0; i < n; ++i) {
        uint64_t word = htole64(hashes[i]);
        XXH3_64bits_update(state, &word, sizeof word);
    }
    uint64_t all = XXH3_64bits_digest(state);
    XXH3_freeState(state);
    return all;
}

int kc_folders_create(const char *path, kc_error *e)
{
    char part[KC_PATH_MAX];
    for (const char *at = path; *at; ++at) {
        const char *end = at[1] == '/' || at[1] == 0 ? at + 1 : NULL;
        if (!end || *at == '/')
            continue;
        snprintf(part, sizeof part, "%.*s", (int)(end - path), path);
        if (mkdir(part, 0777) != 0 && errno != EEXIST)
            return *end ? kc_fail(e, KC_EIO, "%s: cannot be made, since %s cannot: %s", path, part,
                                  strerror(errno))
                        : fail(e, KC_EIO, path, "this folder cannot be made");
    }
    return KC_OK;
}
