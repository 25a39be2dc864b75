/* SPDX-License-Identifier: BSD-3-Clause */
#include "nn/mlp.h"

#include "kcap/math/gemm.h"

static void end(const kc_mlp *m, kc_phase phase)
{
    if (m->phases)
        kc_phases_end(m->phases, phase);
}

void kc_mlp_forward(const kc_mlp *m, kc_mat x, kc_mat y, float beta)
{
    kc_gemm(m->u, x, m->up.w, 0, m->threads);
    end(m, KC_seconds_linear);
    (m->gated ? kc_gate_forward : kc_act_forward)(m->g, m->u, m->up.bias, m->act, m->threads);
    end(m, KC_seconds_elementwise);
    kc_gemm(y, m->g, m->down.w, beta, m->threads);
    end(m, KC_seconds_linear);
}

void kc_mlp_backward(const kc_mlp *m, kc_mat x, kc_mat dy, kc_mat dx)
{
    kc_linear_backward(&m->down, m->dg, dy, m->g, m->threads, m->phases);
    (m->gated ? kc_gate_backward : kc_act_backward)(m->u, m->dg, m->act, m->threads);
    kc_linear_backward(&m->up, dx, m->u, x, m->threads, m->phases);
}
