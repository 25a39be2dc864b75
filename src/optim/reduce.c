/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/optim/reduce.h"

#include <string.h>

#include "kcap/base/sum.h"
#include "kcap/base/team.h"

int kc_tree_buffers(int64_t lanes, int at_once)
{
    int levels = 0;
    while (lanes >> (levels + 1))
        ++levels;
    return levels + at_once;
}

static void give_back(kc_tree *tree, float *buffer)
{
    KC_CHECK(tree->n_free < tree->n_buffers, "a gradient buffer too many");
    memcpy(buffer, &tree->free, sizeof tree->free);
    tree->free = buffer;
    ++tree->n_free;
}

void kc_tree_create(kc_tree *tree, int64_t n, int n_buffers, kc_arena *arena)
{
    *tree = (kc_tree){.n = n, .n_buffers = n_buffers};
    for (int i = 0; i < n_buffers; ++i) {
        float *buffer = kc_arena_floats(arena, n);
        if (buffer)
            give_back(tree, buffer);
    }
}

void kc_tree_clear(kc_tree *tree)
{
    for (int i = 0; i < KC_TREE_LEVELS; ++i)
        if (tree->full >> i & 1)
            give_back(tree, tree->slot[i]);
    tree->full = 0;
}

float *kc_tree_buffer(kc_tree *tree)
{
    float *buffer = tree->free;
    KC_CHECK(tree->n_free > 0, "all %d gradient buffers are in use", tree->n_buffers);
    memcpy(&tree->free, buffer, sizeof tree->free);
    --tree->n_free;
    return buffer;
}

void kc_tree_add(kc_tree *tree, float *grad, int threads)
{
    int level = 0;
    for (; tree->full >> level & 1; ++level) {
        kc_add(tree->slot[level], grad, tree->n, threads);
        give_back(tree, grad);
        grad = tree->slot[level];
        tree->full &= ~(UINT64_C(1) << level);
    }
    tree->slot[level] = grad;
    tree->full |= UINT64_C(1) << level;
}

/* Where the lanes are no power of two several subtrees are left: later lanes lie in lower slots. */
float *kc_tree_total(kc_tree *tree, int threads)
{
    KC_CHECK(tree->full, "no lane was added");
    int level = 0;
    while (!(tree->full >> level & 1))
        ++level;
    for (int above = level + 1; tree->full >> above; ++above)
        if (tree->full >> above & 1) {
            kc_add(tree->slot[above], tree->slot[level], tree->n, threads);
            give_back(tree, tree->slot[level]);
            tree->full &= ~(UINT64_C(1) << level);
            level = above;
        }
    return tree->slot[level];
}

void kc_reducer_create(kc_reducer *r, const kc_grid *g, int64_t n_flat, kc_arena *a)
{
    const int64_t round = kc_slices_round(g), blocks = n_flat / KC_BLOCK;
    const int64_t most = (blocks + g->size - 1) / g->size * KC_BLOCK;
    const int64_t room = g->size == 1 ? 0 : round < most ? round : most;
    *r = (kc_reducer){.round = round, .lo = kc_arena_take(a, g->size + 1, sizeof *r->lo)};
    r->partial = kc_arena_floats(a, g->size * room);
    r->blocks = kc_arena_take(a, blocks, sizeof *r->blocks);
    if (r->lo)
        kc_slices(g, n_flat, r->lo);
}

/* A round's part of `total` is sent before its sum is put in its place; later rounds send others. */
float *kc_grads_reduce(kc_reducer *r, const kc_grid *g, float *total, int threads)
{
    float *own = total + r->lo[g->rank];
    if (g->size == 1)
        return total;
    int64_t longest = 0;
    for (int k = 0; k < g->size; ++k)
        if (r->lo[k + 1] - r->lo[k] > longest)
            longest = r->lo[k + 1] - r->lo[k];
    for (int64_t from = 0; from < longest; from += r->round) {
        const int64_t n = kc_slices_scatter(g, total, r->lo, from, r->round, r->partial);
        kc_add_pairwise(r->partial, g->size, n, threads);
        memcpy(own + from, r->partial, (size_t)n * sizeof *own);
    }
    return own;
}

double kc_grads_square(kc_reducer *r, const kc_grid *g, const kc_grid *ep, const float *own,
                       double *all, int threads)
{
    const int64_t first = r->lo[g->rank] / KC_BLOCK, end = r->lo[g->rank + 1] / KC_BLOCK;
    const int64_t n = r->lo[g->size] / KC_BLOCK;
    KC_EACH(threads, static, b, end - first,
            r->blocks[first + b] = kc_sum_squares(own + b * KC_BLOCK, KC_BLOCK));
    kc_blocks_gather(g, r->blocks, r->lo);
    if (!ep)
        return kc_sum(r->blocks, n);
    kc_allgather(ep, r->blocks, all, (size_t)n * sizeof *all);
    return kc_sum(all, ep->size * n);
}
