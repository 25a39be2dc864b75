/* SPDX-License-Identifier: BSD-3-Clause */
/* Oracles of known capacity through the whole measurement; spans, hits, ranks and threads. */
#include "oracles.h"

#include "kcap/math/gemm.h"

enum { N_PARAMS = 1000, MAX_THREADS = 3 };

/* A corpus with the files it is made of. */
typedef struct library {
    kc_config cfg;
    kc_files files;
    kc_corpus *corpus;
    const kc_corpus_info *info;
} library;

static void library_open(library *l, kc_config cfg, int shipped)
{
    const texts t = small_texts();
    l->cfg = cfg;
    l->files = shipped ? shipped_files(&cfg) : files_of(&t);
    kc_test_owns(l->files.text, free);
    kc_test_owns(l->files.words, free);
    l->corpus = corpus_with(&cfg, &l->files);
    l->info = kc_corpus_about(l->corpus);
}

static kc_config small_bios(int64_t people)
{
    kc_config cfg = config_of(KC_corpus_kind_bios, people);
    cfg.corpus.birth_years = 3;
    return cfg;
}

static kc_config small_biod(int64_t people, int64_t C, int64_t D, int64_t L, int64_t T)
{
    kc_config cfg = config_of(KC_corpus_kind_biod, people);
    cfg.corpus.attributes = 3;
    cfg.corpus.chunks = C;
    cfg.corpus.diversity = D;
    cfg.corpus.length = L;
    cfg.corpus.alphabet = T;
    return cfg;
}

/* A row and room for its lists. */
#define LIST(type, name, width, unit, help) kc_col_##type name[KC_ATTRIBUTES_MAX];
typedef struct full_row {
    KC_COLUMNS_EVENT(KC_COLUMN_FIELD)
    KC_COLUMNS_CAPACITY(KC_COLUMN_FIELD)
    KC_LISTS_CAPACITY(LIST)
} full_row;

static void capacity(const library *l, const kc_span_sums *sums, full_row *row)
{
#define PLACE(type, name, width, unit, help) .name = row->name,
    const kc_capacity_lists lists = {KC_LISTS_CAPACITY(PLACE)};
    kc_capacity(l->info, sums, N_PARAMS, (kc_capacity_row *)row, &lists);
}

static full_row measure(const kc_grid *g, const library *l, oracle *o)
{
    kc_span_sums sums;
    full_row row;
    memset(&row, 255, sizeof row);
    kc_measure_spans(g, l->corpus, 3 * l->info->max_doc_tokens + 1, oracle_score, o, 1, NULL,
                     &sums);
    capacity(l, &sums, &row);
    assert_same_on_all(g, &sums, sizeof sums);
    return row;
}

static void check_bios(const kc_grid *g, kc_config cfg, int shipped)
{
    library l;
    oracle o;
    library_open(&l, cfg, shipped);
    oracle_create(&o, l.corpus, &l.files, &cfg);
    full_row row = measure(g, &l, &o);
    assert_float_equal(row.name_bits, 0, 1e-3);
    assert_float_equal(row.value_bits, 0, 1e-3);
    assert_true(row.diversity_bits == 0 && isnan(row.first_chunk_nats));
    assert_float_equal(row.total_bits, 0, 1e-3);
    assert_float_equal(row.bits_per_param, 0, 1e-6);
    assert_float_equal(row.name_nats, l.info->term[KC_READ_NAME].log2_size * M_LN2, 1e-6);
    assert_float_equal(row.value_nats, l.info->term[KC_READ_VALUES].log2_size * M_LN2, 1e-6);
    assert_true(row.attribute_nats[7] >= 50); /* the working city: read, but in no sum */
    oracle_learn(&o);
    row = measure(g, &l, &o);
    assert_float_equal(row.total_bits / l.info->max_bits, 1, 1e-9);
    assert_float_equal(row.name_bits / l.info->term[KC_READ_NAME].max_bits, 1, 1e-7);
    assert_true(row.value_nats == 0);
    assert_float_equal(row.bits_per_param / row.max_bits_per_param, 1, 1e-9);
    assert_float_equal(row.max_bits_per_param, l.info->max_bits / N_PARAMS, 1e-9);
}

KC_TEST(biographies_read_nothing_or_all)
{
    check_bios(*state, small_bios(60), 0);
    check_bios(*state, small_bios(80), 0);
}

/* All shipped values; names few enough to be listed. */
KC_TEST(shipped_biographies_read_nothing_or_all)
{
    kc_config cfg = config_of(KC_corpus_kind_bios, 150);
    cfg.corpus.first_names = cfg.corpus.middle_names = 12;
    cfg.corpus.last_names = 20;
    cfg.corpus.birth_years = 7;
    check_bios(*state, cfg, 1);
}

static void check_biod(const kc_grid *g, kc_config cfg)
{
    library l;
    oracle o;
    library_open(&l, cfg, 0);
    oracle_create(&o, l.corpus, &l.files, &cfg);
    full_row row = measure(g, &l, &o);
    const double K = 3, D = (double)cfg.corpus.diversity;
    const double strings = pow((double)cfg.corpus.alphabet, (double)cfg.corpus.length);
    assert_float_equal(row.name_bits, 0, 1e-3);
    assert_float_equal(row.value_bits, 0, 1e-3);
    assert_float_equal(row.first_chunk_nats, log(D), 1e-6);
    assert_float_equal(row.value_nats, (double)cfg.corpus.chunks * log(D), 1e-6);
    assert_float_equal(row.diversity_bits, K * D * log2(strings / (D * D)), 1e-3);
    assert_float_equal(row.total_bits, row.diversity_bits, 1e-3);
    oracle_learn(&o);
    row = measure(g, &l, &o);
    assert_float_equal(row.total_bits / l.info->max_bits, 1, 1e-9);
    assert_float_equal(row.diversity_bits, K * D * log2(strings / D), 1e-9);
    assert_float_equal(row.bits_per_param / row.max_bits_per_param, 1, 1e-9);
}

KC_TEST(tables_read_their_diversity_or_all)
{
    check_biod(*state, small_biod(80, 2, 20, 2, 16));
    check_biod(*state, small_biod(80, 1, 7, 1, 9));
    check_biod(*state, small_biod(50, 4, 11, 3, 4));
}

/* Knows all, and that nobody comes twice in a window: of the j-th to come one of N - j. */
static void eliminating_score(void *context, int thread, const kc_batch *window, float *nats,
                              uint8_t *hit)
{
    const double N = *(const double *)context;
    double names = 0;
    assert_int_equal(thread, 0);
    memset(nats, 0, (size_t)window->context * sizeof *nats);
    memset(hit, 0, (size_t)window->context);
    for (int32_t i = 0; i < window->n_spans; ++i)
        if (window->spans[i].attribute == 0)
            nats[window->spans[i].begin] = (float)log(N - names++);
}

KC_TEST(windows_of_few_people_give_names_away)
{
    static const int64_t people[] = {80, 16, 3, 2, 1};
    for (int i = 0; i < 5; ++i) {
        library l;
        full_row row;
        kc_span_sums sums;
        library_open(&l, small_biod(people[i], 2, 20, 2, 16), 0);
        double N = (double)people[i];
        const int64_t context = 3 * l.info->max_doc_tokens + 1;
        const int64_t together = kc_capacity_window(l.info, context);
        assert_int_equal(together, people[i] < 3 ? people[i] : 3);
        kc_measure_spans(*state, l.corpus, context, eliminating_score, &N, 1, NULL, &sums);
        capacity(&l, &sums, &row);
        assert_float_equal(row.total_bits,
                           l.info->max_bits + kc_capacity_given_away(l.info, together), 1e-4);
    }
}

static kc_config small_random(int64_t people, int64_t S, int64_t V)
{
    kc_config cfg = config_of(KC_corpus_kind_random, people);
    cfg.corpus.length = S;
    cfg.corpus.vocab = V;
    return cfg;
}

static full_row guess(const kc_grid *g, const library *l, double first, double other)
{
    guesser who = {first, other};
    kc_span_sums sums;
    full_row row;
    memset(&row, 255, sizeof row);
    kc_measure_spans(g, l->corpus, 3 * l->info->max_doc_tokens + 1, guesser_score, &who, 1, NULL,
                     &sums);
    capacity(l, &sums, &row);
    assert_same_on_all(g, &sums, sizeof sums);
    assert_true(row.value_bits == 0 && row.diversity_bits == 0);
    assert_true(isnan(row.value_nats) && isnan(row.first_chunk_nats) && isnan(row.value_recall));
    assert_true(row.total_bits == row.name_bits);
    assert_true(row.name_nats == row.attribute_nats[0]);
    assert_true(row.name_recall == row.attribute_recall[0]);
    assert_true(row.bits_per_param == row.total_bits / N_PARAMS);
    assert_true(row.max_bits_per_param == l->info->max_bits / N_PARAMS);
    return row;
}

/* Morris et al., arXiv 2505.24832: a uniform guess has stored nothing, whoever knows what comes has
 * stored H, and a memory of the set log2 N bits a string less. */
static void check_random(const kc_grid *g, kc_config cfg)
{
    library l;
    library_open(&l, cfg, 0);
    const double N = (double)cfg.corpus.people, V = (double)cfg.corpus.vocab;
    const double H = N * (double)cfg.corpus.length * log2(V);
    full_row row = guess(g, &l, V, V);
    assert_float_equal(row.name_bits / H, 0, 1e-7); /* a float holds a loss to 6e-8 */
    assert_true(row.name_recall == 0);
    row = guess(g, &l, 1, 1);
    assert_true(row.name_bits == l.info->ordered_bits);
    assert_float_equal(row.name_bits / H, 1, 1e-15);
    assert_true(row.name_nats == 0 && row.name_recall == 1 && row.attribute_first[0] == 1);
    row = guess(g, &l, N, 1);
    assert_float_equal(row.name_bits / H, l.info->max_bits / H, 1e-7);
    assert_float_equal(row.bits_per_param, (H - N * log2(N)) / N_PARAMS, 1e-7 * H / N_PARAMS);
    row = guess(g, &l, 2 * V, V); /* worse than a uniform guess: less than nothing, never clipped */
    assert_float_equal(row.name_bits, -N, 1e-7 * H);
}

KC_TEST(strings_read_nothing_or_all)
{
    check_random(*state, small_random(50, 9, 30));
    check_random(*state, small_random(700, 64, 2048)); /* several groups of strings */
    check_random(*state, small_random(8, 3, 2));
    check_random(*state, small_random(1, 1, 5));
}

/* Who knows all strings of a corpus by heart, and holds tokens likely as a memory that is sure by
 * half says: 1/2 for the one that follows in a string that began so, the rest spread evenly. */
static void heart_score(void *context, int thread, const kc_batch *window, float *nats,
                        uint8_t *hit)
{
    const library *l = context;
    const double V = (double)l->cfg.corpus.vocab;
    kc_doc doc = doc_for(l->corpus);
    (void)thread;
    memset(hit, 0, (size_t)window->context);
    for (int32_t i = 0; i < window->n_spans; ++i) {
        const int32_t begin = window->spans[i].begin, n = window->spans[i].end - begin;
        double known[64] = {0}, alike[64] = {0};
        for (int64_t s = 0; s < l->info->n_people; ++s) {
            kc_corpus_document(l->corpus, s, 0, &doc);
            for (int32_t t = 0; t < n; ++t) {
                alike[t] += 1;
                if (doc.tokens[1 + t] != window->targets[begin + t])
                    break;
                known[t] += 1;
            }
        }
        for (int32_t t = 0; t < n; ++t) {
            const double p = alike[t] > 0 ? 0.5 * known[t] / alike[t] + 0.5 / V : 1 / V;
            nats[begin + t] = (float)-log(p);
        }
    }
}

static double held_out(const kc_grid *g, const library *l, kc_score score, void *who)
{
    kc_span_sums sums;
    kc_measure_held_out(g, l->corpus, 3 * l->info->max_doc_tokens + 1, score, who, 1, NULL, &sums);
    assert_same_on_all(g, &sums, sizeof sums);
    return kc_capacity_held_out(l->info, &sums);
}

/* Of strings never shown nobody has stored anything, whatever they know of those shown; a uniform
 * guess loses nothing of them either. */
KC_TEST(strings_never_shown_read_nothing)
{
    library l;
    kc_span_sums sums;
    full_row row;
    guesser even = {40, 40}, odd = {80, 40};
    library_open(&l, small_random(300, 6, 40), 0);
    kc_measure_spans(*state, l.corpus, 30, heart_score, &l, 1, NULL, &sums);
    capacity(&l, &sums, &row);
    assert_true(row.name_bits > 0.5 * l.info->max_bits);
    /* 10 bits once in 1024 seeds at most, whoever guesses. */
    assert_true(held_out(*state, &l, heart_score, &l) < -100);
    assert_float_equal(held_out(*state, &l, guesser_score, &even) / l.info->ordered_bits, 0, 1e-7);
    assert_float_equal(held_out(*state, &l, guesser_score, &odd), -300, 1e-2);
    library_open(&l, small_random(5000, 3, 40), 0);
    assert_float_equal(held_out(*state, &l, guesser_score, &odd), -4096, 1e-2);
    library_open(&l, small_bios(60), 0);
    assert_true(isnan(held_out(*state, &l, guesser_score, &odd)));
}

/* Losses and hits that anybody can work out: attribute a of person i loses (a + 1) / 4 + i / 1024
 * a token; all its tokens are hit, or only the first, or all but the first, by (i + a) mod 3. */
static float made_up_nats(int64_t person, int32_t attribute)
{
    return 0.25f * (float)(attribute + 1) + (float)person / 1024;
}

static void made_up_score(void *context, int thread, const kc_batch *window, float *nats,
                          uint8_t *hit)
{
    assert_null(context);
    assert_in_range(thread, 0, MAX_THREADS - 1);
    for (int64_t t = 0; t < window->context; ++t) {
        nats[t] = 1000;
        hit[t] = 1;
    }
    for (int32_t i = 0; i < window->n_spans; ++i) {
        const kc_span *s = &window->spans[i];
        const int64_t how = (s->person + s->attribute) % 3;
        for (int32_t t = s->begin; t < s->end; ++t) {
            nats[t] = made_up_nats(s->person, s->attribute);
            hit[t] = how == 0 || (how == 1) == (t == s->begin);
        }
    }
}

/* The same sums from the documents, one by one. */
static kc_span_sums made_up_sums(const library *l)
{
    kc_span_sums sums = {0};
    kc_doc doc = doc_for(l->corpus);
    for (int64_t i = 0; i < l->info->n_people; ++i) {
        kc_corpus_document(l->corpus, i, KC_MEASURE, &doc);
        for (int32_t k = 0; k < doc.n_spans; ++k) {
            const kc_span *s = &doc.spans[k];
            const int32_t a = s->attribute, n = s->end - s->begin;
            const int64_t how = (i + a) % 3;
            sums.nats[a] += n * (double)made_up_nats(i, a);
            sums.recall[a] += how == 0 || (how == 1 && n == 1);
            sums.first[a] += how < 2;
            sums.read[a]++;
            if (a > 0 && l->info->attribute[a].counted)
                sums.first_chunk_nats += (s->head_end - s->begin) * (double)made_up_nats(i, a);
        }
    }
    return sums;
}

static void check_sums(const kc_grid *g, kc_config cfg, int shipped)
{
    library l;
    library_open(&l, cfg, shipped);
    const kc_span_sums want = made_up_sums(&l);
    for (int threads = 1; threads <= MAX_THREADS; ++threads) {
        kc_span_sums sums;
        const int64_t context = l.info->max_doc_tokens * threads + threads - 1;
        memset(&sums, 255, sizeof sums);
        kc_measure_spans(g, l.corpus, context, made_up_score, NULL, threads, NULL, &sums);
        assert_memory_equal(&sums, &want, sizeof sums);
    }
    full_row row;
    capacity(&l, &want, &row);
    const double N = (double)l.info->n_people;
    double recall = 0, counted = 0;
    for (int a = 0; a < l.info->n_attributes; ++a) {
        assert_true(row.attribute_nats[a] == want.nats[a] / N);
        assert_true(row.attribute_recall[a] == want.recall[a] / N);
        assert_true(row.attribute_first[a] == want.first[a] / N);
        if (a == 0 || !l.info->attribute[a].counted)
            continue;
        recall += want.recall[a] / N;
        counted += 1;
    }
    assert_true(row.name_recall == want.recall[0] / N);
    static const int has[] = {
        [KC_corpus_kind_bios] = 6, [KC_corpus_kind_biod] = 3, [KC_corpus_kind_random] = 0};
    assert_int_equal(counted, has[cfg.corpus.kind]);
    if (counted > 0)
        assert_float_equal(row.value_recall, recall / counted, 1e-12);
    else
        assert_true(isnan(row.value_recall));
}

KC_TEST(spans_and_hits_are_summed)
{
    check_sums(*state, small_bios(77), 0);
    check_sums(*state, small_biod(80, 2, 10, 3, 7), 0);
    check_sums(*state, small_biod(1, 1, 4, 1, 5), 0);
    check_sums(*state, small_biod(900, 1, 10, 1, 12), 1); /* several groups of people */
    check_sums(*state, config_of(KC_corpus_kind_bios, 400), 1);
    check_sums(*state, small_random(900, 5, 20), 0);
}

/* More groups of people than one rank's share, none of them even. */
KC_TEST(a_model_scores_the_same_anywhere)
{
    const kc_grid *g = *state;
    library l;
    kc_model model;
    alone self;
    kc_span_sums one, sums;
    kc_config cfg = small_biod(701, 2, 20, 2, 16);
    cfg.model.heads = 2;
    cfg.model.head_dim = 8;
    cfg.model.init_std = 0.5;
    cfg.train.context = 50;
    library_open(&l, cfg, 1);
    char kernel[32];
    kc_error e = {0};
    assert_int_equal(kc_gemm_start(NULL, kernel, &e), KC_OK);
    assert_int_equal(kc_model_create(&model, &cfg, l.info->n_vocab, NULL, &(kc_error){0}), KC_OK);
    const int64_t n = model.layout.n_flat;
    float *w = test_room(n, sizeof *w), *wt = test_room(n, sizeof *wt);
    const kc_weights weights = {&model.layout, w, wt};
    kc_params_init(&model.layout, 1, cfg.model.init_std, w);
    kc_params_transpose(&model.layout, w, wt, 1);
    alone_create(&self, g);
    for (int threads = 1; threads <= MAX_THREADS; ++threads) {
        kc_scorer scorer;
        kc_scorer_create(&scorer, &model, &weights, threads);
        if (threads == 1)
            kc_measure_spans(&self.grid, l.corpus, 50, kc_scorer_score, &scorer, 1, NULL, &one);
        kc_measure_spans(g, l.corpus, 50, kc_scorer_score, &scorer, threads, NULL, &sums);
        assert_memory_equal(&sums, &one, sizeof sums);
        kc_scorer_destroy(&scorer);
    }
    assert_true(one.nats[0] > 700 && isfinite(one.nats[0]));
    assert_true(one.first[0] + one.first[1] + one.first[2] + one.first[3] > 0);
    assert_same_on_all(g, &sums, sizeof sums);
    kc_model_destroy(&model);
}

/* What is told while it reads grows, up to all. */
typedef struct told {
    int times;
    double share;
} told;

static void hear(void *of, double share)
{
    told *x = of;
    assert_true(share > x->share && share <= 1);
    x->share = share;
    ++x->times;
}

KC_TEST(the_share_that_is_read_is_told)
{
    const kc_grid *g = *state;
    library l;
    library_open(&l, small_random(20000, 5, 20), 0);
    told told = {0};
    const kc_stopper watcher = {.of = &told, .seen = hear};
    kc_span_sums sums;
    assert_int_equal(kc_measure_spans(g, l.corpus, 2 * l.info->max_doc_tokens, made_up_score, NULL,
                                      1, &watcher, &sums),
                     0);
    assert_true(told.times > 2 && told.share == 1);
}

/* A rank that wants to stop after so many windows, for a reason that only it knows. */
typedef struct impatient {
    const kc_grid *g;
    int64_t asked;
    int64_t scored;
} impatient;

static int stop_soon(void *of)
{
    impatient *x = of;
    return ++x->asked > 3 && x->g->rank == x->g->size - 1 ? 7 : 0;
}

static void count_windows(void *of, int thread, const kc_batch *window, float *nats, uint8_t *hit)
{
    impatient *x = of;
    made_up_score(NULL, thread, window, nats, hit);
    ++x->scored;
}

/* All ranks break off soon after one wants to, for its reason, and read on if none does. */
KC_TEST(one_rank_breaks_off_for_all)
{
    const kc_grid *g = *state;
    library l;
    library_open(&l, small_random(20000, 5, 20), 0);
    const kc_stopper never = {.stop = NULL};
    kc_span_sums sums;
    impatient all = {.g = g}, few = {.g = g};
    const kc_stopper stopper = {.stop = stop_soon, .of = &few};
    const int64_t context = 2 * l.info->max_doc_tokens;
    assert_int_equal(kc_measure_spans(g, l.corpus, context, count_windows, &all, 1, &never, &sums),
                     0);
    assert_int_equal(
        kc_measure_spans(g, l.corpus, context, count_windows, &few, 1, &stopper, &sums), 7);
    assert_in_range(few.scored, 1, all.scored / 4);
}

KC_TEST_MAIN(all_ranks, all_ranks_stop)
