/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/plan/size.h"

#include <math.h>
#include <string.h>

#include "kcap/plan/plan.h"

enum { LAYERS_MAX = 200, HEADS_MAX = 256, WIDTH_LEAST = 16, VOCAB_LEAST = 512, VOCAB_MOST = 2048 };
enum { RANDOM_LENGTH = 64 }; /* of corpus.length 0 */

const int kc_size_ranks[KC_SIZE_GRIDS] = {1, 16, 256};

void kc_law_published(kc_law *law)
{
    *law = (kc_law){.source = "published: arXiv 2404.05405, results 1 and 4",
                    .n = 2,
                    .exposures = {100, 1000},
                    .bits_per_param = {1, 2}};
}

int64_t kc_size_vocab(double bits, const kc_law *law)
{
    double most = 0;
    int64_t V = VOCAB_LEAST;
    for (int i = 0; i < law->n; ++i)
        most = fmax(most, law->bits_per_param[i]);
    /* P = 12 l d^2 with as many layers as heads of 64: d^3 = 64 P / 12. */
    const double P = bits / most, fits = P / (4 * cbrt(64 * P / 12));
    while (V < VOCAB_MOST && (double)(2 * V) <= fits)
        V *= 2;
    return V;
}

/* Layers that a width is sane with: at least 2, else one for each 16 floats. */
static int64_t layers_most(int64_t d)
{
    const int64_t most = d / WIDTH_LEAST;
    return most < 2 ? 2 : most < LAYERS_MAX ? most : LAYERS_MAX;
}

/* A part of a width, in the proportion that it has in another one; 0 stays 0. */
static int64_t scaled(int64_t part, int64_t of, int64_t to)
{
    const int64_t n = llround((double)part * (double)to / (double)of);
    return part && n < 1 ? 1 : n;
}

/* The keys of a model with so many heads. Returns 0 where key-value heads cannot be shared alike. */
static int shape_model(const kc_config *like, int64_t heads, int64_t head_dim, kc_config *cfg)
{
    const kc_model_keys *m = &like->model;
    *cfg = *like;
    cfg->model.heads = heads;
    cfg->model.head_dim = head_dim;
    cfg->model.width = scaled(m->width, m->heads * m->head_dim, heads * head_dim);
    cfg->model.mlp_width = scaled(m->mlp_width, kc_config_width(like), kc_config_width(cfg));
    cfg->model.kv_heads = m->kv_heads > 1 ? heads * m->kv_heads / m->heads : m->kv_heads;
    return m->kv_heads < 2 || heads * m->kv_heads % m->heads == 0;
}

/* P, or more than is possible. */
static double params_of(kc_config *cfg, int64_t layers, int64_t n_vocab)
{
    kc_error e = {0};
    kc_layout layout;
    cfg->model.layers = layers;
    const kc_shape s = kc_shape_of(cfg, n_vocab);
    if (kc_layout_fits(&s, &e) != KC_OK)
        return INFINITY;
    kc_layout_of(&s, &layout);
    return (double)layout.n_params;
}

/* A small model among those that are large enough, about as many layers as heads: a factor of e
 * between them counts as much as a twentieth of the size. */
static void choose_layers(kc_config *cfg, int64_t n_vocab, double *best, kc_size *c)
{
    const kc_model_keys *m = &cfg->model;
    const double first = params_of(cfg, 1, n_vocab), each = params_of(cfg, 2, n_vocab) - first;
    const int64_t most = layers_most(kc_config_width(cfg));
    for (int64_t l = 2; l <= most; ++l) {
        const double P = first + (double)(l - 1) * each;
        const double price = P / c->wanted - 1 + 0.05 * fabs(log((double)l / (double)m->heads));
        if (P < c->wanted || !(price < *best))
            continue;
        *best = price;
        c->model = *m;
        c->model.layers = l;
    }
}

static int choose_shape(const kc_config *like, int64_t n_vocab, kc_size *c)
{
    for (int64_t hd = 64; hd >= 8; hd /= 2) {
        double best = INFINITY;
        for (int64_t h = 1; h <= HEADS_MAX; ++h) {
            kc_config cfg;
            if (shape_model(like, h, hd, &cfg) && kc_config_width(&cfg) >= WIDTH_LEAST)
                choose_layers(&cfg, n_vocab, &best, c);
        }
        if (best < 0.25 || hd == 8)
            return isfinite(best);
    }
    return 0;
}

/* Memory and operations, by the same forecast as any run's. */
static int forecast(const kc_corpus *corpus, const kc_config *like, kc_size *c, kc_error *e)
{
    kc_config cfg = *like;
    cfg.model = c->model;
    cfg.parallel.ep = 1;
    cfg.train.lanes = cfg.train.batch = kc_size_ranks[KC_SIZE_GRIDS - 1];
    for (int i = 0; i < KC_SIZE_GRIDS; ++i) {
        const kc_machine machine = {.ranks = kc_size_ranks[i], .threads = 1, .ranks_per_node = 1};
        kc_plan plan;
        KC_TRY(kc_plan_make(&cfg, corpus, &machine, &plan, e));
        c->peak_bytes[i] = (double)plan.peak_bytes;
        c->n_params = plan.n_params;
        c->flops = c->tokens * plan.flop_per_token.all;
    }
out:
    return e->code;
}

/* A corpus of random strings stands for one that is not there: its vocabulary can be of any size. */
static int forecast_without(int64_t n_vocab, const kc_config *like, kc_size *c, kc_error *e)
{
    kc_config cfg;
    kc_files files = {0};
    kc_corpus *corpus = NULL;
    kc_config_defaults(&cfg);
    cfg.model = c->model;
    cfg.train.context = like->train.context;
    cfg.train.optimizer = like->train.optimizer;
    cfg.corpus.kind = KC_corpus_kind_random;
    cfg.corpus.vocab = n_vocab - 1;
    if (cfg.train.context <= RANDOM_LENGTH) {
        cfg.corpus.length = cfg.train.context - 1;
        cfg.corpus.people = 2;
    }
    KC_TRY(kc_corpus_create(&cfg, &files, &corpus, e));
    KC_TRY(forecast(corpus, &cfg, c, e));
out:
    kc_corpus_destroy(corpus);
    return e->code;
}

int kc_size_choose(const kc_load *load, const kc_config *like, const kc_law *law, int i,
                   kc_size *size, kc_error *e)
{
    *size = (kc_size){.exposures = law->exposures[i],
                      .bits_per_param = law->bits_per_param[i],
                      .wanted = load->bits / law->bits_per_param[i],
                      .tokens = load->exposure_tokens * law->exposures[i]};
    if (!choose_shape(like, load->n_vocab, size))
        return kc_fail(e, KC_EINPUT, "%.4g parameters are needed: more than %d layers of %d heads",
                       size->wanted, LAYERS_MAX, HEADS_MAX);
    return load->corpus ? forecast(load->corpus, like, size, e)
                        : forecast_without(load->n_vocab, like, size, e);
}
