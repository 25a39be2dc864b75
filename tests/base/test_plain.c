/* SPDX-License-Identifier: BSD-3-Clause */

#include "../test.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "kcap/base/memory.h"
#include "kcap/base/plain.h"

static void remove_file(void *path)
{
    unlink(path);
}

/* A file of these bytes until the test ends. */
static const char *file_of(const char *bytes, size_t n)
{
    char *path = test_text("/tmp/kcap_plain_%d_XXXXXX", (int)getpid());
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n), n);
    close(fd);
    return kc_test_owns(path, remove_file);
}

/* Line by line it is what it is whole, or fails with the same words. */
static void same_in_lines(const char *path, char *text, const char *fault)
{
    kc_error e = {0};
    kc_plain p;
    FILE *f = fopen(path, "rb");
    char *line = NULL, *want = NULL;
    assert_non_null(f);
    for (kc_plain_start(&p, path, f, &e); !e.code; assert_string_equal(line, want)) {
        if (kc_plain_next(&p, &line, &e) != KC_OK)
            break;
        want = fault ? line : kc_plain_line(&text);
        if (!line)
            break;
        assert_non_null(want);
    }
    assert_string_equal(e.text, fault ? fault : "");
    if (!fault)
        assert_null(want);
    kc_plain_end(&p);
    fclose(f);
}

/* It is read and gives `want`. */
static void gives(const char *bytes, size_t n, const char *want)
{
    const char *path = file_of(bytes, n);
    kc_error e = {0};
    char *text = NULL;
    int64_t length = 0;
    assert_int_equal(kc_plain_read(path, 1 << 22, &text, &length, &e), KC_OK);
    assert_int_equal(length, strlen(want));
    assert_string_equal(text, want);
    same_in_lines(path, text, NULL);
    free(text);
}

/* It is refused with these words. */
static void refused(const char *bytes, size_t n, const char *says)
{
    const char *path = file_of(bytes, n);
    kc_error e = {0};
    char *text = NULL;
    int64_t length = 0;
    assert_int_equal(kc_plain_read(path, 1 << 22, &text, &length, &e), KC_EINPUT);
    assert_null(text);
    assert_ptr_equal(strstr(e.text, path), e.text);
    if (!strstr(e.text + strlen(path), says))
        fail_msg("'%s' is not in: %s", says, e.text);
    if (!strstr(e.text, "larger than"))
        same_in_lines(path, NULL, e.text);
}

#define BYTES(text) text, sizeof text - 1

KC_TEST(text_is_read_as_it_stands)
{
    gives(BYTES(""), "");
    gives(BYTES("a\tb\r\nM\xc3\xbcnster\n\n\xf0\x9f\x98\x80"),
          "a\tb\r\nM\xc3\xbcnster\n\n\xf0\x9f\x98\x80");
    gives(BYTES("\xef\xbb\xbf"
                "Ann\nBob\n"),
          "Ann\nBob\n");
    gives(BYTES("\xef\xbb\xbf"), "");
}

KC_TEST(what_is_no_text_is_named_with_its_line)
{
    static const struct {
        const char *bytes;
        size_t n;
        const char *says;
    } cases[] = {
        {BYTES("a\nb\rc\n"), ":2: byte 2 of the line (0x0D): a carriage return (CR) alone"},
        {BYTES("Ann\rBob\r"), ":1: byte 4 of the line (0x0D): a carriage return (CR) alone"},
        {BYTES("Ann\r"), ":1: byte 4"},
        {BYTES("a\nb\0c\n"), ":2: byte 2 of the line (0x00): a zero byte"},
        {BYTES("a\nb\n\n\0"), ":4: byte 1 of the line (0x00): a zero byte"},
        {BYTES("A\0n\0n\0\n\0"), ":1: byte 2 of the line (0x00): a zero byte; text has none, and "
                                 "UTF-16"},
        {BYTES("a\nM\xfcnster\n"), ":2: byte 2 of the line (0xFC): not UTF-8"},
        {BYTES("ends in a letter cut \xc3"), ":1: byte 22 of the line (0xC3): not UTF-8"},
        {BYTES("a\x0c\n"), ":1: byte 2 of the line (0x0C): a control character"},
        {BYTES("a\x7f"), ":1: byte 2 of the line (0x7F): a control character"},
        {BYTES("a\xc2\x85"
               "b"),
         ":1: byte 2 of the line (0xC2): a control character"},
        {BYTES("a\xe2\x80\xa8"
               "b"),
         ":1: byte 2 of the line (0xE2): a control character"},
        {BYTES("a\n\xef\xbb\xbf"
               "b\n"),
         ":2: byte 1 of the line (0xEF): a byte order mark inside"},
        {BYTES("\xff\xfe"
               "A\0"),
         ": UTF-16, not UTF-8; convert it: iconv"},
        {BYTES("\xfe\xff\0A"), ": UTF-16, not UTF-8; convert it: iconv"},
        {BYTES("\xff\xfe\0\0A\0\0\0"), ": UTF-32, not UTF-8; convert it: iconv"},
        {BYTES("\0\0\xfe\xff\0\0\0A"), ": UTF-32, not UTF-8; convert it: iconv"},
        {BYTES("%PDF-1.4\n"), ": a PDF file; save it as text"},
        {BYTES("\x1f\x8b\x08"), ": packed by gzip; unpack it first: gunzip"},
        {BYTES("PK\3\4"), ": a zip archive or a spreadsheet"},
        {BYTES("\x28\xb5\x2f\xfd"), ": packed by zstd"},
        {BYTES("\xfd\x37zXZ"), ": packed by xz"},
        {BYTES("BZh91AY&SY"), ": packed by bzip2"},
        {BYTES("\x89HDF"), ": an HDF5 file"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i)
        refused(cases[i].bytes, cases[i].n, cases[i].says);
}

KC_TEST(lines_and_files_have_a_limit)
{
    char *text = test_room((1 << 22) + 2, 1);
    memset(text, 'x', KC_LINE_MOST + 1);
    memcpy(text, "a\n", 2);
    gives(text, KC_LINE_MOST + 1, text);
    refused(text, KC_LINE_MOST + 3, ":2: byte"); /* zero bytes behind */
    memset(text + 2, 'x', KC_LINE_MOST + 1);
    refused(text, KC_LINE_MOST + 3, ":2: a line of more than 1048576 bytes");
    /* Newer tokenizers' vocab.json is one line of several megabytes. */
    char *read = NULL;
    int64_t length;
    kc_error e = {0};
    const char *path = file_of(text, KC_LINE_MOST + 3);
    assert_int_equal(kc_plain_read_json(path, KC_LINE_MOST + 3, &read, &length, &e), KC_OK);
    assert_int_equal(length, KC_LINE_MOST + 3);
    free(read);
    assert_int_equal(kc_plain_read_json(path, KC_LINE_MOST, &read, &length, &e), KC_EINPUT);
    memset(text, '\n', (1 << 22) + 1);
    gives(text, 1 << 22, text + 1);
    refused(text, (1 << 22) + 1, ": larger than the 4194304 bytes");
}

KC_TEST(only_regular_files_are_read)
{
    static const char *const says[] = {"a pipe", "a folder", "a device", "No such file"};
    char *fifo = test_text("/tmp/kcap_fifo_%d", (int)getpid());
    assert_int_equal(mkfifo(fifo, 0600), 0);
    kc_test_owns(fifo, remove_file);
    const char *const paths[] = {fifo, "/tmp", "/dev/zero", "/nowhere/at/all"};
    for (int i = 0; i < 4; ++i) {
        kc_error e = {0};
        char *text = NULL;
        int64_t n;
        assert_int_equal(kc_plain_read(paths[i], 1000, &text, &n, &e), KC_EINPUT);
        assert_non_null(strstr(e.text, says[i]));
    }
}

static int appends_to;

static void append(int number)
{
    (void)number;
    if (write(appends_to, "\n", 1) != 1)
        abort();
}

/* A byte more every tenth of a millisecond; 32 MB take some milliseconds to read. */
KC_TEST(a_file_that_is_written_to_is_not_read)
{
    enum { BYTES = 1 << 25 };
    const struct itimerval often = {{0, 100}, {0, 100}}, never = {{0, 0}, {0, 0}};
    struct sigaction by = {.sa_handler = append, .sa_flags = SA_RESTART}, before;
    char *bytes = test_room(BYTES, 1), *text = NULL;
    kc_error e = {0};
    int64_t n;
    memset(bytes, '\n', BYTES);
    const char *path = file_of(bytes, BYTES);
    appends_to = open(path, O_WRONLY | O_APPEND);
    assert_true(appends_to >= 0);
    assert_int_equal(sigaction(SIGALRM, &by, &before), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
    kc_plain_read(path, 2 * BYTES, &text, &n, &e);
    assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
    assert_int_equal(sigaction(SIGALRM, &before, NULL), 0);
    close(appends_to);
    assert_int_equal(e.code, KC_EINPUT);
    assert_non_null(strstr(e.text, ": changed while kcap read it, from 335"));
    assert_null(text);
}

KC_TEST(lines_are_cut_off)
{
    char text[] = "a\r\n\nb\tc\nlast", none[] = "", *at = text;
    static const char *const want[] = {"a", "", "b\tc", "last"};
    for (int i = 0; i < 4; ++i)
        assert_string_equal(kc_plain_line(&at), want[i]);
    assert_null(kc_plain_line(&at));
    at = none;
    assert_null(kc_plain_line(&at));
}

KC_TEST(blanks_of_all_kinds_are_one)
{
    char text[] = "a\xc2\xa0"
                  "b\xe2\x80\x89"
                  "c\xe3\x80\x80\td\xe2\x80\x8b \xc3\xa0";
    assert_int_equal(kc_plain_blanks(text), 12);
    assert_string_equal(text, "a b c \td  \xc3\xa0");
}

KC_TEST_MAIN(NULL, NULL)
