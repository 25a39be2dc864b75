/* SPDX-License-Identifier: BSD-3-Clause */

#include "../folder.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kcap/base/open.h"
#include "kcap/base/seen.h"

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

static void write_text(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

/* The file is another than it was; says how. */
static void changed(const char *path, const kc_seen *was, const char *says)
{
    kc_error e = {0};
    assert_int_equal(kc_seen_still(path, was, kc_see(path), &e), KC_EINPUT);
    assert_string_equal(e.text,
                        test_text("%s: %s; run again when nothing writes to it", path, says));
}

KC_TEST(a_file_that_changed_is_told_from_what_it_was)
{
    const char *dir = test_folder(), *path = test_text("%s/file", dir);
    const char *other = test_text("%s/other", dir);
    kc_error e = {0};
    write_text(path, "abc");
    write_text(other, "abc");
    FILE *f = fopen(path, "r");
    const kc_seen was = kc_see(path);
    assert_int_equal(kc_seen_still(path, &was, kc_see(path), &e), KC_OK);
    assert_int_equal(kc_seen_still(path, &was, kc_see_open(f), &e), KC_OK);
    const struct timespec times[2] = {{0, 0}, {0, 1}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    changed(path, &was, "written to while kcap read it, and of 3 bytes still");
    const kc_seen then = kc_see(path);
    write_text(path, "abcd");
    changed(path, &then, "changed while kcap read it, from 3 bytes to 4");
    const kc_seen longer = kc_see_open(f);
    assert_int_equal(rename(other, path), 0); /* what is open is what it was */
    assert_int_equal(kc_seen_still(path, &longer, kc_see_open(f), &e), KC_OK);
    changed(path, &longer, "changed while kcap read it, from 4 bytes to 3");
    assert_int_equal(unlink(path), 0);
    changed(path, &longer, "removed while kcap read it");
    assert_int_equal(kc_see(dir).bytes, -1);
    fclose(f);
}

KC_TEST_MAIN(NULL, NULL)
