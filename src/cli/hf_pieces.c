/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/hf.h"

/* How a tensor of TABLE 2 becomes one of a class. kcap keeps the matrix of x W as [in, out];
 * torch's Linear keeps [out, in], GPT-2's Conv1D [in, out] as kcap does. */
typedef enum form {
    AS_IS,
    TURNED,  /* the transpose                                                          */
    BY_HEAD, /* GPT-NeoX: the transpose, rows as [heads, (query, key, value), head_dim]  */
} form;

/* Which of its columns. */
typedef enum part { ALL, QUERIES, KEYS, VALUES, GATE, UP } part;

static void columns(part p, const kc_shape *s, int64_t all, int64_t *first, int64_t *n)
{
    const int64_t keys = s->kv * s->hd;
    const struct {
        int64_t first, n;
    } parts[] = {[ALL] = {0, all},      [QUERIES] = {0, s->d},
                 [KEYS] = {s->d, keys}, [VALUES] = {s->d + keys, keys},
                 [GATE] = {0, s->f},    [UP] = {s->f, s->f}};
    *first = parts[p].first;
    *n = parts[p].n;
}

enum {
    NEOX = 1 << KC_HF_GPT_NEOX,
    GPT2 = 1 << KC_HF_GPT2,
    MIXTRAL = 1 << KC_HF_MIXTRAL,
    LLAMA = 1 << KC_HF_MISTRAL | 1 << KC_HF_LLAMA | MIXTRAL
};

/* `*` is the block, a second one the expert. Rows whose tensor an architecture lacks fall away. */
static const struct row {
    unsigned classes;
    int tensor;
    form form;
    part part;
    const char *name;
} rows[] = {
    {NEOX, KC_P_wte, AS_IS, ALL, "gpt_neox.embed_in.weight"},
    {NEOX, KC_P_ln1_gain, AS_IS, ALL, "gpt_neox.layers.*.input_layernorm.weight"},
    {NEOX, KC_P_ln1_bias, AS_IS, ALL, "gpt_neox.layers.*.input_layernorm.bias"},
    {NEOX, KC_P_attn_qkv, BY_HEAD, ALL, "gpt_neox.layers.*.attention.query_key_value.weight"},
    {NEOX, KC_P_attn_qkv_bias, BY_HEAD, ALL, "gpt_neox.layers.*.attention.query_key_value.bias"},
    {NEOX, KC_P_attn_out, TURNED, ALL, "gpt_neox.layers.*.attention.dense.weight"},
    {NEOX, KC_P_attn_out_bias, AS_IS, ALL, "gpt_neox.layers.*.attention.dense.bias"},
    {NEOX, KC_P_ln2_gain, AS_IS, ALL, "gpt_neox.layers.*.post_attention_layernorm.weight"},
    {NEOX, KC_P_ln2_bias, AS_IS, ALL, "gpt_neox.layers.*.post_attention_layernorm.bias"},
    {NEOX, KC_P_mlp_up, TURNED, ALL, "gpt_neox.layers.*.mlp.dense_h_to_4h.weight"},
    {NEOX, KC_P_mlp_up_bias, AS_IS, ALL, "gpt_neox.layers.*.mlp.dense_h_to_4h.bias"},
    {NEOX, KC_P_mlp_down, TURNED, ALL, "gpt_neox.layers.*.mlp.dense_4h_to_h.weight"},
    {NEOX, KC_P_mlp_down_bias, AS_IS, ALL, "gpt_neox.layers.*.mlp.dense_4h_to_h.bias"},
    {NEOX, KC_P_lnf_gain, AS_IS, ALL, "gpt_neox.final_layer_norm.weight"},
    {NEOX, KC_P_lnf_bias, AS_IS, ALL, "gpt_neox.final_layer_norm.bias"},
    {NEOX, KC_P_head, AS_IS, ALL, "embed_out.weight"},

    {GPT2, KC_P_wte, AS_IS, ALL, "transformer.wte.weight"},
    {GPT2, KC_P_wpe, AS_IS, ALL, "transformer.wpe.weight"},
    {GPT2, KC_P_ln1_gain, AS_IS, ALL, "transformer.h.*.ln_1.weight"},
    {GPT2, KC_P_ln1_bias, AS_IS, ALL, "transformer.h.*.ln_1.bias"},
    {GPT2, KC_P_attn_qkv, AS_IS, ALL, "transformer.h.*.attn.c_attn.weight"},
    {GPT2, KC_P_attn_qkv_bias, AS_IS, ALL, "transformer.h.*.attn.c_attn.bias"},
    {GPT2, KC_P_attn_out, AS_IS, ALL, "transformer.h.*.attn.c_proj.weight"},
    {GPT2, KC_P_attn_out_bias, AS_IS, ALL, "transformer.h.*.attn.c_proj.bias"},
    {GPT2, KC_P_ln2_gain, AS_IS, ALL, "transformer.h.*.ln_2.weight"},
    {GPT2, KC_P_ln2_bias, AS_IS, ALL, "transformer.h.*.ln_2.bias"},
    {GPT2, KC_P_mlp_up, AS_IS, ALL, "transformer.h.*.mlp.c_fc.weight"},
    {GPT2, KC_P_mlp_up_bias, AS_IS, ALL, "transformer.h.*.mlp.c_fc.bias"},
    {GPT2, KC_P_mlp_down, AS_IS, ALL, "transformer.h.*.mlp.c_proj.weight"},
    {GPT2, KC_P_mlp_down_bias, AS_IS, ALL, "transformer.h.*.mlp.c_proj.bias"},
    {GPT2, KC_P_lnf_gain, AS_IS, ALL, "transformer.ln_f.weight"},
    {GPT2, KC_P_lnf_bias, AS_IS, ALL, "transformer.ln_f.bias"},
    {GPT2, KC_P_head, AS_IS, ALL, "lm_head.weight"},

    {LLAMA, KC_P_wte, AS_IS, ALL, "model.embed_tokens.weight"},
    {LLAMA, KC_P_ln1_gain, AS_IS, ALL, "model.layers.*.input_layernorm.weight"},
    {LLAMA, KC_P_attn_qkv, TURNED, QUERIES, "model.layers.*.self_attn.q_proj.weight"},
    {LLAMA, KC_P_attn_qkv, TURNED, KEYS, "model.layers.*.self_attn.k_proj.weight"},
    {LLAMA, KC_P_attn_qkv, TURNED, VALUES, "model.layers.*.self_attn.v_proj.weight"},
    {LLAMA, KC_P_attn_qkv_bias, AS_IS, QUERIES, "model.layers.*.self_attn.q_proj.bias"},
    {LLAMA, KC_P_attn_qkv_bias, AS_IS, KEYS, "model.layers.*.self_attn.k_proj.bias"},
    {LLAMA, KC_P_attn_qkv_bias, AS_IS, VALUES, "model.layers.*.self_attn.v_proj.bias"},
    {LLAMA, KC_P_attn_out, TURNED, ALL, "model.layers.*.self_attn.o_proj.weight"},
    {LLAMA, KC_P_attn_out_bias, AS_IS, ALL, "model.layers.*.self_attn.o_proj.bias"},
    {LLAMA, KC_P_ln2_gain, AS_IS, ALL, "model.layers.*.post_attention_layernorm.weight"},
    {LLAMA, KC_P_mlp_up, TURNED, GATE, "model.layers.*.mlp.gate_proj.weight"},
    {LLAMA, KC_P_mlp_up, TURNED, UP, "model.layers.*.mlp.up_proj.weight"},
    {LLAMA, KC_P_mlp_up_bias, AS_IS, GATE, "model.layers.*.mlp.gate_proj.bias"},
    {LLAMA, KC_P_mlp_up_bias, AS_IS, UP, "model.layers.*.mlp.up_proj.bias"},
    {LLAMA, KC_P_mlp_down, TURNED, ALL, "model.layers.*.mlp.down_proj.weight"},
    {LLAMA, KC_P_mlp_down_bias, AS_IS, ALL, "model.layers.*.mlp.down_proj.bias"},
    {LLAMA, KC_P_lnf_gain, AS_IS, ALL, "model.norm.weight"},
    {LLAMA, KC_P_head, AS_IS, ALL, "lm_head.weight"},

    {MIXTRAL, KC_P_router, TURNED, ALL, "model.layers.*.block_sparse_moe.gate.weight"},
    {MIXTRAL, KC_P_exp_up, TURNED, GATE, "model.layers.*.block_sparse_moe.experts.*.w1.weight"},
    {MIXTRAL, KC_P_exp_up, TURNED, UP, "model.layers.*.block_sparse_moe.experts.*.w3.weight"},
    {MIXTRAL, KC_P_exp_down, TURNED, ALL, "model.layers.*.block_sparse_moe.experts.*.w2.weight"},
};

/* Where the chosen columns of a tensor's block lie, in the order of the form. */
static void place(kc_hf_piece *x, const struct row *row, const kc_shape *s, const kc_tensor *t,
                  int64_t layer)
{
    int64_t first, n;
    columns(row->part, s, t->cols, &first, &n);
    *x = (kc_hf_piece){.offset = t->offset + layer * t->stride + first, .n = {1, 1, 1, 1}};
    if (row->form == BY_HEAD) {
        x->n[0] = s->h, x->n[1] = 3, x->n[2] = s->hd, x->n[3] = t->rows;
        x->step[0] = s->hd, x->step[1] = s->d, x->step[2] = 1, x->step[3] = t->cols;
    } else if (row->form == TURNED) {
        x->n[2] = n, x->n[3] = t->rows;
        x->step[2] = 1, x->step[3] = t->cols;
    } else {
        x->n[2] = t->rows, x->n[3] = n;
        x->step[2] = t->cols, x->step[3] = 1;
    }
    if (t->is_matrix)
        x->dims[x->n_dims++] = row->form == AS_IS ? t->rows : n;
    x->dims[x->n_dims++] = t->is_matrix && row->form != AS_IS ? t->rows : n;
}

/* The pattern with the numbers of block and expert in place of its stars. */
static void name_it(kc_hf_piece *x, const char *pattern, int64_t layer, int64_t expert)
{
    const int64_t number[] = {layer, expert};
    size_t used = 0;
    for (int i = 0; *pattern && used + 24 < sizeof x->name; ++pattern)
        if (*pattern == '*')
            used += (size_t)snprintf(x->name + used, sizeof x->name - used, "%lld",
                                     (long long)number[i++]);
        else
            x->name[used++] = *pattern;
    x->name[used] = 0;
}

static void place_plain(kc_hf_piece *x, const kc_layout *layout, const kc_tensor *t)
{
    *x = (kc_hf_piece){.n_dims = t->n_dims,
                       .offset = t->offset,
                       .n = {1, 1, t->layers, t->rows * t->cols},
                       .step = {0, 0, t->stride, 1}};
    if (t->of_expert) {
        x->n[1] = t->layers, x->n[2] = layout->experts;
        x->step[1] = t->stride, x->step[2] = layout->each;
    }
    memcpy(x->dims, t->dims, sizeof t->dims);
    snprintf(x->name, sizeof x->name, "%s", t->name);
}

enum { ROWS = sizeof rows / sizeof *rows };

/* Pieces that a row becomes in a class. */
static int64_t of_row(kc_hf_class class, const kc_layout *layout, const struct row *row)
{
    const kc_tensor *t = &layout->tensor[row->tensor];
    return row->classes >> class & 1 ? t->layers * (t->of_expert ? layout->experts : 1) : 0;
}

static int64_t count(kc_hf_class class, const kc_layout *layout)
{
    int64_t n = 0;
    for (int k = 0; class == KC_HF_PLAIN && k < layout->n; ++k)
        n += layout->tensor[k].layers > 0;
    for (int r = 0; r < ROWS; ++r)
        n += of_row(class, layout, &rows[r]);
    return n;
}

int64_t kc_hf_pieces(kc_hf_class class, const kc_shape *s, const kc_layout *layout, int64_t most,
                     kc_hf_piece **pieces)
{
    const int64_t all = count(class, layout), listed = all < most ? all : most;
    int64_t n = 0;
    *pieces = calloc((size_t)listed + 1, sizeof **pieces);
    KC_CHECK(*pieces, "out of memory for %lld tensors", (long long)listed);
    for (int k = 0; class == KC_HF_PLAIN && k < layout->n && n < listed; ++k)
        if (layout->tensor[k].layers)
            place_plain(&(*pieces)[n++], layout, &layout->tensor[k]);
    for (int r = 0; r < ROWS; ++r) {
        const kc_tensor *t = &layout->tensor[rows[r].tensor];
        const int64_t each = t->of_expert ? layout->experts : 1,
                      end = of_row(class, layout, &rows[r]);
        for (int64_t i = 0; i < end && n < listed; ++i) {
            place(&(*pieces)[n], &rows[r], s, t, i / each);
            (*pieces)[n].offset += i % each * layout->each;
            name_it(&(*pieces)[n++], rows[r].name, i / each, i % each);
        }
    }
    return all;
}

/* The run of elements that begins at `at` and is not cut by the innermost dimension's end: where
 * its first lies; *n, as many as wanted, becomes its length. */
static int64_t run_at(const kc_hf_piece *x, int64_t at, int64_t *n)
{
    const int64_t i3 = at % x->n[3], i2 = at / x->n[3] % x->n[2];
    const int64_t i1 = at / x->n[3] / x->n[2] % x->n[1], i0 = at / x->n[3] / x->n[2] / x->n[1];
    if (*n > x->n[3] - i3)
        *n = x->n[3] - i3;
    return x->offset + i0 * x->step[0] + i1 * x->step[1] + i2 * x->step[2] + i3 * x->step[3];
}

void kc_hf_take(const kc_hf_piece *piece, const float *flat, int64_t at, int64_t n, float *values)
{
    for (int64_t done = 0, some; done < n; done += some) {
        some = n - done;
        const float *from = flat + run_at(piece, at + done, &some);
        for (int64_t i = 0; i < some; ++i)
            values[done + i] = from[i * piece->step[3]];
    }
}

void kc_hf_put(const kc_hf_piece *piece, float *flat, int64_t at, int64_t n, const float *values)
{
    for (int64_t done = 0, some; done < n; done += some) {
        some = n - done;
        float *to = flat + run_at(piece, at + done, &some);
        for (int64_t i = 0; i < some; ++i)
            to[i * piece->step[3]] = values[done + i];
    }
}
