/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_TESTS_RECORD_SANDBOX_H
#define KCAP_TESTS_RECORD_SANDBOX_H

#include "../folder.h"

#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kcap/types/record.h"

/* What the tests of src/record share: a stamp, a limit of file size, Python. */

/* Files in a folder whose name holds `part`. */
static inline int sandbox_count(const char *folder, const char *part)
{
    int n = 0;
    DIR *d = opendir(folder);
    for (struct dirent *entry; d != NULL && (entry = readdir(d)) != NULL;)
        n += strstr(entry->d_name, part) != NULL;
    if (d != NULL)
        closedir(d);
    return n;
}

#define SANDBOX_TEXT(name)              "text of " #name
#define SANDBOX_INT(name)               (int64_t)sizeof #name
#define SANDBOX_REAL(name)              (double)sizeof #name / 3.0
#define SANDBOX_FIELD(type, name, help) .name = SANDBOX_##type(name),

static inline kc_stamp sandbox_stamp(void)
{
    kc_stamp stamp = {KC_STAMPS(SANDBOX_FIELD)};
    stamp.config = "model:\n  layers: 2 # \xc3\xa4\n";
    stamp.config_hash = "0123456789abcdef";
    stamp.run_id = "run-7";
    stamp.kernel = "zen3";
    stamp.first_step = 1;
    stamp.imported_from = stamp.transformed_by = stamp.quantized_by = "";
    return stamp;
}

/* A full disk, as this process sees it. 0 lifts the limit. */
static inline void sandbox_limit(rlim_t bytes)
{
    struct rlimit limit = {0, RLIM_INFINITY};
    signal(SIGXFSZ, SIG_IGN);
    limit.rlim_cur = bytes ? bytes : RLIM_INFINITY;
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
        abort();
}

/* Let Python with h5py run this; its exit status. One that has loaded h5py makes a copy of itself for each, since
 * loading takes longer than all that it is asked. */
static inline int sandbox_python(const char *code)
{
    static const char server[] = "import h5py, os, sys\n"
                                 "for size in iter(sys.stdin.buffer.readline, b''):\n"
                                 "    code = sys.stdin.buffer.read(int(size))\n"
                                 "    child = os.fork()\n"
                                 "    if child == 0:\n"
                                 "        exec(code, {'h5py': h5py})\n"
                                 "        break\n"
                                 "    os.write(1, b'%d' % os.waitpid(child, 0)[1])\n";
    static int there;
    char status[32] = "";
    if (!there) {
        int ends[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
            abort();
        if (fork() == 0) {
            dup2(ends[1], 0);
            dup2(ends[1], 1);
            execl("/usr/bin/python3", "/usr/bin/python3", "-c", server, NULL);
            _exit(127);
        }
        close(ends[1]);
        there = ends[0];
    }
    if (dprintf(there, "%zu\n%s", strlen(code), code) < 0 ||
        read(there, status, sizeof status - 1) <= 0)
        abort();
    return atoi(status);
}

#endif
