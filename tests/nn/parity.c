/* SPDX-License-Identifier: BSD-3-Clause */
/* parity SETTINGS V SEED OUT: what parity.py compares with PyTorch, of the model that SETTINGS say,
 * `train.context=64 model.arch=llama ...` in one argument.
 *
 * OUT is a sequence of records, see records.h. */
#include "models.h"
#include "records.h"

#include "kcap/optim/adamw.h"
#include "kcap/optim/muon.h"
#include "kcap/optim/reduce.h"
#include "kcap/optim/schedule.h"

enum { WINDOWS = 2, STEPS = 10, WARM_UP = 4 };

/* All that the program works on. */
typedef struct bench {
    kc_config cfg;
    tiny m;
    int64_t counted;
    FILE *out;
} bench;

static void write_text(bench *b)
{
    const int64_t T = b->m.model.shape.T;
    tiny_text(&b->m, 50);
    for (int64_t i = 0; i < WINDOWS * T; ++i)
        b->counted += b->m.targets[i] != KC_NO_TARGET;
    record(b->out, "tokens", "i4", 2, (int64_t[]){WINDOWS, T}, b->m.tokens);
    record(b->out, "targets", "i4", 2, (int64_t[]){WINDOWS, T}, b->m.targets);
}

static void write_forward(bench *b)
{
    const kc_shape *s = &b->m.model.shape;
    record(b->out, "logits", "f4", 3, (int64_t[]){WINDOWS, s->T, s->V}, tiny_logits(&b->m));
    scalar(b->out, "loss", tiny_grad(&b->m));
    tensors(b->out, &b->m.model.layout, "weight", b->m.w);
    tensors(b->out, &b->m.model.layout, "grad", b->m.grad);
}

/* Every layer of the first window, of which one token's embedding was moved, and the gradient at the embedding
 * of a weighted sum of the last block's output: the weights, pulled down. */
static void write_hidden(bench *b)
{
    const kc_shape *s = &b->m.model.shape;
    const int64_t n = s->T * s->d;
    kc_mat *hidden = test_room(s->l + 2, sizeof *hidden);
    float *all = test_room((s->l + 2) * n, sizeof *all), *dx = noise_of(60, n);
    float *moved = noise_of(61, s->d);
    const kc_mat x = kc_model_embed(&b->m.weights, b->m.tokens, b->m.work);
    for (int64_t j = 0; j < s->d; ++j)
        x.p[s->T / 2 * s->d + j] += moved[j];
    kc_model_hidden(&b->m.model, &b->m.weights, b->m.work, hidden);
    for (int64_t l = 0; l < s->l + 2; ++l)
        memcpy(all + l * n, hidden[l].p, (size_t)n * sizeof *all);
    record(b->out, "moved", "f4", 1, (int64_t[]){s->d}, moved);
    record(b->out, "hidden", "f4", 3, (int64_t[]){s->l + 2, s->T, s->d}, all);
    record(b->out, "pushed", "f4", 2, (int64_t[]){s->T, s->d}, dx);
    kc_model_pull(&b->m.model, &b->m.weights, b->m.work, kc_mat_of(dx, s->T, s->d));
    record(b->out, "pulled", "f4", 2, (int64_t[]){s->T, s->d}, dx);
}

static kc_muon_room muon_room(const kc_layout *layout)
{
    kc_arena *arena = test_arena();
    kc_muon_room_take(layout, arena);
    kc_arena_reserve(arena);
    return kc_muon_room_take(layout, arena);
}

/* Ten steps on the same windows, as a trainer takes them. */
static void write_steps(bench *b, const kc_grid *g)
{
    const int64_t n = b->m.model.layout.n_flat;
    kc_arena *arena = test_arena();
    kc_reducer reducer;
    kc_reducer_create(&reducer, g, n, arena);
    kc_arena_reserve(arena);
    kc_reducer_create(&reducer, g, n, arena);
    kc_state state = {.layout = &b->m.model.layout, .params = b->m.w, .lo = reducer.lo};
    state.m = test_room(n, sizeof *state.m);
    state.v = test_room(n, sizeof *state.v);
    const kc_muon_room room = muon_room(&b->m.model.layout);
    double norms[STEPS];
    for (int64_t t = 0; t < STEPS; ++t) {
        tiny_grad(&b->m);
        norms[t] =
            sqrt(kc_grads_square(&reducer, g, NULL, b->m.grad, NULL, 1)) / (double)b->counted;
        kc_adamw a = {.lr = kc_schedule(&b->cfg, t, t, STEPS),
                      .beta1 = b->cfg.train.beta1,
                      .beta2 = b->cfg.train.beta2,
                      .eps = b->cfg.train.eps,
                      .weight_decay = b->cfg.train.weight_decay,
                      .scale = kc_clip_factor(norms[t], b->cfg.train.clip) / (double)b->counted,
                      .t = t + 1,
                      .others = b->cfg.train.optimizer == KC_train_optimizer_muon};
        const kc_muon u = {kc_schedule_from(&b->cfg, b->cfg.train.muon_lr, t, t, STEPS),
                           b->cfg.train.momentum, a.weight_decay, a.scale};
        if (a.others) {
            kc_muon_momentum(&b->m.model.layout, &u, 0, n, &state, b->m.grad);
            kc_muon_step(&b->m.model.layout, &u, 0, n, b->m.w, b->m.grad, &room, 1);
        }
        kc_adamw_step(&b->m.model.layout, &a, 0, n, &state, b->m.grad, 1);
        tiny_refresh(&b->m);
    }
    record(b->out, "norms", "f8", 1, (int64_t[]){STEPS}, norms);
    tensors(b->out, &b->m.model.layout, "after", b->m.w);
}

/* What the optimiser does; the shape is known to who asked for it. */
static void write_settings(bench *b)
{
    b->cfg.train.warmup_steps = WARM_UP;
    b->cfg.train.lr = 5e-3;
    b->cfg.train.muon_lr = 8e-3;
    b->cfg.train.weight_decay = 0.1;
    b->cfg.train.clip = 0.9;
    scalar(b->out, "lr", b->cfg.train.lr);
    scalar(b->out, "muon_lr", b->cfg.train.muon_lr);
    scalar(b->out, "momentum", b->cfg.train.momentum);
    scalar(b->out, "lr_final", b->cfg.train.lr_final);
    scalar(b->out, "warmup_steps", WARM_UP);
    scalar(b->out, "weight_decay", b->cfg.train.weight_decay);
    scalar(b->out, "beta1", b->cfg.train.beta1);
    scalar(b->out, "beta2", b->cfg.train.beta2);
    scalar(b->out, "eps", b->cfg.train.eps);
    scalar(b->out, "clip", b->cfg.train.clip);
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: parity SETTINGS V SEED OUT\n");
        return 2;
    }
    bench b = {.cfg = tiny_config(argv[1]), .out = fopen(argv[4], "wb")};
    kc_grid g;
    if (!b.out)
        return 4;
    kc_grid_start(&g);
    tiny_create_windows(&b.m, &b.cfg, atoll(argv[2]), (uint64_t)atoll(argv[3]), WINDOWS, 1);
    write_settings(&b);
    write_text(&b);
    write_forward(&b);
    write_hidden(&b);
    write_steps(&b, &g);
    kc_test_end(NULL);
    kc_grid_stop(&g);
    return fclose(b.out) == 0 ? 0 : 4;
}
