/* SPDX-License-Identifier: BSD-3-Clause */
#include "nn/qk.h"

#include <string.h>

#include "kcap/math/ops.h"

/* Head a of queries, or from h on of keys. */
static kc_mat head(const kc_qk *qk, kc_mat x, int64_t a)
{
    return (kc_mat){x.p + a * qk->s->hd, x.rows, qk->s->hd, x.ld};
}

static kc_norm norm_of(const kc_qk *qk, int64_t a)
{
    const int64_t at = a * qk->s->T + qk->first;
    return (kc_norm){.gain = qk->gain[a >= qk->s->h],
                     .mean = qk->mean + at,
                     .rstd = qk->rstd + at,
                     .rms = 1,
                     .eps = qk->s->norm_eps};
}

static void copy(kc_mat to, kc_mat from)
{
    for (int64_t i = 0; i < to.rows; ++i)
        memcpy(to.p + i * to.ld, from.p + i * from.ld, (size_t)to.cols * sizeof *to.p);
}

void kc_qk_forward(const kc_qk *qk, kc_mat y, kc_mat x)
{
    const int64_t heads = qk->s->h + qk->s->kv, at = heads * qk->s->hd, n = qk->s->qkv - at;
    for (int64_t a = 0; a < heads; ++a) {
        const kc_norm norm = norm_of(qk, a);
        kc_norm_forward(head(qk, y, a), head(qk, x, a), &norm, qk->threads);
    }
    copy((kc_mat){y.p + at, y.rows, n, y.ld}, (kc_mat){x.p + at, x.rows, n, x.ld});
}

void kc_qk_backward(const kc_qk *qk, kc_mat grad, kc_mat x, float *room)
{
    const kc_mat dx = kc_mat_of(room, grad.rows, qk->s->hd);
    for (int64_t a = 0; a < qk->s->h + qk->s->kv; ++a) {
        const kc_norm norm = norm_of(qk, a);
        const kc_mat dy = head(qk, grad, a);
        memset(room, 0, (size_t)(dx.rows * dx.cols) * sizeof *room);
        kc_norm_backward(dx, dy, head(qk, x, a), &norm, qk->dgain[a >= qk->s->h], NULL,
                         qk->threads);
        copy(dy, dx);
    }
}
