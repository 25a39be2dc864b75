/* SPDX-License-Identifier: BSD-3-Clause */
/* The lists and sentences that kcap ships. */
#include "corpora.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "data/corpus_internal.h"
#include "data/kind/bios.h"

enum { EMPLOYER = 5, PRONOUN = 6, WORKING_CITY = 7 };

KC_TEST(bits_are_those_of_the_paper)
{
    kc_corpus *c = shipped_bios_corpus(100000);
    const kc_corpus_info *info = kc_corpus_about(c);

    assert_float_equal(info->term[KC_READ_VALUES].log2_size, 47.5916, 1e-4);
    assert_float_equal(exp2(info->term[KC_READ_NAME].log2_size), 1.6e8, 1);
    assert_float_equal(info->max_bits, 5.824e6, 0.5e3); /* the paper's table */
}

KC_TEST(lists_have_their_sizes_and_open_nothing)
{
    static const int32_t NAMES[] = {400, 400, 1000}, VALUES[] = {0, 67200, 200, 300, 100, 263, 2};
    kc_corpus *c = shipped_bios_corpus(10);
    const kc_bios *b = c->made;

    for (int p = 0; p < 3; p++) {
        assert_int_equal(b->name[p].n, NAMES[p]);
        assert_int_equal(kc_pool_longest(&b->name[p]), 1);
    }
    for (int a = 1; a < 7; a++) {
        assert_int_equal(b->value[a].n, VALUES[a]);
        for (int32_t i = 0; i < b->value[a].n; i++)
            assert_int_equal(b->value[a].opens[i], 0);
    }
    for (int s = 0; s < 6; s++)
        assert_in_range(b->sentence[s].before[KC_BIOS_ONE].n, 15, 60);
}

KC_TEST(headquarters_betray_only_part_of_the_employer)
{
    kc_corpus *c = shipped_bios_corpus(10);
    const kc_pool *city = &((const kc_bios *)c->made)->value[WORKING_CITY];
    int most = 0;

    for (int32_t i = 0; i < city->n; i++) {
        int same = 0;

        for (int32_t j = 0; j < city->n; j++)
            same += kc_pool_length(city, i) == kc_pool_length(city, j) &&
                    !memcmp(city->token + city->begin[i], city->token + city->begin[j],
                            (size_t)kc_pool_length(city, i) * sizeof(int32_t));
        most = same > most ? same : most;
    }
    assert_in_range(most, 10, 60);
}

KC_TEST(every_word_comes_up)
{
    enum { N = 300 };
    kc_corpus *c = shipped_bios_corpus(N * 500);
    const kc_corpus_info *info = kc_corpus_about(c);
    kc_doc doc = doc_for(c);
    int64_t missing = 0, found = 0;
    int32_t *seen = test_room(info->n_vocab, sizeof *seen);

    for (int64_t i = 0; i < info->n_people; i++) {
        kc_corpus_document(c, i, i % 7, &doc);
        for (int32_t k = 0; k < doc.n_tokens; k++) {
            assert_in_range(doc.tokens[k], 0, info->n_vocab - 1);
            seen[doc.tokens[k]]++;
        }
    }
    for (int64_t v = 0; v < info->n_vocab; v++) {
        missing += !seen[v];
        found += !!seen[v];
    }
    assert_int_equal(missing, 0);
    assert_in_range(found, 1500, 3275);
}

KC_TEST(biographies_have_the_usual_length)
{
    kc_corpus *c = shipped_bios_corpus(3000);
    const kc_corpus_info *info = kc_corpus_about(c);
    kc_doc doc = doc_for(c);
    double sum = 0;

    for (int64_t i = 0; i < 30000; i++) {
        kc_corpus_document(c, i % 3000, i / 3000, &doc);
        sum += doc.n_tokens;
    }
    assert_float_equal(sum / 30000, info->mean_doc_tokens, 0.3);
    assert_true(info->mean_doc_tokens > 50 && info->mean_doc_tokens < 90);
    assert_true(info->max_doc_tokens < 160);
}

/* Every attribute of a million people, each part of their names, and each two attributes together:
 * one of these 25 counts is further from even than 4.5 sigma, or closer to it, in one of 6,000
 * seeds. */
KC_TEST(a_million_people_are_uniform)
{
    enum { N = 1000000, PARTS = 3, COLUMNS = PARTS + PRONOUN };
    static const int64_t PART[PARTS] = {400, 400, 1000};
    static uint16_t cell[COLUMNS][N]; /* below 1000 each; dates by month and day */
    int64_t size[COLUMNS] = {400, 400, 1000, 12 * 28, 200, 300, 100, 263, 3};
    static int64_t count[400 * 400], years[67200];
    kc_config cfg = config_of(KC_corpus_kind_bios, N);
    kc_corpus *c;

    cfg.corpus.pronouns = KC_corpus_pronouns_he_she_they;
    c = shipped_corpus(&cfg);
    for (int64_t i = 0; i < N; i++) {
        int64_t name = kc_corpus_value(c, i, 0);

        for (int p = PARTS - 1; p >= 0; name /= PART[p--])
            cell[p][i] = (uint16_t)(name % PART[p]);
        years[kc_corpus_value(c, i, 1)]++;
        cell[PARTS][i] = (uint16_t)(kc_corpus_value(c, i, 1) % (12 * 28));
        for (int32_t a = 2; a <= PRONOUN; a++)
            cell[PARTS + a - 1][i] = (uint16_t)kc_corpus_value(c, i, a);
        assert_int_equal(kc_corpus_value(c, i, WORKING_CITY), cell[PARTS + EMPLOYER - 1][i]);
    }
    assert_true(fabs(uneven(years, 67200)) < 4.5);
    for (int x = 0; x < COLUMNS; x++) {
        memset(count, 0, sizeof count);
        for (int64_t i = 0; i < N; i++)
            count[cell[x][i]]++;
        assert_true(fabs(uneven(count, size[x])) < 4.5);
        for (int y = PARTS; y < x;
             y++) { /* names are drawn without replacement: their parts apart */
            memset(count, 0, sizeof count);
            for (int64_t i = 0; i < N; i++)
                count[cell[x][i] * size[y] + cell[y][i]]++;
            assert_true(fabs(uneven(count, size[x] * size[y])) < 4.5);
        }
    }
}

/* Lists as the authors of the paper publish them for their biographies (fields/ of their
 * Capo-bioS-bioR): the same names and counts, one entry a line, a file more than is needed. */
KC_TEST(pools_of_the_paper_s_authors_are_taken)
{
    static const struct {
        const char *file, *form;
        int n;
    } LIST[] = {{"first_name", "First%d", 400},
                {"middle_name", "First%d", 400},
                {"last_name", "Last%d", 1000},
                {"city", "City%d, NJ", 200},
                {"university", "University of %d", 300},
                {"field", "Field %d", 100},
                {"company", "Company%1$d; City%1$d, NY", 263},
                {"job", "Job %d", 199}};
    char folder[] = "/tmp/kcap_fields_XXXXXX", path[100];
    kc_config cfg = config_of(KC_corpus_kind_bios, 1000);
    kc_corpus *c;

    assert_non_null(mkdtemp(folder));
    strcpy(cfg.corpus.pools, folder);
    for (size_t i = 0; i < sizeof LIST / sizeof *LIST; i++) {
        FILE *f;

        snprintf(path, sizeof path, "%s/%s.txt", folder, LIST[i].file);
        f = fopen(path, "w");
        assert_non_null(f);
        for (int k = 0; k < LIST[i].n; k++) {
            fprintf(f, LIST[i].form, k);
            fputc('\n', f);
        }
        fclose(f);
    }
    c = shipped_corpus(&cfg);
    assert_float_equal(kc_corpus_about(c)->term[KC_READ_VALUES].log2_size, 47.5916, 1e-4);
    assert_float_equal(exp2(kc_corpus_about(c)->term[KC_READ_NAME].log2_size), 1.6e8, 1);
    for (size_t i = 0; i < sizeof LIST / sizeof *LIST; i++) {
        snprintf(path, sizeof path, "%s/%s.txt", folder, LIST[i].file);
        unlink(path);
    }
    rmdir(folder);
}

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

KC_TEST(twenty_million_people_cost_nothing)
{
    double start = seconds();
    kc_corpus *c = shipped_bios_corpus(20000000);
    kc_doc doc = doc_for(c);

    kc_corpus_document(c, 19999999, 999999, &doc);
    assert_int_equal(doc.n_spans, 8);
    assert_true(seconds() - start < 2);
    assert_float_equal(kc_corpus_about(c)->max_bits, 1011.8e6, 1e5);
}

KC_TEST(another_seed_is_another_corpus)
{
    kc_config cfg = config_of(KC_corpus_kind_bios, 1000);
    kc_corpus *a = shipped_corpus(&cfg), *b;
    int same = 0;

    cfg.run.seed++;
    b = shipped_corpus(&cfg);
    for (int64_t i = 0; i < 1000; i++)
        same += kc_corpus_value(a, i, EMPLOYER) == kc_corpus_value(b, i, EMPLOYER);
    assert_true(same < 20);
}

KC_TEST_MAIN(NULL, NULL)
