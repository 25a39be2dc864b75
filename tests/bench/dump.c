/* SPDX-License-Identifier: BSD-3-Clause */
/* dump INPUT.yaml STEPS OUT [section.key=value ...]: the initial weights of a run and the tokens of
 * its first steps, for another program to start from and to train on (records.h). */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../nn/records.h"

#include "kcap/data/batch.h"
#include "kcap/data/corpus.h"

static void *room(int64_t n, size_t size)
{
    void *p = calloc((size_t)n + 1, size);
    if (!p)
        abort();
    return p;
}

static void write_settings(FILE *out, const kc_config *cfg, const kc_shape *s)
{
    scalar(out, "heads", (double)s->h);
    scalar(out, "rot", (double)s->rot);
    scalar(out, "rotary_base", cfg->model.rotary_base);
    scalar(out, "lr", cfg->train.lr);
    scalar(out, "weight_decay", cfg->train.weight_decay);
    scalar(out, "beta1", cfg->train.beta1);
    scalar(out, "beta2", cfg->train.beta2);
    scalar(out, "eps", cfg->train.eps);
}

static void write_weights(FILE *out, const kc_config *cfg, const kc_shape *s)
{
    kc_layout layout;
    kc_layout_of(s, &layout);
    float *w = room(layout.n_flat, sizeof *w);
    kc_params_init(&layout, (uint64_t)cfg->run.seed, cfg->model.init_std, w);
    tensors(out, &layout, "weight", w);
    free(w);
}

/* tokens and targets [STEPS, batch, T], lane after lane within a step. */
static void write_text(FILE *out, const kc_config *cfg, const kc_corpus *corpus, int64_t steps)
{
    const kc_corpus_info *info = kc_corpus_about(corpus);
    const int64_t L = cfg->train.lanes, B = cfg->train.batch / L, T = cfg->train.context;
    int32_t *tokens = room(steps * L * B * T, sizeof *tokens),
            *targets = room(steps * L * B * T, sizeof *targets);
    kc_cursor *cursors = room(L, sizeof *cursors);
    kc_doc doc = {.tokens = room(info->max_doc_tokens, sizeof(int32_t)),
                  .spans = room(info->n_attributes, sizeof(kc_span))};
    for (int64_t i = 0; i < steps * L; ++i) {
        kc_batch b = {.windows = B, .context = T, .tokens = tokens + i * B * T};
        b.targets = targets + i * B * T;
        kc_batch_next(corpus, i % L, L, &cursors[i % L], &doc, &b);
    }
    record(out, "tokens", "i4", 3, (int64_t[]){steps, L * B, T}, tokens);
    record(out, "targets", "i4", 3, (int64_t[]){steps, L * B, T}, targets);
    free(tokens);
    free(targets);
    free(cursors);
    free(doc.tokens);
    free(doc.spans);
}

static char *read_text(const char *path, size_t *bytes)
{
    enum { MOST = 1 << 20 };
    FILE *f = fopen(path, "rb");
    char *text = room(MOST, 1);
    *bytes = f ? fread(text, 1, MOST, f) : 0;
    if (f)
        fclose(f);
    return text;
}

int main(int argc, char **argv)
{
    kc_config cfg;
    kc_files files;
    kc_corpus *corpus = NULL;
    kc_error e = {0};
    size_t bytes;
    if (argc < 4) {
        fprintf(stderr, "usage: dump INPUT.yaml STEPS OUT [section.key=value ...]\n");
        return 2;
    }
    char *text = read_text(argv[1], &bytes);
    FILE *out = fopen(argv[3], "wb");
    if (!out ||
        kc_config_parse(text, bytes, argv[1], (const char *const *)argv + 4, argc - 4, &cfg, &e) !=
            KC_OK ||
        kc_files_load(&cfg, NULL, &files, &e) != KC_OK ||
        kc_corpus_create(&cfg, &files, &corpus, &e) != KC_OK) {
        fprintf(stderr, "dump: %s\n", out ? e.text : argv[3]);
        return 2;
    }
    const kc_shape s = kc_shape_of(&cfg, kc_corpus_about(corpus)->n_vocab);
    write_settings(out, &cfg, &s);
    write_weights(out, &cfg, &s);
    write_text(out, &cfg, corpus, atoll(argv[2]));
    kc_corpus_destroy(corpus);
    kc_files_free(&files);
    free(text);
    return fclose(out) == 0 ? 0 : 4;
}
