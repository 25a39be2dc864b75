/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/base/open.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *kind_of(mode_t mode)
{
    return S_ISDIR(mode) ? "a folder" : S_ISFIFO(mode) ? "a pipe" : "a device";
}

FILE *kc_open_regular(const char *path, kc_error *e)
{
    struct stat s;
    FILE *f = NULL;
    const int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, &s) == 0 && !S_ISREG(s.st_mode)) {
        kc_fail(e, KC_EINPUT, "%s: cannot be read: it is %s; kcap reads regular files", path,
                kind_of(s.st_mode));
        errno = EINVAL;
    } else if (fd < 0 || (f = fdopen(fd, "rb")) == NULL)
        kc_fail(e, KC_EINPUT, "%s: cannot be read: %s", path, strerror(errno));
    const int why = errno;
    if (f == NULL && fd >= 0)
        close(fd);
    errno = why;
    return f;
}
