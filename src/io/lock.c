/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/io/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "io/owner.h"
#include "kcap/base/clock.h"
#include "kcap/base/memory.h"
#include "kcap/base/text.h"
#include "kcap/base/ticker.h"
#include "kcap/io/file.h"

/* Seconds that a killed process has to be gone, that texts of two hosts have to meet, and of a look. */
static const double dying = 3, settling = 3, look = 0.05;

struct kc_lock {
    char folder[KC_PATH_MAX], path[KC_PATH_MAX + 32], text[KC_OWNER_TEXT];
    const char *what, *kind; /* that is locked: a path; folder or name, of which another may do */
    size_t old;              /* of folder's characters: those of what was there before */
    int fd;
    kc_ticker *beat;
};

static void nap(double seconds)
{
    const struct timespec t = {(time_t)seconds, (long)(1e9 * (seconds - (double)(time_t)seconds))};
    nanosleep(&t, NULL);
}

/* Length of the longest part of a path that is there. */
static size_t part_there(const char *path)
{
    char part[KC_PATH_MAX];
    size_t n = strlen(path);
    snprintf(part, sizeof part, "%s", path);
    while (n > 0 && access(part, F_OK) != 0) {
        while (n > 0 && part[n - 1] == '/')
            part[--n] = 0;
        while (n > 0 && part[n - 1] != '/')
            part[--n] = 0;
    }
    return n;
}

static void read_text(int fd, char text[KC_OWNER_TEXT])
{
    const ssize_t n = pread(fd, text, KC_OWNER_TEXT - 1, 0);
    text[n > 0 ? n : 0] = 0;
}

static int refuse(const kc_lock *l, kc_error *e)
{
    char text[KC_OWNER_TEXT], who[256] = "a process that has not said who it is";
    kc_owner owner;
    const int fd = open(l->path, O_RDONLY | O_CLOEXEC);
    text[0] = 0;
    if (fd >= 0) {
        read_text(fd, text);
        close(fd);
    }
    const int known = kc_owner_read(text, &owner), here = known && kc_owner_lives(&owner) >= 0;
    if (known)
        kc_owner_say(&owner, who, sizeof who);
    return kc_fail(e, KC_EINPUT, "%s: in use by %s; wait until it has ended%s%.500s", l->what, who,
                   here ? ", or choose another " : ", or, if it surely has, remove ",
                   here ? l->kind : l->path);
}

/* l->fd of the file, or -1: it cannot be made, and neither could anything else in this folder. */
static int open_file(kc_lock *l, kc_error *e)
{
    struct stat s;
    l->fd = open(l->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666);
    const int why = errno, is_file = l->fd >= 0 && fstat(l->fd, &s) == 0 && S_ISREG(s.st_mode);
    if (is_file)
        return KC_OK;
    if (l->fd >= 0)
        close(l->fd);
    if (l->fd >= 0 || why == EISDIR || why == ELOOP || why == ENXIO) {
        l->fd = -1;
        return kc_fail(e, KC_EINPUT, "%s: no regular file, which a lock must be; move it away",
                       l->path);
    }
    if (access(l->path, F_OK) == 0)
        return kc_fail(e, KC_EINPUT, "%s: cannot be locked: %s", l->path, strerror(why));
    const int cannot = why == EACCES || why == EROFS || why == EPERM || why == ENOTDIR;
    return cannot ? KC_OK : kc_fail(e, KC_EIO, "%s: cannot create it: %s", l->path, strerror(why));
}

/* Is the open file still the one of this name? Who had it removes it. */
static int is_current(const kc_lock *l)
{
    struct stat mine, there;
    return fstat(l->fd, &mine) == 0 && stat(l->path, &there) == 0 && mine.st_ino == there.st_ino &&
           mine.st_dev == there.st_dev;
}

/* Open the file and lock it in the kernel; *shared: where that is not possible.
 * One that was just killed may still be ending. */
static int lock_file(kc_lock *l, int *shared, kc_error *e)
{
    const double until = kc_clock() + dying;
    for (;;) {
        if (open_file(l, e) != KC_OK || l->fd < 0)
            return e->code;
        const int free = flock(l->fd, LOCK_EX | LOCK_NB) == 0;
        *shared = !free && errno != EWOULDBLOCK;
        if ((free || *shared) && is_current(l))
            return KC_OK;
        close(l->fd);
        l->fd = -1;
        if (kc_clock() > until)
            return refuse(l, e);
        nap(look);
    }
}

/* Of another host's file: 1 when somebody renews it. Opened anew each time, since that is when a network
 * file system asks its server. */
static int is_renewed(const kc_lock *l, double patience)
{
    struct stat first = {0}, now;
    const double until = kc_clock() + patience;
    for (int i = 0; kc_clock() < until; ++i) {
        const int fd = open(l->path, O_RDONLY | O_CLOEXEC);
        const int there = fd >= 0 && fstat(fd, &now) == 0;
        if (fd >= 0)
            close(fd);
        if (!there)
            return 1;
        if (i == 0)
            first = now;
        if (now.st_ino != first.st_ino || now.st_mtim.tv_sec != first.st_mtim.tv_sec ||
            now.st_mtim.tv_nsec != first.st_mtim.tv_nsec)
            return 1;
        nap(patience < 8 ? patience / 8 : 1);
    }
    return 0;
}

/* Does the file say what this process wrote? */
static int is_mine(const kc_lock *l)
{
    char text[KC_OWNER_TEXT] = "";
    const int fd = open(l->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT; /* removed by hand: nobody else's */
    read_text(fd, text);
    close(fd);
    return strcmp(text, l->text) == 0;
}

static int write_text(kc_lock *l, kc_error *e)
{
    const ssize_t n = (ssize_t)strlen(l->text);
    errno = ENOSPC;
    if (ftruncate(l->fd, 0) != 0 || pwrite(l->fd, l->text, (size_t)n, 0) != n || fsync(l->fd) != 0)
        kc_fail(e, KC_EIO, "%s: cannot write it: %s", l->path, strerror(errno));
    if (e->code)
        unlink(l->path);
    return e->code;
}

/* The file is open and no living process of this kernel has it: whose is it? */
static int claim(kc_lock *l, double patience, int shared, kc_error *e)
{
    char text[KC_OWNER_TEXT];
    kc_owner owner;
    read_text(l->fd, text);
    const int lives = kc_owner_read(text, &owner) ? kc_owner_lives(&owner) : 0;
    if (lives > 0 || (lives < 0 && is_renewed(l, patience)))
        return refuse(l, e);
    if (write_text(l, e) != KC_OK)
        return e->code;
    /* Where kernels do not tell hosts apart the last to write has it. */
    if (shared || lives < 0)
        nap(settling);
    return is_mine(l) ? KC_OK : refuse(l, e);
}

/* Show that this process lives, and see that nobody took it for dead. */
static void renew(void *lock)
{
    const kc_lock *l = lock;
    if (!is_mine(l)) {
        fprintf(stderr, "kcap: %s: another process has taken this folder; this one ends\n",
                l->path);
        _exit(KC_EPEER);
    }
    futimens(l->fd, NULL);
}

/* The folders that were made, the innermost first, as far as they are empty. */
static void remove_folders(kc_lock *l)
{
    for (size_t n = strlen(l->folder); n > l->old && rmdir(l->folder) == 0;) {
        while (n > l->old && l->folder[n - 1] == '/')
            l->folder[--n] = 0;
        while (n > l->old && l->folder[n - 1] != '/')
            l->folder[--n] = 0;
    }
}

static kc_lock *named(const char *what, const char *kind)
{
    kc_lock *l = kc_alloc(1, sizeof *l, "lock");
    l->what = what;
    l->kind = kind;
    return l;
}

/* l: which folder and file. */
static int take(kc_lock *l, double patience, kc_lock **lock, kc_error *e)
{
    kc_owner self;
    int shared = 0;
    *lock = NULL;
    l->fd = -1;
    l->old = part_there(l->folder);
    kc_owner_self(&self);
    kc_owner_write(&self, l->text);
    KC_TRY(kc_folders_create(l->folder, e));
    KC_TRY(lock_file(l, &shared, e));
    if (l->fd < 0)
        goto out;
    KC_TRY(claim(l, patience, shared, e));
    l->beat = kc_ticker_start(KC_LOCK_BEAT, renew, l);
    *lock = l;
    return KC_OK;
out:
    if (l->fd >= 0)
        close(l->fd);
    remove_folders(l);
    free(l);
    return e->code;
}

int kc_lock_take(const char *folder, const char *name, double patience, kc_lock **lock, kc_error *e)
{
    kc_lock *l = named(folder, "folder");
    snprintf(l->folder, sizeof l->folder, "%s", folder);
    snprintf(l->path, sizeof l->path, "%s/%s", folder, name);
    return take(l, patience, lock, e);
}

int kc_lock_file(const char *path, kc_lock **lock, kc_error *e)
{
    const char *slash = strrchr(path, '/');
    kc_lock *l = named(path, "name");
    snprintf(l->folder, sizeof l->folder, "%.*s", slash ? (int)(slash - path) + 1 : 1,
             slash ? path : ".");
    snprintf(l->path, sizeof l->path, "%s.lock", path);
    return take(l, KC_LOCK_PATIENCE, lock, e);
}

void kc_lock_release(kc_lock *l)
{
    if (!l)
        return;
    kc_ticker_end(l->beat);
    if (is_mine(l))
        unlink(l->path);
    close(l->fd);
    remove_folders(l);
    free(l);
}
