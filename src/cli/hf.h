/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_CLI_HF_H
#define KCAP_CLI_HF_H

#include <cjson/cJSON.h>

#include "kcap/data/corpus.h"
#include "kcap/nn/params.h"

/* Models in the layouts of Hugging Face's transformers: which of its classes has this architecture,
 * under which names, in which shapes and orders it keeps the tensors, what its config.json says.
 * Nothing here is collective. */

/* The classes, the nearest first. A class serves an architecture that it computes exactly;
 * KC_HF_PLAIN is kcap's own and serves all: TABLE 2's names, shapes and orders. */
typedef enum kc_hf_class {
    KC_HF_GPT_NEOX,
    KC_HF_GPT2,
    KC_HF_MISTRAL,
    KC_HF_MIXTRAL,
    KC_HF_LLAMA,
    KC_HF_PLAIN,
    KC_HF_CLASSES
} kc_hf_class;

/* Such as LlamaForCausalLM and llama. Static texts. */
const char *kc_hf_class_name(kc_hf_class class);
const char *kc_hf_model_type(kc_hf_class class);

/* The class that serves this configuration best: the first that can; Mistral for model.arch mistral
 * alone, since LLaMA's class does all that Mistral's does. */
kc_hf_class kc_hf_choose(const kc_config *cfg, const kc_shape *s);

/* 1 when the class has this architecture; else 0, and what it lacks, such as "layernorm, a plain
 * MLP", goes into `lacks`. Mixtral drops no token: measuring must drop none either, or
 * model.capacity_factor_measure and the least that would do are named. */
int kc_hf_serves(kc_hf_class class, const kc_config *cfg, const kc_shape *s, char *lacks,
                 size_t size);

/* A tensor of a class: its name and shape there, and where its elements, in row-major order, lie
 * among the flat weights: element (i0, i1, i2, i3) of n[0] x n[1] x n[2] x n[3] at
 * offset + sum of i_k step[k]. */
typedef struct kc_hf_piece {
    char name[96];
    int n_dims;
    int64_t dims[4];
    int64_t offset, n[4], step[4];
} kc_hf_piece;

/* The tensors of a class for this architecture; together they hold every parameter once. Returns
 * how many there are; the first `most` of them are listed. The caller frees *pieces. */
int64_t kc_hf_pieces(kc_hf_class class, const kc_shape *s, const kc_layout *layout, int64_t most,
                     kc_hf_piece **pieces);

/* Copy elements at ... at + n - 1 of a piece out of the flat weights, or into them. Bit for bit. */
void kc_hf_take(const kc_hf_piece *piece, const float *flat, int64_t at, int64_t n, float *values);
void kc_hf_put(const kc_hf_piece *piece, float *flat, int64_t at, int64_t n, const float *values);

/* config.json, enough for the class's from_pretrained. The caller deletes it. */
cJSON *kc_hf_config(kc_hf_class class, const kc_config *cfg, const kc_shape *s);

/* The class a config.json is of.
 *   path, text  the file's name, and its `bytes` bytes
 *   object      the caller deletes it with cJSON_Delete, after an error too
 *   errors      KC_EINPUT: no JSON object; a member that is there twice; a model_type that is none of
 *               the classes' */
int kc_hf_config_class(const char *path, const char *text, size_t bytes, cJSON **object,
                       kc_hf_class *class, kc_error *e);

/* Does a config.json describe this architecture? Every member that decides what the model computes
 * is compared; one that is left out has its class's default.
 *   wanted      what the configuration is from, for messages
 *   errors      KC_EINPUT naming the member, what was found and what is wanted */
int kc_hf_config_check(const char *path, const cJSON *object, kc_hf_class class,
                       const kc_config *cfg, const kc_shape *s, const char *wanted, kc_error *e);

/* vocab.json: {word: token, ...}; a word that an earlier token has too, such as a first and a middle
 * name of biod, is word#token.
 *   object      the caller deletes it, after an error too
 *   errors      KC_EINPUT: a word that is not UTF-8 */
int kc_hf_vocab(const kc_corpus *corpus, cJSON **object, kc_error *e);

/* Is this vocab.json the corpus's? Where there is no such file nothing is said against it.
 *   errors      KC_EINPUT naming a word that is there twice, or the first that is not the corpus's
 *               and what it has there; or how many there are */
int kc_hf_vocab_check(const char *path, const kc_corpus *corpus, const char *wanted, kc_error *e);

#endif
