/* SPDX-License-Identifier: BSD-3-Clause */
/* What is read of a table by who remembers it and by who knows no more than its frequencies: any number
 * of ranks, values and names that begin others, attributes that few names have. */
#include "oracles.h"

enum { NAMES = 200, N_PARAMS = 1000 };

/* Who knows of each attribute how often each value stands; `perfect`: everything but who comes next. */
typedef struct reader {
    const kc_corpus *corpus;
    int perfect;
    double share[3][NAMES]; /* of attribute and value */
} reader;

static const char *value_of(int i, int a)
{
    static const char *const common[] = {"land", "land of rain", "hill", "isle"};

    return a == 1 ? common[(i * i) % 7 % 4] : test_text("r%d%s", i % 11, i % 3 ? "" : " west");
}

static char *table_text(void)
{
    char *text = test_room(NAMES * 100, 1), *at = text;

    for (int i = 0; i < NAMES; i++) {
        const char *name = test_text("town %d%s", i / 2, i % 2 ? " north" : "");

        at += sprintf(at, "%s\tcountry\t%s\n", name, value_of(i, 1));
        if (i % 5 == 0)
            at += sprintf(at, "%s\triver\t%s\n", name, value_of(i, 2));
    }
    return text;
}

/* Made by `readers` together, NULL: by each rank for itself. */
static int make(const kc_grid *readers, const char *text, double universe, kc_corpus **corpus,
                kc_error *e)
{
    kc_config cfg = config_of(KC_corpus_kind_facts, 0);
    kc_files files = {.readers = readers};

    cfg.corpus.universe = universe;
    add_table(&files, text, 0);
    kc_corpus_create(&cfg, &files, corpus, e);
    kc_files_free(&files);
    return e->code;
}

static kc_corpus *table_corpus(const kc_grid *readers, const char *text, double universe)
{
    kc_corpus *corpus = NULL;
    kc_error e = {0};

    assert_int_equal(make(readers, text, universe, &corpus, &e), KC_OK);
    return kc_test_owns(corpus, corpus_give_back);
}

static reader reader_of(const kc_corpus *corpus, int perfect)
{
    reader r = {.corpus = corpus, .perfect = perfect};
    double n[3] = {0};

    for (int a = 1; a < 3; a++) {
        for (int64_t i = 0; i < NAMES; i++)
            if (kc_corpus_value(corpus, i, a) >= 0) {
                r.share[a][kc_corpus_value(corpus, i, a)]++;
                n[a]++;
            }
        for (int v = 0; v < NAMES; v++)
            r.share[a][v] /= n[a];
    }
    return r;
}

/* A kc_score: the loss of a span is on its last token. */
static void read_window(void *context, int thread, const kc_batch *window, float *nats,
                        uint8_t *hit)
{
    const reader *r = context;
    const kc_corpus_info *info = kc_corpus_about(r->corpus);

    assert_int_equal(thread, 0);
    for (int64_t t = 0; t < window->context; t++) {
        nats[t] = 50;
        hit[t] = 1;
    }
    for (int32_t i = 0; i < window->n_spans; i++) {
        const kc_span *s = &window->spans[i];
        const int64_t value = kc_corpus_value(r->corpus, s->person, s->attribute);

        for (int32_t t = s->begin; t < s->end; t++) {
            assert_int_not_equal(window->targets[t], KC_NO_TARGET);
            nats[t] = 0;
        }
        if (s->attribute == 0)
            nats[s->end - 1] =
                (float)(r->perfect ? log(NAMES) : info->term[KC_READ_NAME].log2_size * M_LN2);
        else if (!r->perfect)
            nats[s->end - 1] = (float)-log(r->share[s->attribute][value]);
    }
}

static kc_capacity_row read_by(const kc_grid *g, const kc_corpus *corpus, int perfect)
{
    const kc_corpus_info *info = kc_corpus_about(corpus);
    static double room[3][KC_ATTRIBUTES_MAX];
    const kc_capacity_lists lists = {
        .attribute_nats = room[0], .attribute_recall = room[1], .attribute_first = room[2]};
    reader r = reader_of(corpus, perfect);
    kc_capacity_row row;
    kc_span_sums sums;

    kc_measure_spans(g, corpus, 3 * info->max_doc_tokens, read_window, &r, 1, NULL, &sums);
    kc_capacity(info, &sums, N_PARAMS, &row, &lists);
    assert_same_on_all(g, &sums, sizeof sums);
    assert_float_equal(row.value_recall, 1, 1e-12);
    return row;
}

static void check_reads(const kc_grid *g, double universe)
{
    const kc_corpus *corpus = table_corpus(NULL, table_text(), universe);
    const kc_corpus_info *info = kc_corpus_about(corpus);
    double strings = info->term[KC_READ_CHUNKS].max_bits;
    kc_capacity_row row = read_by(g, corpus, 1);

    assert_float_equal(row.name_bits / info->term[KC_READ_NAME].max_bits, 1, 1e-6);
    assert_float_equal(row.value_bits / info->term[KC_READ_VALUES].max_bits, 1, 1e-12);
    assert_float_equal(row.diversity_bits / strings, 1, 1e-12);
    row = read_by(g, corpus, 0);
    for (int a = 1; a < 3; a++)
        strings -= info->attribute[a].distinct * info->attribute[a].log2_pool;
    assert_float_equal(row.name_bits, 0, 1e-3);
    assert_float_equal(row.value_bits, 0, 1e-3);
    assert_float_equal(row.diversity_bits, strings, 1e-3);
}

KC_TEST(a_table_reads_nothing_or_all)
{
    check_reads(*state, 0);
    check_reads(*state, 1e6);
}

static void assert_same_info(const kc_corpus_info *a, const kc_corpus_info *b)
{
    for (int r = 0; r < KC_N_READS; r++) {
        assert_string_equal(a->term[r].name, b->term[r].name);
        assert_float_equal(a->term[r].max_bits, b->term[r].max_bits, 0);
        assert_float_equal(a->term[r].items, b->term[r].items, 0);
    }
    for (int i = 0; i < a->n_attributes; i++) {
        assert_string_equal(a->attribute[i].name, b->attribute[i].name);
        assert_float_equal(a->attribute[i].log2_pool, b->attribute[i].log2_pool, 0);
        assert_float_equal(a->attribute[i].weight, b->attribute[i].weight, 0);
    }
    assert_string_equal(a->many, b->many);
    assert_string_equal(a->law, b->law);
    assert_string_equal(a->token_word, b->token_word);
    assert_string_equal(a->table.longest, b->table.longest);
    assert_float_equal(a->mean_doc_tokens, b->mean_doc_tokens, 0);
    assert_int_equal(a->max_doc_tokens, b->max_doc_tokens);
    assert_int_equal(a->n_vocab, b->n_vocab);
    assert_int_equal(a->n_people, b->n_people);
}

/* Others than rank 0 need not even have it. */
KC_TEST(ranks_have_a_table_in_common)
{
    const kc_grid *g = *state;
    const char *text = table_text();
    const kc_corpus *own = table_corpus(NULL, text, 0);
    const kc_corpus *common = table_corpus(g, g->rank ? "none" : text, 0);
    kc_doc a = doc_for(own), b = doc_for(common);
    char *words = kc_test_owns(kc_corpus_words(own), free);

    assert_same_info(kc_corpus_about(own), kc_corpus_about(common));
    assert_string_equal(words, kc_test_owns(kc_corpus_words(common), free));
    for (int64_t i = 0; i < NAMES; i++) {
        kc_corpus_document(own, i, 3, &a);
        kc_corpus_document(common, i, 3, &b);
        assert_int_equal(a.n_tokens, b.n_tokens);
        assert_memory_equal(a.tokens, b.tokens, (size_t)a.n_tokens * sizeof *a.tokens);
        assert_int_equal(a.n_spans, b.n_spans);
        for (int s = 0; s < a.n_spans; s++)
            assert_int_equal(a.spans[s].end, b.spans[s].end);
    }
    assert_float_equal(read_by(g, common, 0).total_bits, read_by(g, own, 0).total_bits, 0);
}

KC_TEST(all_ranks_say_what_is_wrong_with_it)
{
    const kc_grid *g = *state;
    char *text = table_text();
    kc_corpus *corpus = NULL;
    kc_error e = {0};

    strcat(text, "town 1\tcountry\n");
    assert_int_equal(make(g, g->rank ? "none" : text, 0, &corpus, &e), KC_EINPUT);
    assert_string_equal(e.text,
                        "/small/table:241: 2 columns, the first line has 3, parted by tabs; a "
                        "cell that holds such a mark wants quotation marks around it");
    assert_null(corpus);
}

KC_TEST_MAIN(all_ranks, all_ranks_stop)
