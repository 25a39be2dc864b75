/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/optim/masters.h"

const kc_method *kc_method_of(const kc_config *cfg)
{
    static const kc_method *const methods[] = {[KC_train_method_full] = NULL,
                                               [KC_train_method_lora] = &kc_method_lora,
                                               [KC_train_method_quantized] = &kc_method_quantized};
    return methods[cfg->train.method];
}

int64_t kc_method_trained(const kc_config *cfg, const kc_layout *model)
{
    const kc_method *method = kc_method_of(cfg);
    kc_layout beside = {.n = 0};
    if (!method || !method->describe)
        return model->n_params;
    method->describe(cfg, model, &beside);
    return beside.n_params;
}
