/* SPDX-License-Identifier: BSD-3-Clause */

#include "../folder.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kcap/io/array.h"
#include "kcap/io/attribute.h"
#include "kcap/io/file.h"
#include "kcap/io/text.h"

typedef struct fixture {
    char path[64];
    kc_h5 file;
} fixture;

static void file_end(void *file)
{
    kc_h5_close(file, &(kc_error){0});
}

/* A new file in a folder of the test's own. */
static fixture *fixture_create(void)
{
    fixture *x = test_room(1, sizeof *x);
    kc_error e = {0};
    snprintf(x->path, sizeof x->path, "%s/file.h5", test_folder());
    assert_int_equal(kc_h5_create(&x->file, x->path, KC_H5_PLAIN, &e), 0);
    kc_test_owns(&x->file, file_end);
    return x;
}

static void says(const kc_error *e, int code, const char *part)
{
    assert_int_equal(e->code, code);
    if (strstr(e->text, part) == NULL)
        fail_msg("'%s' does not say '%s'", e->text, part);
}

/* Each range of flat indices is written and read alone and touches nothing else. */
KC_TEST(every_flat_range)
{
    fixture *x = fixture_create();
    static const int64_t shapes[][KC_H5_DIMS] = {{7}, {4, 5}, {3, 4, 3}, {2, 3, 2, 3}};
    for (int d = 1; d <= KC_H5_DIMS; ++d) {
        kc_error e = {0};
        kc_h5_array a;
        char name[8] = {'/', (char)('a' + d), 0};
        int64_t n = 1;
        double whole[64], zero[64] = {0}, part[64];
        for (int i = 0; i < d; ++i)
            n *= shapes[d - 1][i];
        assert_int_equal(kc_h5_array_create(&x->file, name, KC_H5_REAL, d, shapes[d - 1], &e), 0);
        assert_int_equal(kc_h5_array_open(&x->file, name, KC_H5_REAL, &a, &e), 0);
        assert_int_equal(a.n_dims, d);
        assert_memory_equal(a.dims, shapes[d - 1], (size_t)d * sizeof(int64_t));
        for (int64_t first = 0; first <= n; ++first)
            for (int64_t count = 0; first + count <= n; ++count) {
                for (int64_t i = 0; i < count; ++i)
                    part[i] = (double)(first * 100 + i + 1);
                assert_int_equal(kc_h5_array_write(&a, 0, n, zero, &e), 0);
                assert_int_equal(kc_h5_array_write(&a, first, count, part, &e), 0);
                assert_int_equal(kc_h5_array_read(&a, 0, n, whole, &e), 0);
                for (int64_t i = 0; i < n; ++i)
                    assert_true(whole[i] ==
                                (i >= first && i < first + count ? part[i - first] : 0));
                memset(part, 0, sizeof part);
                assert_int_equal(kc_h5_array_read(&a, first, count, part, &e), 0);
                assert_memory_equal(part, whole + first, (size_t)count * sizeof *part);
            }
        assert_int_equal(kc_h5_array_close(&a, &e), 0);
    }
}

KC_TEST(texts_and_attributes_come_back)
{
    fixture *x = fixture_create();
    kc_error e = {0};
    char *text = NULL;
    int64_t size = 0, n = -1, value = 0;
    assert_int_equal(kc_h5_text_write(&x->file, "/deep/down", "a\0b", 4, 0, &e), 0);
    assert_int_equal(kc_h5_text_write(&x->file, "/pair", "ab\0cde", 3, 2, &e), 0);
    assert_int_equal(kc_h5_set_text(&x->file, "/deep", "note", "gr\xc3\xbc\xc3\x9f", &e), 0);
    assert_int_equal(kc_h5_set_int(&x->file, "/", "seed", -5, &e), 0);
    assert_int_equal(kc_h5_close(&x->file, &e), 0);
    assert_int_equal(kc_h5_open(&x->file, x->path, &e), 0);
    assert_int_equal(kc_h5_text_read(&x->file, "/deep/down", &text, &size, &n, &e), 0);
    assert_true(size == 4 && n == 0);
    assert_memory_equal(text, "a\0b", 4);
    free(text);
    assert_int_equal(kc_h5_text_read(&x->file, "/pair", &text, &size, &n, &e), 0);
    assert_true(size == 3 && n == 2);
    assert_memory_equal(text, "ab\0cde", 6);
    free(text);
    assert_int_equal(kc_h5_get_text(&x->file, "/deep", "note", &text, &e), 0);
    assert_string_equal(text, "gr\xc3\xbc\xc3\x9f");
    free(text);
    assert_int_equal(kc_h5_get_int(&x->file, "/", "seed", &value, &e), 0);
    assert_int_equal(value, -5);

    assert_int_equal(kc_h5_get_text(&x->file, "/", "seed", &text, &e), KC_EINPUT);
    says(&e, KC_EINPUT, "attribute seed of / has another type than kcap writes");
    e = (kc_error){0};
    kc_h5_get_int(&x->file, "/", "sed", &value, &e);
    says(&e, KC_EINPUT, "attribute sed of / is missing");
}

/* HDF5's crashes alone are damage. */
KC_TEST(a_crash_of_ours_stays_one)
{
    fixture *x = fixture_create();
    kc_error e = {0};
    int status = 0;
    volatile int *volatile nowhere = NULL;
    assert_int_equal(kc_h5_close(&x->file, &e), 0);
    const pid_t child = fork();
    if (child == 0) {
        freopen("/dev/null", "w", stderr);
        signal(SIGSEGV, SIG_DFL); /* in place of cmocka's */
        if (kc_h5_open(&x->file, x->path, &e) == KC_OK)
            *nowhere = 1;
        _exit(KC_OK);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 1); /* 1: of a sanitizer */
}

KC_TEST(foreign_objects_are_refused)
{
    fixture *x = fixture_create();
    kc_error e = {0};
    kc_h5_array a;
    assert_int_equal(kc_h5_close(&x->file, &e), 0);
    const char *command = test_text(
        "/usr/bin/python3 -c \"import h5py; f = h5py.File('%s', 'w');"
        "f['soft'] = h5py.SoftLink('/x'); f['out/er'] = h5py.ExternalLink('/etc/a', '/b');"
        "f['f4'] = [[1.0]]; f.create_dataset('far', (2,), 'f4', external=[('/tmp/b', 0, 8)])\"",
        x->path);
    assert_int_equal(system(command), 0);
    assert_int_equal(kc_h5_open(&x->file, x->path, &e), 0);
    static const char *const cases[][2] = {{"/soft", "/soft is a link that leads elsewhere"},
                                           {"/out/er", "/out/er is a link that leads elsewhere"},
                                           {"/out", "/out is not a dataset"},
                                           {"/out/side", "/out/side is missing"},
                                           {"/far", "/far is filtered or lies in another file"},
                                           {"/f4", "/f4 does not hold 32-bit reals"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
        e = (kc_error){0};
        kc_h5_array_open(&x->file, cases[i][0], KC_H5_FLOAT, &a, &e);
        says(&e, KC_EINPUT, cases[i][1]);
        kc_h5_array_close(&a, &e);
    }
}

KC_TEST(a_failed_write_breaks_the_file)
{
    fixture *x = fixture_create();
    kc_error e = {0};
    assert_int_equal(kc_h5_group(&x->file, "/no/parent", &e), KC_EIO);
    says(&e, KC_EIO, "group /no/parent: cannot create it (HDF5: ");
    e = (kc_error){0};
    kc_h5_group(&x->file, "/fine", &e);
    says(&e, KC_EIO, "an earlier write failed");
}

/* Chunks hashed apart by several readers are the chunks one reader hashes. */
KC_TEST(file_hashes)
{
    fixture *x = fixture_create();
    kc_error e = {0};
    uint64_t all[3] = {0}, odd[1] = {0};
    FILE *f = fopen(x->path, "wb");
    fputs("abcdefghijklmnopqrstuvwxyz", f);
    fclose(f);
    assert_int_equal(kc_file_hash(x->path, 26, 10, 0, 1, all, &e), 0);
    assert_int_equal(kc_file_hash(x->path, 26, 10, 1, 2, odd, &e), 0);
    assert_true(odd[0] == all[1] && all[0] != all[1] && all[2] != 0);
    assert_true(kc_hash_combine(NULL, 0) == 0x2d06800538d394c2); /* XXH3-64 of nothing */
    assert_int_equal(kc_file_hash(x->path, 27, 10, 0, 1, all, &e), KC_EINPUT);
    says(&e, KC_EINPUT,
         "ends after 26 bytes, of the 27 that it had: it was cut while kcap read it; run again");
}

KC_TEST_MAIN(NULL, NULL)
