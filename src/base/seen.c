/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/base/seen.h"

#include <string.h>
#include <sys/stat.h>

static kc_seen seen_of(int code, const struct stat *s)
{
    if (code != 0 || !S_ISREG(s->st_mode))
        return (kc_seen){.bytes = -1};
    return (kc_seen){.bytes = s->st_size,
                     .device = (int64_t)s->st_dev,
                     .inode = (int64_t)s->st_ino,
                     .seconds = s->st_mtim.tv_sec,
                     .nanoseconds = s->st_mtim.tv_nsec};
}

kc_seen kc_see(const char *path)
{
    struct stat s;
    const int code = stat(path, &s);
    return seen_of(code, &s);
}

kc_seen kc_see_open(FILE *f)
{
    struct stat s;
    const int code = fstat(fileno(f), &s);
    return seen_of(code, &s);
}

int kc_seen_still(const char *path, const kc_seen *was, kc_seen now, kc_error *e)
{
    static const char advice[] = "run again when nothing writes to it";
    const long long before = was->bytes, after = now.bytes;
    if (memcmp(was, &now, sizeof now) == 0)
        return KC_OK;
    if (after < 0)
        return kc_fail(e, KC_EINPUT, "%s: removed while kcap read it; %s", path, advice);
    if (after != before)
        return kc_fail(e, KC_EINPUT, "%s: changed while kcap read it, from %lld bytes to %lld; %s",
                       path, before, after, advice);
    return kc_fail(e, KC_EINPUT, "%s: written to while kcap read it, and of %lld bytes still; %s",
                   path, after, advice);
}
