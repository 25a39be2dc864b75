/* SPDX-License-Identifier: BSD-3-Clause */
/* logits CHECKPOINT OUT: records `tokens` [T], drawn at random from the vocabulary, and `logits`
 * [T, V] of the checkpoint's model after each of them. */
#include "../nn/records.h"

#include "kcap/cli/verbs.h"
#include "kcap/base/rng.h"

static void score(kc_session *s, const kc_state *state, const kc_model *model, FILE *out)
{
    const int64_t T = model->shape.T, V = model->shape.V;
    float *wt = calloc((size_t)model->layout.n_flat, sizeof *wt);
    float *logits = calloc((size_t)(T * V), sizeof *logits);
    int32_t *tokens = calloc((size_t)T, sizeof *tokens);
    kc_arena arena = {0};
    KC_CHECK(wt && logits && tokens, "out of memory");
    for (int64_t t = 0; t < T; ++t)
        tokens[t] =
            (int32_t)kc_rand_below(s->cfg.run.seed, KC_STREAM_TEXT, (uint64_t)t, 1, (uint64_t)V);
    kc_params_transpose(&model->layout, state->params, wt, 1);
    kc_work_create(model, &arena, 1);
    kc_arena_reserve(&arena);
    const kc_weights weights = {&model->layout, state->params, wt};
    kc_model_logits(model, &weights, tokens, kc_work_create(model, &arena, 1), logits);
    record(out, "tokens", "i4", 1, &T, tokens);
    record(out, "logits", "f4", 2, (int64_t[]){T, V}, logits);
    kc_arena_destroy(&arena);
    free(tokens);
    free(logits);
    free(wt);
}

static int run(kc_session *s, const char *path, FILE *out, kc_error *e)
{
    kc_head head = {0};
    kc_model model = {0};
    kc_state state = {.layout = &model.layout};
    KC_TRY(kc_checkpoint_find(&s->grid, path, &head, e));
    KC_TRY(kc_config_parse(head.config, strlen(head.config), head.path, NULL, 0, &s->cfg, e));
    KC_TRY(kc_session_corpus(s, &head.files, e));
    KC_TRY(kc_session_machine(s, NULL, e));
    kc_model_create(&model, &s->cfg, kc_corpus_about(s->corpus)->n_vocab);
    KC_TRY(kc_weights_read(s, &head, &state, e));
    score(s, &state, &model, out);
out:
    kc_weights_free(&state);
    kc_model_destroy(&model);
    kc_head_free(&head);
    return e->code;
}

int main(int argc, char **argv)
{
    kc_session s = {.quiet = 1};
    kc_error e = {0};
    FILE *out = argc == 3 ? fopen(argv[2], "wb") : NULL;
    if (!out)
        return 2;
    kc_grid_start(&s.grid);
    if (run(&s, argv[1], out, &e) != KC_OK)
        fprintf(stderr, "logits: %s\n", e.text);
    kc_session_end(&s);
    kc_grid_stop(&s.grid);
    return fclose(out) == 0 ? e.code : 4;
}
