/* SPDX-License-Identifier: BSD-3-Clause */
#include "../folder.h"

#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kcap/io/file.h"
#include "kcap/io/new_file.h"

static const char *at(const char *folder, const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

/* Write it with this text; returns the code. */
static int put(const char *path, const char *text, kc_error *e)
{
    kc_new_file f;
    *e = (kc_error){0};
    if (kc_new_file_begin(&f, path, "a,b", e) == KC_OK)
        fputs(text, f.out);
    return kc_new_file_end(&f, e);
}

static void holds(const char *path, const char *text)
{
    char found[32] = "";
    kc_error e = {0};
    assert_int_equal(kc_file_read(path, found, sizeof found, &e), KC_OK);
    assert_string_equal(found, text);
}

/* Nothing but this file is in the folder. */
static void alone(const char *folder, const char *name)
{
    kc_error e = {0};
    assert_int_equal(kc_file_remove(at(folder, name), &e), KC_OK);
    assert_int_equal(kc_folder_full(folder), 0);
}

KC_TEST(whole_in_place_of_what_was_there)
{
    const char *folder = test_folder();
    kc_error e;
    assert_int_equal(put(at(folder, "a.csv"), "old", &e), KC_OK);
    assert_int_equal(put(at(folder, "a.csv"), "new", &e), KC_OK);
    holds(at(folder, "a.csv"), "a,b\nnew");
    alone(folder, "a.csv");
    assert_int_equal(put(at(folder, "b/c/d.csv"), "x", &e), KC_OK);
    holds(at(folder, "b/c/d.csv"), "a,b\nx");
}

/* Whatever begins with another line is not one of these. An empty file is nobody's. */
KC_TEST(in_place_of_its_like_alone)
{
    static const char *const others[] = {"a,b,c\n", "a\n", "\x89HDF\r\n", "\n"};
    const char *folder = test_folder();
    kc_error e;
    for (size_t i = 0; i < sizeof others / sizeof *others; ++i) {
        e = (kc_error){0};
        assert_int_equal(kc_file_write(at(folder, "a.csv"), others[i], &e), KC_OK);
        assert_int_equal(put(at(folder, "a.csv"), "x", &e), KC_EINPUT);
        assert_non_null(strstr(e.text, "a.csv: is there, and its first line is not `a,b`"));
        holds(at(folder, "a.csv"), others[i]);
    }
    e = (kc_error){0};
    assert_int_equal(kc_file_write(at(folder, "a.csv"), "", &e), KC_OK);
    assert_int_equal(put(at(folder, "a.csv"), "x", &e), KC_OK);
    alone(folder, "a.csv");
}

/* An error before its end, or a disk that is full: what was there is there, and nothing else. */
KC_TEST(or_not_at_all)
{
    const char *folder = test_folder();
    const struct rlimit whole = {RLIM_INFINITY, RLIM_INFINITY}, less = {1024, RLIM_INFINITY};
    char text[4096];
    kc_new_file f;
    kc_error e;
    memset(text, 'x', sizeof text / 2); /* less than stdio keeps back */
    text[sizeof text / 2] = 0;
    assert_int_equal(put(at(folder, "a.csv"), "old", &e), KC_OK);
    assert_int_equal(kc_new_file_begin(&f, at(folder, "a.csv"), "a,b", &e), KC_OK);
    kc_fail(&e, KC_EPEER, "another's");
    assert_int_equal(kc_new_file_end(&f, &e), KC_EPEER);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &less), 0);
    assert_int_equal(put(at(folder, "a.csv"), text, &e), KC_EIO);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &whole), 0);
    assert_non_null(strstr(e.text, "a.csv.partial: cannot be written: File too large"));
    holds(at(folder, "a.csv"), "a,b\nold");
    alone(folder, "a.csv");
}

/* A name that is a device's, a pipe's or a folder's is never taken from it. */
KC_TEST(of_no_regular_file)
{
    static const char *const names[] = {"pipe", "null", "."};
    const char *folder = test_folder();
    char deep[2 * KC_PATH_MAX];
    struct stat s;
    kc_error e;
    assert_int_equal(mkfifo(at(folder, "pipe"), 0600), 0);
    assert_int_equal(symlink("/dev/null", at(folder, "null")), 0);
    for (size_t i = 0; i < sizeof names / sizeof *names; ++i) {
        assert_int_equal(put(at(folder, names[i]), "x", &e), KC_EINPUT);
        assert_non_null(strstr(e.text, "is there and no regular file"));
    }
    assert_int_equal(lstat(at(folder, "null"), &s), 0);
    assert_true(S_ISLNK(s.st_mode));
    memset(deep, 'x', sizeof deep - 1);
    deep[sizeof deep - 1] = 0;
    assert_int_equal(put(deep, "x", &e), KC_EINPUT);
    assert_non_null(strstr(e.text, "a path of 2047 bytes"));
}

KC_TEST(one_writes_at_a_time)
{
    const char *path = at(test_folder(), "a.csv");
    kc_new_file first;
    kc_error e = {0}, other;
    assert_int_equal(kc_new_file_begin(&first, path, "a,b", &e), KC_OK);
    fputs("first", first.out);
    assert_int_equal(put(path, "second", &other), KC_EINPUT);
    assert_non_null(strstr(other.text, "a.csv: in use by process "));
    assert_non_null(strstr(other.text, "or choose another name"));
    assert_int_equal(kc_new_file_end(&first, &e), KC_OK);
    holds(path, "a,b\nfirst");
}

KC_TEST_MAIN(NULL, NULL)
