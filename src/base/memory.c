/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/base/memory.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "kcap/base/err.h"

void *kc_alloc(int64_t n, size_t size, const char *what)
{
    KC_CHECK(n >= 0, "%lld %s", (long long)n, what);
    const int possible = (size_t)n <= SIZE_MAX / 2 / size;
    void *p = possible ? calloc(n ? (size_t)n : 1, size) : NULL;
    KC_ROOM(p, "out of memory for %lld %s", (long long)n, what);
    return p;
}

/* What grows by doubling, and from there on by a quarter: pages of its own, which move without being copied. */
static const size_t large = (size_t)1 << 24;

void *kc_grow(void *p, int64_t *room, int64_t need, size_t size)
{
    int64_t more = *room;
    if (need <= *room)
        return p;
    while (more < need)
        more = !more ? 64 : (size_t)more * size < large ? 2 * more : more + more / 4;
    p = realloc(p, (size_t)more * size);
    KC_ROOM(p, "out of memory for %lld elements of %zu bytes", (long long)more, size);
    memset((char *)p + (size_t)*room * size, 0, (size_t)(more - *room) * size);
    *room = more;
    return p;
}

int64_t kc_memory_of_process(void)
{
    struct rlimit most;
    long long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f && fscanf(f, "%lld", &pages) != 1)
        pages = 0;
    if (f)
        fclose(f);
    if (getrlimit(RLIMIT_AS, &most) != 0 || most.rlim_cur >= INT64_MAX)
        return INT64_MAX;
    const int64_t left = (int64_t)most.rlim_cur - pages * sysconf(_SC_PAGESIZE);
    return left > 1 ? left : 1;
}

int64_t kc_memory_of_stack(void)
{
    pthread_attr_t attributes;
    size_t bytes = 0;
    if (pthread_getattr_np(pthread_self(), &attributes) != 0)
        return INT64_MAX;
    if (pthread_attr_getstacksize(&attributes, &bytes) != 0)
        bytes = SIZE_MAX;
    pthread_attr_destroy(&attributes);
    return bytes < INT64_MAX ? (int64_t)bytes : INT64_MAX;
}

static int64_t available_kernel(void)
{
    FILE *f = fopen("/proc/meminfo", "r");
    char line[256];
    int64_t kib = 0;
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "MemAvailable: %" SCNd64, &kib) == 1)
            break;
    if (f)
        fclose(f);
    return kib * 1024;
}

/* The number a file holds; -1 where there is none (`max`, no file). */
static int64_t number_in(const char *folder, const char *name)
{
    char path[768];
    int64_t n = -1;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "r");
    if (f && fscanf(f, "%" SCNd64, &n) != 1)
        n = -1;
    if (f)
        fclose(f);
    return n;
}

/* What is left in a control group and in those it is in, up to the mount point. */
static int64_t left_in(const char *mount, const char *group, const char *limit, const char *usage)
{
    char path[512];
    int64_t least = INT64_MAX;
    snprintf(path, sizeof path, "%s%s", mount, group);
    for (;;) {
        const int64_t most = number_in(path, limit), used = number_in(path, usage);
        if (most >= 0 && used >= 0 && most - used < least)
            least = most > used ? most - used : 0;
        char *slash = strrchr(path, '/');
        if (!slash || strlen(path) <= strlen(mount))
            return least;
        *slash = 0;
    }
}

static int64_t available_group(void)
{
    FILE *f = fopen("/proc/self/cgroup", "r");
    char line[512];
    int64_t least = INT64_MAX;
    while (f && fgets(line, sizeof line, f)) {
        int64_t left = INT64_MAX;
        char *group = strchr(line, ':') ? strchr(strchr(line, ':') + 1, ':') : NULL;
        line[strcspn(line, "\n")] = 0;
        if (group && strncmp(line, "0::", 3) == 0)
            left = left_in("/sys/fs/cgroup", group + 1, "memory.max", "memory.current");
        else if (group && strstr(line, ":memory:"))
            left = left_in("/sys/fs/cgroup/memory", group + 1, "memory.limit_in_bytes",
                           "memory.usage_in_bytes");
        least = left < least ? left : least;
    }
    if (f)
        fclose(f);
    return least;
}

int64_t kc_memory_available(void)
{
    const int64_t kernel = available_kernel(), group = available_group();
    return kernel > 0 && kernel < group ? kernel : group < INT64_MAX ? group : kernel;
}
