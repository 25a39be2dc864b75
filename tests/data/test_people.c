/* SPDX-License-Identifier: BSD-3-Clause */
#include "corpora.h"

#include "data/kind/people.h"
#include "data/kind/strings.h"

static kc_people people_of(int64_t n, int64_t first, int64_t middle, int64_t last, kc_error *e)
{
    kc_config cfg = config_of(KC_corpus_kind_bios, n);
    kc_people people;

    kc_people_create(&cfg.corpus, 1, (int64_t[]){first, middle, last}, &people, e);
    return people;
}

KC_TEST(names_are_distinct)
{
    enum { N = 20000 };
    kc_error e = {0};
    kc_people people = people_of(N, 400, 400, 1000, &e);
    uint8_t *seen = test_room(160000000 / 8, 1);

    for (int64_t i = 0; i < N; i++) {
        int64_t part[3], name = kc_people_name(&people, i, part);

        assert_in_range(name, 0, 160000000 - 1);
        assert_int_equal(name, (part[0] * 400 + part[1]) * 1000 + part[2]);
        assert_in_range(part[1], 0, 399);
        assert_in_range(part[2], 0, 999);
        assert_false(seen[name / 8] >> name % 8 & 1);
        seen[name / 8] |= (uint8_t)(1 << name % 8);
    }
}

KC_TEST(names_are_all_used_when_people_are_as_many)
{
    kc_error e = {0};
    kc_people people = people_of(7 * 5 * 11, 7, 5, 11, &e);
    int64_t sum = 0, seen[7 * 5 * 11] = {0};

    for (int64_t i = 0; i < people.n; i++)
        sum += !seen[kc_people_name(&people, i, NULL)]++;
    assert_int_equal(sum, 7 * 5 * 11);
}

KC_TEST(names_are_uniform_and_their_parts_independent)
{
    int64_t first[8] = {0}, last[20] = {0}, pair[8 * 20] = {0};
    kc_error e = {0};
    kc_people people = people_of(40000, 8, 1000, 20 * 50, &e);

    for (int64_t i = 0; i < people.n; i++) {
        int64_t part[3];

        kc_people_name(&people, i, part);
        first[part[0]]++;
        last[part[2] / 50]++;
        pair[part[0] * 20 + part[2] / 50]++;
    }
    assert_true(uneven(first, 8) < 4 && uneven(last, 20) < 4);
    assert_true(uneven(pair, 160) < 4 && uneven(pair, 160) > -4);
}

KC_TEST(facts_are_uniform_and_independent)
{
    int64_t one[50] = {0}, pair[12 * 9] = {0}, next[12 * 12] = {0};
    kc_error e = {0};
    kc_people people = people_of(60000, 100, 100, 100, &e);

    for (int64_t i = 0; i < people.n - 1; i++) {
        one[kc_people_fact(&people, i, 3, 50)]++;
        pair[kc_people_fact(&people, i, 1, 12) * 9 + kc_people_fact(&people, i, 2, 9)]++;
        next[kc_people_fact(&people, i, 1, 12) * 12 + kc_people_fact(&people, i + 1, 1, 12)]++;
    }
    assert_true(uneven(one, 50) < 4 && uneven(one, 50) > -4);
    assert_true(uneven(pair, 108) < 4 && uneven(pair, 108) > -4);
    assert_true(uneven(next, 144) < 4);
}

KC_TEST(orders_are_uniform)
{
    int64_t count[24] = {0};
    kc_error e = {0};
    kc_people people = people_of(100, 10, 10, 10, &e);

    for (int64_t i = 0; i < 100; i++) {
        for (int64_t exposure = KC_MEASURE; exposure < 240; exposure++) {
            int32_t o[4], seen = 0, code;

            kc_people_order(&people, kc_people_text(i, exposure), 4, o);
            for (int k = 0; k < 4; k++)
                seen |= 1 << o[k];
            assert_int_equal(seen, 15);
            code = (o[0] * 3 + o[1] - (o[1] > o[0])) * 2 + (o[2] > o[3]);
            count[code]++;
        }
    }
    assert_true(uneven(count, 24) < 4 && uneven(count, 24) > -4);
}

KC_TEST(texts_have_keys_of_their_own)
{
    assert_true(kc_people_text(7, 0) != kc_people_text(0, 7));
    assert_true(kc_people_text(159999999, 0) < kc_people_text(0, 1));
    assert_true(kc_people_text(0, KC_MEASURE) > kc_people_text(159999999, 1000000));
}

KC_TEST(another_seed_is_another_people)
{
    kc_error e = {0};
    kc_people a = people_of(1000, 400, 400, 1000, &e), b = a;
    int same = 0;

    b.seed = a.seed + 1;
    for (int64_t i = 0; i < 1000; i++)
        same += kc_people_name(&a, i, NULL) == kc_people_name(&b, i, NULL);
    assert_true(same < 3);
}

KC_TEST(too_many_people_are_refused)
{
    kc_error e = {0};

    people_of(120, 4, 5, 6, &e);
    assert_int_equal(e.code, KC_OK);
    people_of(121, 4, 5, 6, &e);
    assert_int_equal(e.code, KC_EINPUT);
    assert_string_equal(e.text,
                        "corpus.people: 121 people, but 4 x 5 x 6 pools make 120 names; lower "
                        "corpus.people or use longer name pools");
    e.code = KC_OK;
    people_of(5, (int64_t)1 << 31, (int64_t)1 << 30, 3, &e);
    assert_int_equal(e.code, KC_EINPUT);
    assert_non_null(strstr(e.text, "2147483648 x 1073741824 x 3 names, at most 2^62"));
}

static int string_order(const void *a, const void *b)
{
    return memcmp(a, b, 3 * sizeof(int32_t));
}

KC_TEST(strings_are_distinct)
{
    static int32_t s[5000 * 3];

    for (int drawn = 0; drawn < 2; drawn++) {
        const kc_string_shape shape = {.seed = 5, .attribute = 2, .D = 5000, .L = 3, .T = 18};

        drawn ? kc_strings_draw(&shape, s) : kc_strings_make(&shape, s);
        for (int i = 0; i < 5000 * 3; i++)
            assert_in_range(s[i], 0, 17);
        qsort(s, 5000, 3 * sizeof *s, string_order);
        for (int i = 1; i < 5000; i++)
            assert_int_not_equal(string_order(s + 3 * (i - 1), s + 3 * i), 0);
    }
}

KC_TEST(sets_are_uniform)
{
    int32_t s[6];

    for (int drawn = 0; drawn < 2; drawn++) {
        int64_t count[81] = {0}, pair[9] = {0};

        for (int64_t a = 0; a < 9000; a++) {
            const kc_string_shape shape = {.seed = 11, .attribute = a, .D = 3, .L = 2, .T = 9};

            drawn ? kc_strings_draw(&shape, s) : kc_strings_make(&shape, s);
            count[s[2] * 9 + s[3]]++;
            pair[(s[1] + 9 - s[5]) % 9] += s[0] != s[4];
        }
        assert_true(uneven(count, 81) < 4 && uneven(count, 81) > -4);
        assert_true(uneven(pair, 9) < 4 && uneven(pair, 9) > -4);
    }
}

KC_TEST(a_set_can_be_everything)
{
    int64_t seen[16] = {0};
    int32_t s[32];

    for (int drawn = 0; drawn < 2; drawn++) {
        const kc_string_shape shape = {.seed = 1, .attribute = 0, .D = 16, .L = 2, .T = 4};

        drawn ? kc_strings_draw(&shape, s) : kc_strings_make(&shape, s);
        for (int i = 0; i < 16; i++)
            seen[4 * s[2 * i] + s[2 * i + 1]]++;
    }
    for (int i = 0; i < 16; i++)
        assert_int_equal(seen[i], 2);
}

KC_TEST(long_strings_have_free_characters)
{
    static int32_t s[400 * 64];
    const kc_string_shape shape = {.seed = 9, .attribute = 1, .D = 400, .L = 64, .T = 10};
    int64_t count[10] = {0}, ends[100] = {0};

    kc_strings_make(&shape, s);
    for (int i = 0; i < 400 * 64; i++)
        count[s[i]]++;
    for (int i = 0; i < 400; i++)
        ends[s[64 * i] * 10 + s[64 * i + 63]]++;
    assert_true(uneven(count, 10) < 4 && uneven(count, 10) > -4);
    assert_true(uneven(ends, 100) < 4);
}

KC_TEST(strings_are_counted_up_to_the_limit)
{
    assert_int_equal(kc_strings_count(1, 128), 128);
    assert_int_equal(kc_strings_count(61, 2), INT64_C(1) << 61);
    assert_int_equal(kc_strings_count(62, 2), INT64_C(1) << 62);
    assert_int_equal(kc_strings_count(64, 1000000), INT64_C(1) << 62);
    assert_int_equal(kc_strings_count(39, 3), INT64_C(4052555153018976267));
}

KC_TEST_MAIN(NULL, NULL)
