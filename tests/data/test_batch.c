/* SPDX-License-Identifier: BSD-3-Clause */
#include "corpora.h"

#include "kcap/data/batch.h"
#include "kcap/data/order.h"

/* A corpus of `people` (at most 80), documents of several lengths unless `biod`. */
static kc_corpus *corpus_of(int biod, int64_t people, int64_t exposures)
{
    kc_config cfg = config_of(biod ? KC_corpus_kind_biod : KC_corpus_kind_bios, people);
    texts t = small_texts();

    cfg.corpus.exposures = exposures;
    cfg.corpus.attributes = 2;
    return small_corpus(&cfg, &t);
}

static kc_batch batch_for(int64_t windows, int64_t context)
{
    const int64_t n = windows * context;
    const size_t bytes = (size_t)n * sizeof(int32_t);

    return (kc_batch){.windows = windows,
                      .context = context,
                      .tokens = memset(test_room(n, sizeof(int32_t)), 255, bytes),
                      .targets = memset(test_room(n, sizeof(int32_t)), 255, bytes),
                      .spans = test_room(n, sizeof(kc_span))};
}

/* Who a document is about. */
static int64_t person_of(const kc_corpus *c, const int32_t *tokens, int64_t n, int64_t exposure)
{
    kc_doc doc = doc_for(c);
    int64_t i;

    for (i = 0; i < kc_corpus_about(c)->n_people; i++) {
        kc_corpus_document(c, i, exposure, &doc);
        if (doc.n_tokens == n && !memcmp(doc.tokens, tokens, (size_t)n * sizeof *tokens))
            break;
    }
    return i;
}

/* All of a lane's stream by calls of `windows` windows, inputs with a
 * target each, then the last target. Checks what targets and counts must be. */
static int32_t *stream_of(const kc_corpus *c, int64_t lane, int64_t n_lanes, kc_batch *batch,
                          int64_t *length)
{
    int64_t room = 200000, n = 0, size = batch->windows * batch->context;
    int32_t *x = test_room(room, sizeof *x), last = KC_EOS;
    kc_cursor cursor = {0};
    kc_doc doc = doc_for(c);

    while (!kc_order_done(c, lane, n_lanes, &cursor)) {
        int64_t counted = 0;

        kc_batch_next(c, lane, n_lanes, &cursor, &doc, batch);
        assert_true(n + size < room);
        for (int64_t i = 0; i < size; i++) {
            counted += batch->targets[i] != KC_NO_TARGET;
            if (batch->targets[i] == KC_NO_TARGET)
                continue;
            assert_int_equal(counted, i + 1);
            assert_int_equal(batch->tokens[i], last);
            x[n++] = batch->tokens[i];
            last = batch->targets[i];
        }
        assert_int_equal(batch->counted, counted);
        assert_true(counted > 0);
        for (int64_t i = counted + 1; i < size; i++)
            assert_int_equal(batch->tokens[i], KC_EOS);
    }
    x[n++] = last;
    *length = n;
    return x;
}

/* Cut a stream at its <eos> tokens; every person must come once an exposure over all lanes. */
static int64_t stream_parse(const kc_corpus *c, const int32_t *x, int64_t n, int64_t of_epoch,
                            int8_t *seen)
{
    int64_t documents = 0, N = kc_corpus_about(c)->n_people;

    for (int64_t i = 0, next; i < n; i = next) {
        int64_t epoch = documents / of_epoch, person;

        assert_int_equal(x[i], KC_EOS);
        for (next = i + 1; next < n && x[next] != KC_EOS; next++)
            ;
        person = person_of(c, x + i, next - i, epoch);
        assert_true(person < N);
        assert_int_equal(seen[epoch * N + person], 0);
        seen[epoch * N + person] = 1;
        documents++;
    }
    return documents;
}

KC_TEST(each_person_comes_once_an_epoch)
{
    enum { N = 53, EXPOSURES = 4 };
    static const int64_t LANES[] = {1, 3, 8};
    static const int64_t T[] = {7, 64};

    for (int k = 0; k < 12; k++) {
        kc_corpus *c = corpus_of(k / 6, N, EXPOSURES);
        kc_batch batch = batch_for(1 + k % 3, T[k / 3 % 2]);
        int8_t seen[N * EXPOSURES] = {0};
        int64_t L = LANES[k % 3], documents = 0;

        for (int64_t lane = 0; lane < L; lane++) {
            int64_t of_epoch = (N - lane + L - 1) / L, length;
            int32_t *x = stream_of(c, lane, L, &batch, &length);
            int64_t found = stream_parse(c, x, length, of_epoch, seen);

            assert_int_equal(found, of_epoch * EXPOSURES);
            documents += found;
        }
        assert_int_equal(documents, N * EXPOSURES);
    }
}

KC_TEST(the_cut_does_not_change_the_stream)
{
    static const struct {
        int64_t windows, context;
    } CUT[] = {{1, 7}, {1, 64}, {3, 7}, {5, 33}, {1, 5000}, {1, 2}};
    kc_corpus *c = corpus_of(0, 31, 3);

    for (int64_t lane = 0; lane < 3; lane++) {
        kc_batch first = batch_for(2, 16);
        int64_t length, other;
        int32_t *x = stream_of(c, lane, 3, &first, &length);

        for (size_t k = 0; k < sizeof CUT / sizeof CUT[0]; k++) {
            kc_batch batch = batch_for(CUT[k].windows, CUT[k].context);
            int32_t *y = stream_of(c, lane, 3, &batch, &other);

            assert_int_equal(length, other);
            assert_memory_equal(x, y, (size_t)length * sizeof *x);
        }
    }
}

KC_TEST(epochs_have_orders_of_their_own)
{
    enum { N = 60, EXPOSURES = 20 };
    kc_corpus *c = corpus_of(1, N, EXPOSURES);
    kc_batch batch = batch_for(1, 8); /* a document of bioD with two attributes */
    int64_t length, same = 0, sorted = 0, first[4] = {0};
    int32_t *x = stream_of(c, 0, 1, &batch, &length);
    int64_t order[N * EXPOSURES];

    assert_int_equal(length, N * EXPOSURES * 8);
    for (int64_t i = 0; i < N * EXPOSURES; i++) {
        order[i] = person_of(c, x + 8 * i, 8, i / N);
        same += i >= N && order[i] == order[i - N];
        sorted += i % N && order[i] > order[i - 1];
        first[i % N * 4 / N] += order[i] < N / 4;
    }
    assert_true(same < 60);
    assert_true(sorted > 500 && sorted < 680);
    assert_true(uneven(first, 4) < 4);
}

KC_TEST(a_restart_from_any_cursor_goes_on)
{
    kc_corpus *c = corpus_of(0, 23, 2);
    kc_batch a = batch_for(2, 13), b = batch_for(2, 13);
    kc_doc doc = doc_for(c), fresh = doc_for(c);
    kc_cursor going = {0};
    int64_t docs = 0;

    while (!kc_order_done(c, 1, 3, &going)) {
        kc_cursor saved = going, again;

        kc_batch_next(c, 1, 3, &going, &doc, &a);
        again = saved;
        memset(fresh.tokens, 255, sizeof(int32_t));
        kc_batch_next(c, 1, 3, &again, &fresh, &b);
        assert_memory_equal(&going, &again, sizeof going);
        assert_memory_equal(a.tokens, b.tokens, 26 * sizeof(int32_t));
        assert_memory_equal(a.targets, b.targets, 26 * sizeof(int32_t));
        assert_true(going.docs >= docs);
        docs = going.docs;
    }
    assert_int_equal(docs, 2 * 8);
}

KC_TEST(documents_are_counted_when_used_up)
{
    kc_corpus *c = corpus_of(1, 5, 2); /* ten documents of eight tokens: 79 inputs with targets */
    kc_batch batch = batch_for(1, 4);
    kc_doc doc = doc_for(c);
    kc_cursor cursor = {0};

    for (int64_t used = 4; used <= 80; used += 4) {
        assert_int_equal(kc_order_done(c, 0, 1, &cursor), 0);
        kc_batch_next(c, 0, 1, &cursor, &doc, &batch);
        assert_int_equal(cursor.docs, used / 8);
        assert_int_equal(cursor.epoch, used / 40);
        assert_int_equal(cursor.offset, used % 8);
        assert_int_equal(batch.counted, used < 80 ? 4 : 3);
    }
    assert_int_equal(kc_order_done(c, 0, 1, &cursor), 1);
}

/* The stream's last token can be the last target of a full window: nothing may follow. */
KC_TEST(a_stream_can_end_with_a_window)
{
    kc_corpus *c = corpus_of(1, 2, 5);
    kc_batch batch = batch_for(1, 79);
    kc_doc doc = doc_for(c);
    kc_cursor cursor = {0}, end;

    kc_batch_next(c, 0, 1, &cursor, &doc, &batch);
    assert_int_equal(batch.counted, 79);
    assert_int_not_equal(batch.targets[78], KC_NO_TARGET);
    assert_int_equal(kc_order_done(c, 0, 1, &cursor), 1);
    assert_int_equal(cursor.docs, 10);
    end = cursor;
    kc_batch_next(c, 0, 1, &cursor, &doc, &batch);
    assert_memory_equal(&cursor, &end, sizeof end);
    assert_int_equal(batch.counted, 0);
    for (int i = 0; i < 79; i++)
        assert_true(batch.tokens[i] == KC_EOS && batch.targets[i] == KC_NO_TARGET);
}

KC_TEST(a_lane_without_documents_is_done)
{
    kc_corpus *c = corpus_of(1, 2, 5);
    kc_batch batch = batch_for(1, 16);
    kc_doc doc = doc_for(c);
    kc_cursor cursor = {0};

    assert_int_equal(kc_order_done(c, 1, 8, &cursor), 0);
    assert_int_equal(kc_order_done(c, 2, 8, &cursor), 1);
    kc_batch_next(c, 2, 8, &cursor, &doc, &batch);
    assert_int_equal(batch.counted, 0);
    assert_int_equal(batch.targets[0], KC_NO_TARGET);
}

/* Windows of one document: whose it is follows from the order of the stream, and nothing is cut. */
KC_TEST(a_document_has_a_window_of_its_own)
{
    enum { N = 23, EXPOSURES = 3, T = 80, LANES = 2 };
    kc_config cfg = config_of(KC_corpus_kind_bios, N);
    texts t = small_texts();
    kc_corpus *c;
    kc_batch batch = batch_for(2, T);
    kc_doc doc, want;
    int64_t person, docs = 0;

    cfg.corpus.exposures = EXPOSURES;
    cfg.corpus.windows = KC_corpus_windows_single;
    c = small_corpus(&cfg, &t);
    doc = doc_for(c);
    want = doc_for(c);
    for (int64_t lane = 0; lane < LANES; lane++) {
        kc_cursor cursor = {0}, order = {0};

        while (!kc_order_done(c, lane, LANES, &cursor)) {
            int64_t counted = 0;

            kc_batch_next(c, lane, LANES, &cursor, &doc, &batch);
            for (int64_t at = 0; at < 2 * T; at += T) {
                const int done = kc_order_done(c, lane, LANES, &order);

                want.n_tokens = 0;
                if (!done) {
                    kc_order_document(c, lane, LANES, &order, &want);
                    kc_order_next(c, lane, LANES, &order);
                }
                for (int64_t i = 0; i < T; i++) {
                    const int in = i < want.n_tokens, last = i == want.n_tokens - 1;

                    assert_int_equal(batch.tokens[at + i], in ? want.tokens[i] : KC_EOS);
                    assert_int_equal(batch.targets[at + i], last ? KC_EOS
                                                            : in ? want.tokens[i + 1]
                                                                 : KC_NO_TARGET);
                    counted += in;
                }
            }
            assert_int_equal(batch.counted, counted);
            order.used = order.docs * T;
            assert_memory_equal(&cursor, &order, sizeof cursor);
        }
        docs += cursor.docs;
    }
    assert_int_equal(docs, N * EXPOSURES);
    for (person = 0; person < N;) {
        const int64_t from = person;

        kc_batch_whole(c, KC_MEASURE, &person, N, &doc, &batch);
        assert_int_equal(person, from + 1);
    }
}

/* Compare one window with the documents of people from ... to-1, laid out by hand. */
static void window_check(const kc_corpus *c, const kc_batch *batch, int64_t from, int64_t to)
{
    kc_doc doc = doc_for(c);
    int64_t at = 0, n_spans = 0;

    for (int64_t i = from; i < to; i++) {
        kc_corpus_document(c, i, KC_MEASURE, &doc);
        for (int32_t k = 0; k < doc.n_tokens; k++, at++) {
            assert_int_equal(batch->tokens[at], doc.tokens[k]);
            if (at)
                assert_int_equal(batch->targets[at - 1], doc.tokens[k]);
        }
        for (int32_t s = 0; s < doc.n_spans; s++, n_spans++) {
            kc_span *got = &batch->spans[n_spans], *want = &doc.spans[s];

            assert_int_equal(got->person, i);
            assert_int_equal(got->attribute, want->attribute);
            assert_int_equal(got->end - got->begin, want->end - want->begin);
            assert_int_equal(got->head_end - got->begin, want->head_end - want->begin);
            for (int32_t k = 0; k < want->end - want->begin; k++)
                assert_int_equal(batch->targets[got->begin + k], doc.tokens[want->begin + k]);
            assert_int_equal(got->begin, at - doc.n_tokens + want->begin - 1);
        }
    }
    assert_int_equal(batch->n_spans, n_spans);
    assert_int_equal(batch->counted, at - 1);
    assert_int_equal(batch->targets[at - 1], KC_EOS); /* of the document that would follow */
    for (int64_t k = at; k < batch->context; k++)
        assert_int_equal(batch->targets[k], KC_NO_TARGET);
    for (; at < batch->context; at++)
        assert_int_equal(batch->tokens[at], KC_EOS);
}

KC_TEST(whole_windows_cover_everybody_once)
{
    static const int64_t T[] = {80, 100, 257, 4000};

    for (int k = 0; k < 8; k++) {
        kc_corpus *c = corpus_of(k / 4, 61, 1);
        kc_batch batch = batch_for(1, T[k % 4]);
        kc_doc doc = doc_for(c);

        for (int64_t person = 2, from; person < 59;) {
            from = person;
            kc_batch_whole(c, KC_MEASURE, &person, 59, &doc, &batch);
            assert_true(person > from && person <= 59);
            window_check(c, &batch, from, person);
            if (person < 59) { /* one more would not have fitted */
                kc_corpus_document(c, person, KC_MEASURE, &doc);
                assert_true(batch.counted + 1 + doc.n_tokens > T[k % 4]);
            }
        }
    }
}

KC_TEST(an_empty_range_gives_an_empty_window)
{
    kc_corpus *c = corpus_of(1, 5, 1);
    kc_batch batch = batch_for(1, 9);
    kc_doc doc = doc_for(c);
    int64_t person = 5;

    kc_batch_whole(c, KC_MEASURE, &person, 5, &doc, &batch);
    assert_int_equal(person, 5);
    assert_int_equal(batch.counted, 0);
    assert_int_equal(batch.n_spans, 0);
    assert_true(batch.tokens[0] == KC_EOS && batch.targets[8] == KC_NO_TARGET);
}

KC_TEST_MAIN(NULL, NULL)
