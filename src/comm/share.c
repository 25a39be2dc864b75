/* SPDX-License-Identifier: BSD-3-Clause */
/* The memory is a file without a name (memfd_create) of the first rank on a node, which the others open
 * under /proc: it has no size that someone set, as /dev/shm has in containers, and goes with the last
 * process that maps it, so that none waits for another to let it go. */
#include "kcap/comm/share.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kcap/base/memory.h"

enum { ALIGNED = 64 };

void kc_image_array(kc_image *image, void *array, int64_t n, size_t size)
{
    const int64_t bytes = n * (int64_t)size;
    char *to = image->at + image->used, *own;

    image->used += (bytes + ALIGNED - 1) / ALIGNED * ALIGNED;
    if (image->step == KC_IMAGE_COUNT)
        return;
    memcpy(&own, array, sizeof own);
    if (image->step == KC_IMAGE_LAY) {
        memcpy(to, own, (size_t)bytes);
        free(own);
    }
    memcpy(array, &to, sizeof to);
}

/* The first rank's file and how others find it; -1: it has none. Where ranks have containers of their own
 * the path may lead to another process's file: a file is told by its number in its file system. */
typedef struct file {
    int fd, pid;
    dev_t system;
    ino_t number;
} file;

static file file_create(int64_t bytes)
{
    file f = {.fd = memfd_create("kcap", MFD_CLOEXEC), .pid = getpid()};
    struct stat s = {0};

    if (f.fd >= 0 && (posix_fallocate(f.fd, 0, bytes) != 0 || fstat(f.fd, &s) != 0)) {
        close(f.fd);
        f.fd = -1;
    }
    f.system = s.st_dev;
    f.number = s.st_ino;
    return f;
}

static int is_it(int fd, const file *f)
{
    struct stat s;

    return fstat(fd, &s) == 0 && s.st_dev == f->system && s.st_ino == f->number;
}

/* Map it; NULL: it cannot be. */
static void *map(const kc_grid *node, const file *f, int64_t bytes)
{
    char path[64];
    void *at = MAP_FAILED;
    int fd = f->fd;

    if (fd < 0)
        return NULL;
    snprintf(path, sizeof path, "/proc/%d/fd/%d", f->pid, f->fd);
    if (node->rank > 0)
        fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && is_it(fd, f))
        at = mmap(NULL, (size_t)bytes, node->rank ? PROT_READ : PROT_READ | PROT_WRITE, MAP_SHARED,
                  fd, 0);
    if (node->rank > 0 && fd >= 0)
        close(fd);
    return at == MAP_FAILED ? NULL : at;
}

/* Memory in common, or where one rank of the node cannot have it memory of each one's own. */
static void shared_create(const kc_grid *node, int64_t bytes, kc_shared *s)
{
    file f = {.fd = -1};
    kc_error e = {0};

    if (node->rank == 0 && node->size > 1)
        f = file_create(bytes);
    kc_bcast(node, &f, sizeof f);
    *s = (kc_shared){.at = map(node, &f, bytes), .bytes = bytes, .is_mapped = 1};
    if (!s->at)
        kc_fail(&e, KC_EIO, "not in common");
    const int code = kc_agree(node, &e);
    if (node->rank == 0 && f.fd >= 0)
        close(f.fd);
    if (code == KC_OK)
        return;
    if (s->at)
        munmap(s->at, (size_t)bytes);
    *s = (kc_shared){.at = kc_alloc(bytes, 1, "bytes of a table"), .bytes = bytes};
}

void kc_share(const kc_grid *g, void (*list)(void *of, kc_image *image), void *of, kc_shared *s)
{
    kc_image image = {.step = KC_IMAGE_COUNT};
    kc_grid node, filled;

    if (g->rank == 0)
        list(of, &image);
    kc_bcast(g, &image, sizeof image);
    kc_grid_split(g, g->node, &node);
    shared_create(&node, image.used + 1, s);
    image = (kc_image){.step = g->rank ? KC_IMAGE_FIND : KC_IMAGE_LAY, .at = s->at};
    if (g->rank == 0)
        list(of, &image);
    const int fills = node.rank == 0 || !s->is_mapped;
    kc_grid_split(g, fills, &filled);
    if (fills)
        kc_bcast(&filled, s->at, (size_t)s->bytes);
    kc_barrier(g);
    if (g->rank > 0)
        list(of, &image);
    kc_grid_leave(&filled);
    kc_grid_leave(&node);
}

void kc_shared_free(kc_shared *s)
{
    if (s->is_mapped)
        munmap(s->at, (size_t)s->bytes);
    else
        free(s->at);
    *s = (kc_shared){.at = NULL};
}
