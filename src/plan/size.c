/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/plan/size.h"

#include <math.h>
#include <string.h>

#include "kcap/plan/plan.h"

enum { LAYERS_MAX = 200, HEADS_MAX = 256, WIDTH_LEAST = 16, VOCAB_LEAST = 512, VOCAB_MOST = 2048 };

const int kc_size_ranks[KC_SIZE_GRIDS] = {1, 16, 256};

void kc_law_published(kc_law *law)
{
    *law = (kc_law){.source = "published: arXiv 2404.05405, results 1 and 4",
                    .n = 2,
                    .exposures = {100, 1000},
                    .bits_per_param = {1, 2}};
}

/* P of arXiv 2404.05405, appendix A: blocks, tied embedding, last norm. */
static double params_of(int64_t layers, int64_t d, int64_t n_vocab)
{
    const double w = (double)d;
    return (double)layers * (12 * w * w + 13 * w) + (double)n_vocab * w + 2 * w;
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

/* A small model among those that are large enough, about as many layers as heads: a factor of e
 * between them counts as much as a twentieth of the size. */
static int choose_shape(int64_t n_vocab, kc_size *c)
{
    for (int64_t hd = 64; hd >= 8; hd /= 2) {
        double best = INFINITY;
        for (int64_t h = 1; h <= HEADS_MAX; ++h)
            for (int64_t l = 2; h * hd >= WIDTH_LEAST && l <= layers_most(h * hd); ++l) {
                const double P = params_of(l, h * hd, n_vocab);
                const double price = P / c->wanted - 1 + 0.05 * fabs(log((double)l / (double)h));
                if (P < c->wanted || price >= best)
                    continue;
                best = price;
                c->layers = l;
                c->heads = h;
                c->head_dim = hd;
            }
        if (best < 0.25 || hd == 8)
            return isfinite(best);
    }
    return 0;
}

/* Memory and operations, by the same forecast as any run's: of random strings, whose vocabulary can be of
 * any size. */
static int forecast(int64_t n_vocab, kc_size *c, kc_error *e)
{
    kc_config cfg;
    kc_files files = {0};
    kc_corpus *corpus = NULL;
    kc_config_defaults(&cfg);
    cfg.corpus.kind = KC_corpus_kind_random;
    cfg.corpus.vocab = n_vocab - 1;
    cfg.model.layers = c->layers;
    cfg.model.heads = c->heads;
    cfg.model.head_dim = c->head_dim;
    cfg.train.lanes = cfg.train.batch = kc_size_ranks[KC_SIZE_GRIDS - 1];
    KC_TRY(kc_corpus_create(&cfg, &files, &corpus, e));
    for (int i = 0; i < KC_SIZE_GRIDS; ++i) {
        const kc_machine machine = {.ranks = kc_size_ranks[i], .threads = 1, .ranks_per_node = 1};
        kc_plan plan;
        KC_TRY(kc_plan_make(&cfg, corpus, &machine, &plan, e));
        c->peak_bytes[i] = (double)plan.peak_bytes;
        c->n_params = plan.n_params;
        c->flops = c->tokens * plan.flop_per_token.all;
    }
out:
    kc_corpus_destroy(corpus);
    return e->code;
}

int kc_size_choose(const kc_load *load, const kc_law *law, int i, kc_size *size, kc_error *e)
{
    *size = (kc_size){.exposures = law->exposures[i],
                      .bits_per_param = law->bits_per_param[i],
                      .wanted = load->bits / law->bits_per_param[i],
                      .tokens = load->exposure_tokens * law->exposures[i]};
    if (!choose_shape(load->n_vocab, size))
        return kc_fail(e, KC_EINPUT, "%.4g parameters are needed: more than %d layers of %d heads",
                       size->wanted, LAYERS_MAX, HEADS_MAX);
    return forecast(load->n_vocab, size, e);
}
