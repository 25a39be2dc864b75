/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "kcap/io/json.h"
#include "cli/safetensors.h"

enum { ROOM = 4096 };

/* Length and header of a text, into `bytes`. */
static int64_t framed(const char *header, char bytes[ROOM])
{
    const size_t n = strlen(header);
    for (int i = 0; i < 8; ++i)
        bytes[i] = (char)(n >> 8 * i & 0xFF);
    memcpy(bytes + 8, header, n);
    return (int64_t)(8 + n);
}

static int parse(const char *header, int64_t data, kc_st *st, kc_error *e)
{
    char bytes[ROOM];
    const int64_t n = framed(header, bytes);
    *e = (kc_error){0};
    return kc_st_parse("x.safetensors", bytes, n, n + data, st, e);
}

static void takes_a_header_apart(void **state)
{
    (void)state;
    kc_st st;
    kc_error e;
    assert_int_equal(parse("{\"b\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[4,28]},"
                           "\"__metadata__\":{\"format\":\"pt\",\"k\":\"v\"},"
                           "\"a\":{\"data_offsets\":[0,4],\"shape\":[],\"dtype\":\"F32\"},"
                           "\"no\":{\"dtype\":\"F32\",\"shape\":[0,5],\"data_offsets\":[28,28]}}  ",
                           28, &st, &e),
                     KC_OK);
    const kc_st_tensor *b = kc_st_find(&st, "b");
    assert_int_equal(st.n, 3);
    assert_true(b && b->n_dims == 2 && b->dims[0] == 2 && b->dims[1] == 3 && b->begin == 4);
    assert_true(kc_st_find(&st, "a")->n_dims == 0 && !kc_st_find(&st, "c"));
    assert_string_equal(kc_st_meta(&st, "k"), "v");
    assert_null(kc_st_meta(&st, "a"));
    kc_st_free(&st);
}

/* What files of a few bytes cannot hold; the rest of the reader's errors is in export.py. */
static void large_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *shape, *offsets, *said;
        int64_t data;
    } cases[] = {
        {"[3000000000,3000000000]", "[0,36000000000000000000]", "data_offsets", 64},
        {"[4611686018427387904,4]", "[0,0]", "shape", 0},
        {"[4294967296,4294967296]", "[0,0]", "overflows", 0},
        {"[2147483648,2147483648]", "[0,0]", "overflow", 0},
        {"[1073741824]", "[0,4294967292]", "its shape needs 4294967296", 4294967292},
        {"[1]", "[0,4294967300]", "hold 4294967300 bytes", 4294967300},
        {"[1]", "[4294967296,4294967300]", "begins at byte 4294967296", 4294967300},
        {"[9007199254740992,0]", "[0,0]", "2^53 - 1", 0},
        {"[0,9007199254740991]", "[0,0]", NULL, 0},
        {"[1073741824,5]", "[0,21474836480]", NULL, 21474836480},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
        char header[ROOM / 2];
        kc_st st;
        kc_error e;
        snprintf(header, sizeof header,
                 "{\"a\":{\"dtype\":\"F32\",\"shape\":%s,\"data_offsets\":%s}}", cases[i].shape,
                 cases[i].offsets);
        const int code = parse(header, cases[i].data, &st, &e);
        if (cases[i].said ? code != KC_EINPUT || !strstr(e.text, cases[i].said) : code != KC_OK)
            fail_msg("%s: %d %s", header, code, e.text);
        kc_st_free(&st);
    }
}

/* Truncated and mangled at every byte: an error or a header that is whole, never a fault. */
static void every_cut_and_flip(void **state)
{
    (void)state;
    static const char header[] =
        "{\"__metadata__\":{\"k\":\"v\\u00e9\"},\"a\":{\"dtype\":\"F32\",\"shape\":[2],"
        "\"data_offsets\":[0,8]},\"b\":{\"dtype\":\"F32\",\"shape\":[1,1],"
        "\"data_offsets\":[8,12]}}";
    char bytes[ROOM];
    const int64_t n = framed(header, bytes);
    int64_t refused = 0;
    for (int64_t at = 0; at < n; ++at)
        for (int bit = 0; bit < 9; ++bit) {
            /* Where it is cut a copy of its very size, so that reading on is seen by sanitizers. */
            const int64_t size = bit == 8 ? at : n;
            char *copy = memcpy(malloc((size_t)size + !size), bytes, (size_t)size);
            kc_st st;
            kc_error e = {0};
            if (bit < 8)
                copy[at] ^= (char)(1 << bit);
            refused += kc_st_parse("x", copy, size, size + 12, &st, &e) != KC_OK;
            kc_st_free(&st);
            free(copy);
        }
    assert_true(refused > n * 9 * 6 / 10);
}

/* Counts values that are not where they belong; keeps those of the last tensor. */
typedef struct seen {
    int64_t wrong, n;
} seen;

static float right(int64_t index, int64_t at)
{
    return (float)(index * 10000000 + at);
}

static void give(void *context, int64_t index, int64_t at, int64_t n, float *values)
{
    (void)context;
    for (int64_t i = 0; i < n; ++i)
        values[i] = right(index, at + i);
}

static void take(void *context, int64_t index, int64_t at, int64_t n, float *values)
{
    seen *s = context;
    for (int64_t i = 0; i < n; ++i)
        s->wrong += values[i] != right(index, at + i);
    s->n += n;
}

static void open_header(const char *path, kc_st *st)
{
    char *text;
    int64_t size, file_size;
    kc_error e = {0};
    if (kc_st_head(path, &text, &size, &file_size, &e) != KC_OK ||
        kc_st_parse(path, text, size, file_size, st, &e) != KC_OK)
        fail_msg("%s", e.text);
    free(text);
}

/* Pieces do not divide the tensors. */
static void reads_what_it_wrote(void **state)
{
    (void)state;
    char path[] = "/tmp/kcap_st_XXXXXX";
    kc_st_tensor t[] = {{.name = "z", .n_dims = 2, .dims = {3, KC_ST_PIECE - 7}},
                        {.name = "\"\\\xC3\xA9\n", .n_dims = 1, .dims = {5}},
                        {.name = "a", .n_dims = 3, .dims = {1, 1, 2}}};
    cJSON *texts = cJSON_CreateObject();
    kc_json_text(texts, "format", "pt");
    kc_error e = {0};
    close(mkstemp(path));
    assert_int_equal(kc_st_write(path, t, 3, texts, give, NULL, &e), KC_EIO); /* is there */
    unlink(path);
    e = (kc_error){0};
    assert_int_equal(kc_st_write(path, t, 3, texts, give, NULL, &e), KC_OK);
    kc_st st;
    open_header(path, &st);
    assert_int_equal(st.data_at % 8, 0);
    assert_string_equal(kc_st_meta(&st, "format"), "pt");
    const kc_st_tensor *order[] = {kc_st_find(&st, "z"), kc_st_find(&st, "\"\\\xC3\xA9\n"),
                                   kc_st_find(&st, "a")};
    assert_true(order[0] && order[1] && order[2] && order[1]->begin == order[0]->end);
    seen s = {0};
    assert_int_equal(kc_st_read(&st, order, 3, take, &s, &e), KC_OK);
    assert_int_equal(s.wrong, 0);
    assert_int_equal(s.n, 3 * (KC_ST_PIECE - 7) + 7);
    assert_int_equal(truncate(path, st.data_at + 100), 0);
    assert_int_equal(kc_st_read(&st, order, 3, take, &s, &e), KC_EIO);
    kc_st_free(&st);
    cJSON_Delete(texts);
    unlink(path);
}

/* A sparse file of five gibibytes and a little. */
static void reads_beyond_32_bits(void **state)
{
    (void)state;
    char path[] = "/tmp/kcap_st_XXXXXX", bytes[ROOM];
    const int64_t far = 5LL << 30;
    const int64_t n = framed("{\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":"
                             "[5368709120,5368709128]},\"a\":{\"dtype\":\"F32\",\"shape\":"
                             "[5,268435456],\"data_offsets\":[0,5368709120]}}",
                             bytes);
    const int fd = mkstemp(path);
    assert_true(fd >= 0 && pwrite(fd, bytes, (size_t)n, 0) == n);
    assert_int_equal(pwrite(fd, (float[]){right(0, 0), right(0, 1)}, 8, n + far), 8);
    close(fd);
    kc_st st;
    kc_error e = {0};
    open_header(path, &st);
    const kc_st_tensor *b = kc_st_find(&st, "b");
    seen s = {0};
    assert_int_equal(kc_st_read(&st, &b, 1, take, &s, &e), KC_OK);
    assert_true(s.wrong == 0 && s.n == 2);
    kc_st_free(&st);
    unlink(path);
}

static void refuses_headers_that_others_would(void **state)
{
    (void)state;
    char path[] = "/tmp/kcap_st_XXXXXX";
    kc_st_tensor t = {.name = "a\xFF", .n_dims = 1, .dims = {1}};
    cJSON *texts = cJSON_CreateObject();
    kc_error e = {0};
    close(mkstemp(path));
    unlink(path);
    assert_int_equal(kc_st_write(path, &t, 1, texts, give, NULL, &e), KC_EINPUT);
    assert_non_null(strstr(e.text, "UTF-8"));
    t.name = "a";
    char *large = malloc(KC_ST_HEADER_MOST + 1);
    memset(large, 'x', KC_ST_HEADER_MOST);
    large[KC_ST_HEADER_MOST] = 0;
    kc_json_text(texts, "k", large);
    e = (kc_error){0};
    assert_int_equal(kc_st_write(path, &t, 1, texts, give, NULL, &e), KC_EINPUT);
    assert_non_null(strstr(e.text, "100,000,000"));
    assert_int_not_equal(access(path, F_OK), 0);
    free(large);
    cJSON_Delete(texts);
}

static void knows_utf8(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t bad;
    } cases[] = {{"", -1},
                 {"a\x7F", -1},
                 {"\xC3\xA9", -1},
                 {"\xE2\x82\xAC", -1},
                 {"\xF0\x9F\x98\x80", -1},
                 {"\xF4\x8F\xBF\xBF", -1},
                 {"a\x80", 1},
                 {"\xC0\x80", 0},
                 {"\xC1\xBF", 0},
                 {"\xE0\x9F\xBF", 0},
                 {"\xED\xA0\x80", 0},
                 {"\xF0\x8F\xBF\xBF", 0},
                 {"\xF4\x90\x80\x80", 0},
                 {"\xF5\x80\x80\x80", 0},
                 {"ab\xE2\x82", 2},
                 {"\xE2\x28\xA1", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i)
        assert_int_equal(kc_json_utf8(cases[i].text, strlen(cases[i].text)), cases[i].bad);
}

static void knows_members(void **state)
{
    (void)state;
    static const struct {
        const char *text, *twice;
    } cases[] = {{"{}", NULL},
                 {"{\"a\":1,\"A\":1,\"aa\":{\"a\":1}}", NULL},
                 {"{\"b\":1,\"a\":1,\"\\u0062\":2}", "b"},
                 {"[1,1]", NULL}};
    int64_t n = -1;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
        cJSON *object = cJSON_Parse(cases[i].text);
        const char *twice = kc_json_twice(object);
        assert_true(object && !twice == !cases[i].twice);
        if (twice)
            assert_string_equal(twice, cases[i].twice);
        assert_false(kc_json_whole(object, &n));
        cJSON_Delete(object);
    }
    assert_null(kc_json_twice(NULL));
    static const double numbers[] = {-1, 1.5, 9007199254740992, 9007199254740991, 0};
    for (int i = 0; i < 5; ++i) {
        cJSON *x = cJSON_CreateNumber(numbers[i]);
        assert_int_equal(kc_json_whole(x, &n), i > 2);
        assert_true(i < 3 ? n == -1 : n == (int64_t)numbers[i]);
        cJSON_Delete(x);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_a_header_apart), cmocka_unit_test(large_numbers),
        cmocka_unit_test(every_cut_and_flip),   cmocka_unit_test(reads_what_it_wrote),
        cmocka_unit_test(reads_beyond_32_bits), cmocka_unit_test(refuses_headers_that_others_would),
        cmocka_unit_test(knows_utf8),           cmocka_unit_test(knows_members),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
