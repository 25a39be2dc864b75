/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/hf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Can no expert be full, even if all tokens of a window choose it? */
static int drops_nothing(const kc_config *cfg, const kc_shape *s)
{
    return !s->E || cfg->model.capacity_factor_measure >= (double)s->E / (double)s->k;
}

/* What an architecture can have, and a class demand. */
#define FACTS(F)                                                                                   \
    F(LAYERNORM, !s->rms, "layernorm")                                                             \
    F(RMSNORM, s->rms, "rmsnorm")                                                                  \
    F(LEARNED, s->learned, "learned positions")                                                    \
    F(ROTARY, s->rot > 0, "rotary positions")                                                      \
    F(ROTARY_WHOLE, s->rot == s->hd, "rotation of whole heads")                                    \
    F(PLAIN_MLP, s->f > 0 && !s->gated, "a plain MLP")                                             \
    F(GATED_MLP, s->f > 0 && s->gated, "a gated MLP")                                              \
    F(BIASES, s->biased, "biases")                                                                 \
    F(NO_BIASES, !s->biased, "no biases")                                                          \
    F(NO_EXPERTS, s->E == 0, "no experts")                                                         \
    F(EXPERTS, s->E > 0, "experts")                                                                \
    F(GATES_OF_ONE, s->renormalised, "renormalised gates")                                         \
    F(NEVER_FULL, drops_nothing(cfg, s), "experts that are never full")                            \
    F(HEAD_EACH, s->kv == s->h, "key-value heads as many as heads")

#define COUNT(fact, value, name) N_##fact,
#define BIT(fact, value, name)   fact = 1 << N_##fact,
enum { FACTS(COUNT) N_FACTS };
enum { FACTS(BIT) NONE = 0 };
#undef COUNT
#undef BIT

/* Activation and embeddings are free in all of them, key-value heads where nothing is said. */
static const struct {
    const char *name, *model_type;
    unsigned demands;
} classes[KC_HF_CLASSES] = {
    [KC_HF_GPT_NEOX] = {"GPTNeoXForCausalLM", "gpt_neox",
                        LAYERNORM | ROTARY | PLAIN_MLP | BIASES | HEAD_EACH | NO_EXPERTS},
    [KC_HF_GPT2] = {"GPT2LMHeadModel", "gpt2",
                    LAYERNORM | LEARNED | PLAIN_MLP | BIASES | HEAD_EACH | NO_EXPERTS},
    [KC_HF_MISTRAL] = {"MistralForCausalLM", "mistral",
                       RMSNORM | ROTARY_WHOLE | GATED_MLP | NO_BIASES | NO_EXPERTS},
    [KC_HF_MIXTRAL] = {"MixtralForCausalLM", "mixtral",
                       RMSNORM | ROTARY_WHOLE | GATED_MLP | NO_BIASES | EXPERTS | GATES_OF_ONE |
                           NEVER_FULL},
    [KC_HF_LLAMA] = {"LlamaForCausalLM", "llama", RMSNORM | ROTARY_WHOLE | GATED_MLP | NO_EXPERTS},
    [KC_HF_PLAIN] = {"KcapForCausalLM", "kcap", NONE},
};

static const char *const fact_names[N_FACTS] = {
#define NAME(fact, value, name) [N_##fact] = name,
    FACTS(NAME)
#undef NAME
};

static unsigned facts_of(const kc_config *cfg, const kc_shape *s)
{
    unsigned bits = 0;
#define FACT(fact, value, name) bits |= (value) ? fact : 0U;
    FACTS(FACT)
#undef FACT
    return bits;
}

const char *kc_hf_class_name(kc_hf_class class)
{
    return classes[class].name;
}

const char *kc_hf_model_type(kc_hf_class class)
{
    return classes[class].model_type;
}

int kc_hf_serves(kc_hf_class class, const kc_config *cfg, const kc_shape *s, char *lacks,
                 size_t size)
{
    const unsigned missing = classes[class].demands & ~facts_of(cfg, s);
    size_t used = 0;
    lacks[0] = 0;
    for (int i = 0; i < N_FACTS && used < size; ++i)
        if (missing >> i & 1)
            used += (size_t)snprintf(lacks + used, size - used, "%s%s", used ? ", " : "",
                                     fact_names[i]);
    if (missing & NEVER_FULL && used < size) /* to four digits, upwards */
        snprintf(lacks + used, size - used,
                 " (raise model.capacity_factor_measure from %g to at least %.9g)",
                 cfg->model.capacity_factor_measure,
                 (double)((s->E * 10000 + s->k - 1) / s->k) / 10000);
    return missing == 0;
}

kc_hf_class kc_hf_choose(const kc_config *cfg, const kc_shape *s)
{
    char ignored[256];
    int c = 0;
    while (!kc_hf_serves((kc_hf_class)c, cfg, s, ignored, sizeof ignored) ||
           (c == KC_HF_MISTRAL && cfg->model.arch != KC_model_arch_mistral))
        ++c;
    return (kc_hf_class)c;
}
