/* SPDX-License-Identifier: BSD-3-Clause */
/* People who are shown more and less often. */
#include "corpora.h"

#include <math.h>

#include "kcap/data/order.h"

enum { PEOPLE = 60, EXPOSURES = 30, LANES = 4 };

static kc_config skewed(int64_t skew)
{
    kc_config cfg = config_of(KC_corpus_kind_biod, PEOPLE);

    cfg.corpus.exposures = EXPOSURES;
    cfg.corpus.attributes = 2;
    cfg.corpus.diversity = 8;
    cfg.corpus.skew = skew;
    cfg.corpus.skew_exponent = 1.2;
    cfg.corpus.skew_frequent = 0.2;
    cfg.corpus.skew_ratio = 5;
    return cfg;
}

static kc_corpus *corpus_of(const kc_config *cfg)
{
    const texts t = small_texts();

    return small_corpus(cfg, &t);
}

/* How often lanes show each person, and whether each exposure of theirs comes once. */
static void count_all(const kc_corpus *c, int64_t n_lanes, int64_t count[PEOPLE])
{
    kc_doc doc = doc_for(c), want = doc_for(c);
    int64_t shown = 0;

    for (int64_t lane = 0; lane < n_lanes; lane++) {
        kc_cursor cursor = {0};

        for (; !kc_order_done(c, lane, n_lanes, &cursor);
             kc_order_next(c, lane, n_lanes, &cursor)) {
            kc_cursor next = cursor;

            kc_order_next(c, lane, n_lanes, &next);
            assert_int_equal(kc_order_last(c, lane, n_lanes, &cursor),
                             kc_order_done(c, lane, n_lanes, &next));
            kc_order_document(c, lane, n_lanes, &cursor, &doc);
            count[doc.person]++;
            shown++;
        }
    }
    assert_int_equal(shown, PEOPLE * EXPOSURES);
    kc_corpus_document(c, 0, 0, &want);
}

/* By the formula, from the whole sum. */
static int64_t documents_before(const kc_config *cfg, int64_t person)
{
    double before = 0, all = 0;

    for (int64_t i = 0; i < PEOPLE; i++) {
        const double w = cfg->corpus.skew == KC_corpus_skew_power ? exp(-1.2 * log((double)i + 1))
                         : i < 12                                 ? 5
                                                                  : 1;

        before += i < person ? w : 0;
        all += w;
    }
    return person == PEOPLE ? PEOPLE * EXPOSURES
                            : (int64_t)floor(PEOPLE * EXPOSURES * before / all + 1e-9);
}

KC_TEST(each_is_shown_as_counted)
{
    for (int64_t skew = KC_corpus_skew_power; skew <= KC_corpus_skew_levels; skew++) {
        const kc_config cfg = skewed(skew);
        const kc_corpus *c = corpus_of(&cfg);

        for (int64_t lanes = 1; lanes <= LANES; lanes++) {
            int64_t count[PEOPLE] = {0};

            count_all(c, lanes, count);
            for (int64_t i = 0; i < PEOPLE; i++)
                assert_int_equal(count[i],
                                 documents_before(&cfg, i + 1) - documents_before(&cfg, i));
        }
    }
}

KC_TEST(bands_are_all_people)
{
    for (int64_t skew = KC_corpus_skew_none; skew <= KC_corpus_skew_levels; skew++) {
        const kc_config cfg = skewed(skew);
        const kc_corpus_info *info = kc_corpus_about(corpus_of(&cfg));
        double shown = 0;
        int64_t at = 0;

        for (int b = 0; b < info->n_bands; b++) {
            const kc_band *band = &info->band[b];

            assert_int_equal(band->first, at);
            assert_true(band->end > at);
            assert_true(b == 0 || band->exposures < band[-1].exposures);
            at = band->end;
            shown += band->exposures * (double)(band->end - band->first);
        }
        assert_int_equal(at, skew == KC_corpus_skew_none ? 0 : PEOPLE);
        assert_float_equal(shown, skew == KC_corpus_skew_none ? 0 : PEOPLE * EXPOSURES, 1e-6);
        if (skew == KC_corpus_skew_levels) {
            assert_int_equal(info->n_bands, 2);
            assert_int_equal(info->band[0].end, 12);
            assert_float_equal(info->band[0].exposures / info->band[1].exposures, 5, 0.01);
        }
    }
}

/* Documents of the frequent stand everywhere, not in front. */
KC_TEST(the_order_is_mixed)
{
    const kc_config cfg = skewed(KC_corpus_skew_levels);
    const kc_corpus *c = corpus_of(&cfg);
    kc_doc doc = doc_for(c);
    int64_t frequent = 0;

    for (kc_cursor at = {0}; at.docs < PEOPLE * EXPOSURES / 2; kc_order_next(c, 0, 1, &at)) {
        kc_order_document(c, 0, 1, &at, &doc);
        frequent += doc.person < 12;
    }
    /* Of 1000 = 12 x 83.3 half, by a hypergeometric sd of 10.5. */
    assert_float_equal((double)frequent, 500, 5 * 10.5);
}

static void refused(const kc_config *cfg, const char *message)
{
    kc_error e = {0};

    assert_int_equal(kc_corpus_check(cfg, NULL, &e), KC_EINPUT);
    assert_string_equal(e.text, message);
}

KC_TEST(what_is_refused)
{
    kc_config cfg = skewed(KC_corpus_skew_levels);

    cfg.corpus.skew_frequent = 0.01;
    refused(&cfg, "corpus.skew_frequent: 0.01 of 60 people leaves nobody on one of the levels");
    cfg = skewed(KC_corpus_skew_none);
    cfg.parts = 2;
    cfg.later[0] = cfg.corpus;
    cfg.later[0].skew = KC_corpus_skew_power;
    refused(&cfg, "corpus.2.skew: the people of a later part are shown alike; none would do");
}

KC_TEST_MAIN(NULL, NULL)
