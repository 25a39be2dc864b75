/* SPDX-License-Identifier: BSD-3-Clause */
/* logits CHECKPOINT OUT: records `tokens` [T], drawn at random from the vocabulary, and `logits`
 * [T, V] of the checkpoint's model after each of them. */
#include "../nn/records.h"

#include "kcap/base/rng.h"
#include "kcap/run/open.h"

static void score(const kc_opened *o, FILE *out)
{
    const kc_model *model = &o->model;
    const int64_t T = model->shape.T, V = model->shape.V;
    float *logits = calloc((size_t)(T * V), sizeof *logits);
    int32_t *tokens = calloc((size_t)T, sizeof *tokens);
    kc_arena arena = {0};
    KC_CHECK(logits && tokens, "out of memory");
    for (int64_t t = 0; t < T; ++t)
        tokens[t] =
            (int32_t)kc_rand_below(o->cfg.run.seed, KC_STREAM_TEXT, (uint64_t)t, 1, (uint64_t)V);
    kc_work_create(model, &arena, 1);
    kc_arena_reserve(&arena);
    kc_model_logits(model, &o->weights, tokens, kc_work_create(model, &arena, 1), logits);
    record(out, "tokens", "i4", 1, &T, tokens);
    record(out, "logits", "f4", 2, (int64_t[]){T, V}, logits);
    kc_arena_destroy(&arena);
    free(tokens);
    free(logits);
}

int main(int argc, char **argv)
{
    kc_grid g;
    kc_opened opened = {.corpus = NULL};
    kc_error e = {0};
    FILE *out = argc == 3 ? fopen(argv[2], "wb") : NULL;
    if (!out)
        return 2;
    kc_grid_start(&g);
    if (kc_open(&opened, &g, argv[1], &e) == KC_OK)
        score(&opened, out);
    else
        fprintf(stderr, "logits: %s\n", e.text);
    kc_opened_close(&opened, &g);
    kc_grid_stop(&g);
    return fclose(out) == 0 ? e.code : 4;
}
