/* SPDX-License-Identifier: BSD-3-Clause */
/* head OF_BATCH N D CLASSES: from stdin W, gain, bias, shift, states x [N, D] and y [N, D], classes of x; to stdout what
 * two calls on x come to: loss, gradients, running moments, and what is then guessed of y. */
#include <stdio.h>
#include <stdlib.h>

#include "kcap/base/memory.h"
#include "measure/head.h"

static void *take(int64_t n, size_t size)
{
    void *room = kc_alloc(n, size, "floats");
    if (fread(room, size, (size_t)n, stdin) != (size_t)n)
        exit(2);
    return room;
}

static kc_head_part part(int64_t n)
{
    return (kc_head_part){take(n, sizeof(float)), kc_alloc(n, sizeof(float), "floats")};
}

static void give(const float *x, int64_t n)
{
    fwrite(x, sizeof *x, (size_t)n, stdout);
}

int main(int argc, char **argv)
{
    if (argc != 5)
        return 2;
    const int64_t n = atoi(argv[2]), d = atoi(argv[3]), classes = atoi(argv[4]);
    const kc_head_shape shape = {d, classes, n, atoi(argv[1])};
    kc_arena arena = {0};
    kc_head h;
    kc_head_take(&h, &shape, &arena);
    kc_arena_reserve(&arena);
    kc_head_take(&h, &shape, &arena);
    h.W = part(d * classes), h.gain = part(d), h.bias = part(d), h.shift = part(classes);
    const kc_mat x = kc_mat_of(take(n * d, sizeof(float)), n, d);
    const kc_mat y = kc_mat_of(take(n * d, sizeof(float)), n, d);
    const kc_mat dx = kc_mat_of(kc_alloc(n * d, sizeof(float), "floats"), n, d);
    const int32_t *class = take(n, sizeof(int32_t));
    const double loss = kc_head_learn(&h, x, class, dx) + kc_head_learn(&h, x, class, dx);
    fwrite(&loss, sizeof loss, 1, stdout);
    give(h.W.grad, d * classes), give(h.gain.grad, d), give(h.bias.grad, d);
    give(h.shift.grad, classes), give(dx.p, n * d);
    give(h.running_mean, d), give(h.running_var, d);
    for (int64_t i = 0; i < n; ++i) {
        const int32_t guess = kc_head_guess(&h, (kc_mat){y.p + i * d, 1, d, d});
        fwrite(&guess, sizeof guess, 1, stdout);
    }
    return 0;
}
