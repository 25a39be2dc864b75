/* SPDX-License-Identifier: BSD-3-Clause */

#include "../folder.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kcap/base/open.h"

static void refused(const char *path, int number, const char *word)
{
    kc_error e = {0};
    alarm(10); /* what waits is killed */
    assert_null(kc_open_regular(path, &e));
    assert_int_equal(errno, number);
    alarm(0);
    assert_int_equal(e.code, KC_EINPUT);
    assert_memory_equal(e.text, path, strlen(path));
    if (strstr(e.text, word) == NULL)
        fail_msg("'%s' does not say '%s'", e.text, word);
}

KC_TEST(only_regular_files_are_read_and_nothing_waits)
{
    const char *dir = test_folder(), *path = test_text("%s/file", dir);
    const char *fifo = test_text("%s/fifo", dir), *link = test_text("%s/link", dir);
    kc_error e = {0};
    char text[8] = "";
    FILE *f = fopen(path, "w");
    fputs("abc", f);
    fclose(f);
    assert_int_equal(symlink(path, link), 0);
    assert_non_null(f = kc_open_regular(link, &e));
    assert_string_equal(fgets(text, sizeof text, f), "abc");
    fclose(f);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    refused(fifo, EINVAL, "a pipe");
    refused(dir, EINVAL, "a folder");
    refused("/dev/zero", EINVAL, "a device");
    refused(test_text("%s/absent", dir), ENOENT, "No such file");
    refused(test_text("%s/file/below", dir), ENOTDIR, "Not a directory");
}

KC_TEST_MAIN(NULL, NULL)
