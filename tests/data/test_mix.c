/* SPDX-License-Identifier: BSD-3-Clause */
/* Corpora of several parts: shares, exposures, people, tags. */
#include "corpora.h"

#include "kcap/config/place.h"
#include "kcap/data/batch.h"
#include "kcap/data/order.h"

enum { PARTS = 3, LANES = 4, WINDOWS = 2, T = 64, PLACES = WINDOWS * T };

static const char *const tag_of[PARTS] = {"<one>", "<two>", "over there"};

/* Tables, biographies and tables again, each with its tag. */
static kc_config three_parts(int64_t mix)
{
    kc_config cfg = config_of(KC_corpus_kind_biod, 12);

    cfg.parts = PARTS;
    cfg.corpus.exposures = 100;
    cfg.corpus.share = 0.15;
    cfg.corpus.attributes = 2;
    cfg.corpus.diversity = 8;
    cfg.later[0] = cfg.later[1] = cfg.corpus;
    cfg.later[0].kind = KC_corpus_kind_bios;
    cfg.later[0].people = 20;
    cfg.later[0].share = 0.5;
    cfg.later[1].people = 25;
    cfg.later[1].attributes = 3;
    cfg.later[1].share = 0.35;
    for (int i = 0; i < PARTS; i++)
        strcpy(i ? cfg.later[i - 1].tag : cfg.corpus.tag, tag_of[i]);
    cfg.train.lanes = LANES;
    cfg.train.mix = mix;
    return cfg;
}

static kc_corpus *corpus_of(int64_t mix)
{
    const kc_config cfg = three_parts(mix);

    return corpus_from(&cfg, files_for(PARTS));
}

/* The part whose tag begins here, or -1. */
static int part_at(const kc_corpus *c, const int32_t *tokens)
{
    const char *word = kc_corpus_word(c, tokens[0]);

    for (int i = 0; i < PARTS; i++)
        if (!strcmp(word, i < 2 ? tag_of[i] : "over"))
            return i;
    return -1;
}

/* What all lanes have been given. */
typedef struct given {
    const kc_corpus *corpus;
    kc_batch batch;
    kc_doc doc;
    kc_cursor cursors[LANES * PARTS];
    int64_t windows[PARTS], places[LANES][PARTS];
} given;

static given given_of(const kc_corpus *c)
{
    return (given){.corpus = c,
                   .batch = {.windows = WINDOWS,
                             .context = T,
                             .tokens = test_room(PLACES, sizeof(int32_t)),
                             .targets = test_room(PLACES, sizeof(int32_t))},
                   .doc = doc_for(c)};
}

static int any_done(const given *g)
{
    for (int lane = 0; lane < LANES; lane++)
        if (kc_order_done(g->corpus, lane, LANES, &g->cursors[lane * PARTS]))
            return 1;
    return 0;
}

static void next_of(given *g, int lane)
{
    kc_batch_next(g->corpus, lane, LANES, &g->cursors[lane * PARTS], &g->doc, &g->batch);
}

/* All tags in a window are of one part. */
static int part_of_window(const given *g, const int32_t *tokens)
{
    int part = -1;

    for (int i = 0; i < T; i++) {
        const int at = part_at(g->corpus, tokens + i);

        if (at >= 0 && part >= 0)
            assert_int_equal(at, part);
        part = at >= 0 ? at : part;
    }
    assert_in_range(part, 0, PARTS - 1);
    return part;
}

KC_TEST(windows_have_their_shares_at_any_time)
{
    static const double share[PARTS] = {0.15, 0.5, 0.35};
    given g = given_of(corpus_of(KC_train_mix_windows));
    int64_t all = 0;

    for (;;) {
        for (int lane = 0; lane < LANES; lane++) {
            next_of(&g, lane);
            for (int w = 0; w < WINDOWS && !any_done(&g); w++, all++)
                g.windows[part_of_window(&g, g.batch.tokens + w * T)]++;
        }
        if (any_done(&g))
            break;
        for (int i = 0; i < PARTS; i++)
            assert_float_equal((double)g.windows[i], share[i] * (double)all, i ? 2 : 1);
    }
    assert_true(all > 400);
}

KC_TEST(documents_have_their_shares_at_any_time)
{
    static const double share[PARTS] = {0.15, 0.5, 0.35};
    const kc_corpus *c = corpus_of(KC_train_mix_documents);
    const double longest = kc_corpus_about(c)->room_tokens;
    given g = given_of(c);
    int64_t mixed = 0;

    while (!any_done(&g)) {
        for (int lane = 0; lane < LANES; lane++) {
            const kc_cursor *cursor = &g.cursors[lane * PARTS];
            int64_t all = 0;

            next_of(&g, lane);
            for (int i = 0; i < PARTS; i++)
                all += cursor[i].used;
            for (int i = 0; i < PARTS; i++)
                assert_float_equal((double)cursor[i].used, share[i] * (double)all,
                                   (PARTS - 1) * longest);
            for (int i = 0, part = -1; i < PLACES; i++) {
                const int at = part_at(c, g.batch.tokens + i);

                mixed += at >= 0 && part >= 0 && at != part;
                part = at >= 0 ? at : part;
            }
        }
    }
    assert_true(mixed > 100);
}

/* Who is shown how often, from the first token of each name's place. */
static void count_documents(int64_t mix, int64_t count[PARTS][32])
{
    given g = given_of(corpus_of(mix));

    for (int lane = 0; lane < LANES; lane++)
        while (!kc_order_done(g.corpus, lane, LANES, &g.cursors[lane * PARTS]))
            next_of(&g, lane);
    for (int i = 0; i < PARTS; i++) {
        const kc_corpus *part = kc_corpus_part(g.corpus, i);

        for (int lane = 0; lane < LANES; lane++) {
            kc_cursor at = {0};
            const int64_t docs = g.cursors[lane * PARTS + i].docs;

            for (; at.docs < docs; kc_order_next(part, lane, LANES, &at)) {
                kc_order_document(part, lane, LANES, &at, &g.doc);
                count[i][g.doc.person]++;
            }
        }
    }
}

KC_TEST(people_are_shown_as_counted)
{
    static const int64_t people[PARTS] = {12, 20, 25};

    for (int64_t mix = KC_train_mix_windows; mix <= KC_train_mix_documents; mix++) {
        int64_t count[PARTS][32] = {{0}};

        count_documents(mix, count);
        for (int64_t p = 0; p < people[0]; p++)
            assert_int_equal(count[0][p], 100);
        for (int i = 1; i < PARTS; i++) {
            int64_t least = INT64_MAX, most = 0;

            for (int64_t p = 0; p < people[i]; p++) {
                least = count[i][p] < least ? count[i][p] : least;
                most = count[i][p] > most ? count[i][p] : most;
            }
            if (least <= 10 || most - least > 2)
                fail_msg("part %d: shown %lld to %lld times", i + 1, (long long)least,
                         (long long)most); /* lanes do not end at once */
        }
    }
}

KC_TEST(a_cursor_is_all_a_restart_needs)
{
    for (int64_t mix = KC_train_mix_windows; mix <= KC_train_mix_documents; mix++) {
        given a = given_of(corpus_of(mix)), b = given_of(corpus_of(mix));

        while (!any_done(&a)) {
            memcpy(b.cursors, a.cursors, sizeof a.cursors);
            memset(b.doc.tokens, 255, 8);
            next_of(&a, 1);
            next_of(&b, 1);
            assert_memory_equal(a.cursors, b.cursors, sizeof a.cursors);
            assert_memory_equal(a.batch.tokens, b.batch.tokens, PLACES * sizeof(int32_t));
            assert_memory_equal(a.batch.targets, b.batch.targets, PLACES * sizeof(int32_t));
        }
    }
}

KC_TEST(parts_share_no_person)
{
    const kc_corpus *c = corpus_of(KC_train_mix_windows);
    static const int64_t people[PARTS] = {12, 20, 25};
    int64_t name[57];
    int n = 0;

    for (int i = 0; i < PARTS; i++)
        for (int64_t p = 0; p < people[i]; p++) {
            name[n] = kc_corpus_value(kc_corpus_part(c, i), p, 0);
            for (int k = 0; k < n; k++)
                assert_int_not_equal(name[k], name[n]);
            n++;
        }
}

/* The first part is what it is alone, but for its tag; spans are where they belong. */
KC_TEST(the_first_part_does_not_depend_on_the_others)
{
    kc_config cfg = three_parts(KC_train_mix_windows);
    const kc_corpus *mixed = corpus_from(&cfg, files_for(PARTS)), *alone;
    kc_doc a = doc_for(mixed), b = doc_for(mixed);

    cfg.parts = 1;
    cfg.corpus.share = 1;
    cfg.corpus.tag[0] = 0;
    alone = corpus_from(&cfg, files_for(1));
    assert_float_equal(kc_corpus_about(mixed)->max_bits, kc_corpus_about(alone)->max_bits, 0);
    assert_int_equal(kc_corpus_about(mixed)->max_doc_tokens,
                     kc_corpus_about(alone)->max_doc_tokens + 1);
    for (int64_t p = 0; p < 12; p++)
        for (int64_t exposure = KC_MEASURE; exposure < 3; exposure++) {
            kc_corpus_document(mixed, p, exposure, &a);
            kc_corpus_document(alone, p, exposure, &b);
            assert_int_equal(a.n_tokens, b.n_tokens + 1);
            assert_string_equal(kc_corpus_word(mixed, a.tokens[1]), "<one>");
            assert_memory_equal(a.tokens + 2, b.tokens + 1,
                                (size_t)(b.n_tokens - 1) * sizeof(int32_t));
            for (int i = 0; i < b.n_spans; i++) {
                assert_int_equal(a.spans[i].person, p);
                assert_int_equal(a.spans[i].begin, b.spans[i].begin + 1);
                assert_int_equal(a.spans[i].head_end, b.spans[i].head_end + 1);
                assert_int_equal(a.spans[i].end, b.spans[i].end + 1);
            }
        }
}

/* Numbered words are those of all parts; markers are more in the third part and so its own. */
KC_TEST(parts_share_their_words)
{
    const kc_corpus *c = corpus_of(KC_train_mix_windows);
    int values = 0, markers = 0;

    for (int32_t t = 0; t < kc_corpus_about(c)->n_vocab; t++) {
        values += !strcmp(kc_corpus_word(c, t), "c5");
        markers += !strcmp(kc_corpus_word(c, t), "id1:");
    }
    assert_int_equal(values, 1);
    assert_int_equal(markers, 2);
}

KC_TEST(a_tag_of_several_words)
{
    const kc_corpus *third = kc_corpus_part(corpus_of(KC_train_mix_windows), 2);
    kc_doc doc = doc_for(third);

    kc_corpus_document(third, 0, 0, &doc);
    assert_string_equal(text_of(third, doc.tokens, 0, 3), "<eos> over there");
}

static void refused(kc_config cfg, const char *message)
{
    corpus_refused(&cfg, files_for(PARTS), message);
}

KC_TEST(what_is_refused)
{
    kc_config cfg = three_parts(KC_train_mix_windows);

    cfg.later[0].first_names = 3;
    refused(cfg, "corpus.2.first_names: 3, but parts with people share their names: 0, as an "
                 "earlier part has, would do");
    cfg = three_parts(KC_train_mix_windows);
    cfg.later[1].people = 49; /* of 80 names 32 are taken */
    refused(cfg, "corpus.3.people: with those of the parts before it 81 people, but there are "
                 "names for 80; fewer would do");
    cfg = three_parts(KC_train_mix_documents);
    cfg.later[1].windows = KC_corpus_windows_single;
    refused(cfg, "corpus.3.windows: a document alone in its window, with train.mix documents; "
                 "train.mix: windows would do");
    cfg = three_parts(KC_train_mix_windows);
    strcpy(cfg.later[0].tag, "<eos>");
    refused(cfg, "corpus.tag: '<eos>': <eos> parts the documents; words parted by one blank, or "
                 "one <word>, would do");
    strcpy(cfg.later[0].tag, "a  b");
    refused(cfg, "corpus.tag: 'a  b': blanks at an end or side by side; words parted by one blank, "
                 "or one <word>, would do");
}

KC_TEST(names_are_of_one_list)
{
    kc_config cfg = three_parts(KC_train_mix_windows);
    kc_files files = files_for(PARTS);
    kc_corpus *c = NULL;
    kc_error e = {0};

    for (int i = 0; i < files.n; i++)
        if (!strcmp(files.file[i].name, "3/pools/last_name.txt"))
            files.text[files.file[i].begin] = 'Q';
    assert_int_equal(kc_corpus_create(&cfg, &files, &c, &e), KC_EINPUT);
    assert_string_equal(e.text,
                        "corpus.3.pools: other names than those of part 1; parts with people share "
                        "their names, and with them the lists of first, middle and last names");
    kc_files_free(&files);
}

KC_TEST_MAIN(NULL, NULL)
