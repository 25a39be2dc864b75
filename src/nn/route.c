/* SPDX-License-Identifier: BSD-3-Clause */
#include "nn/moe.h"

#include <math.h>
#include <string.h>

#include "kcap/base/team.h"
#include "kcap/math/ops.h"

/* The k largest scores, of equal ones the first. */
static void choose(const float *score, int64_t E, int64_t k, int32_t *choice)
{
    for (int64_t j = 0; j < k; ++j) {
        int32_t best = -1;
        for (int32_t e = 0; e < E; ++e) {
            int taken = 0;
            for (int64_t i = 0; i < j; ++i)
                taken |= choice[i] == e;
            if (!taken && (best < 0 || score[e] > score[best]))
                best = e;
        }
        choice[j] = best;
    }
}

/* Probabilities, choices and gates of one token; returns its entropy -sum p ln p, which is
 * ln sum exp(score) - sum p score. */
static float route_token(const kc_shape *s, const float *score, int64_t t, kc_moe_kept *kept)
{
    const int64_t E = s->E, k = s->k;
    float *p = kept->p + t * E, *gate = kept->gate + t * k, chosen = 0, mean = 0;
    const int32_t *choice = kept->choice + t * k;
    const float most = kc_max_row(score, E), sum = kc_exp_row(p, score, E, most, 1);
    choose(score, E, k, kept->choice + t * k);
    for (int64_t e = 0; e < E; ++e) {
        p[e] /= sum;
        mean += p[e] * (score[e] - most);
    }
    for (int64_t j = 0; j < k; ++j)
        chosen += p[choice[j]];
    for (int64_t j = 0; j < k; ++j)
        gate[j] = s->renormalised ? p[choice[j]] / chosen : p[choice[j]];
    kept->lse[t] = logf(sum) + most;
    return logf(sum) - mean;
}

/* Who is taken: first choices of all positions, then second ones. `row` becomes the place among the
 * rows of the expert. */
static void take(const kc_shape *s, int32_t *used, kc_moe_kept *kept, int64_t capacity)
{
    const int64_t T = s->T, E = s->E, k = s->k;
    memset(kept->chosen, 0, (size_t)E * sizeof *kept->chosen);
    memset(kept->sent, 0, (size_t)E * sizeof *kept->sent);
    for (int64_t j = 0; j < k; ++j)
        for (int64_t t = 0; t < T; ++t) {
            const int32_t e = kept->choice[t * k + j];
            ++kept->chosen[e];
            kept->row[t * k + j] = -1;
            if (used[e] >= capacity)
                continue;
            ++used[e];
            kept->row[t * k + j] = kept->sent[e]++;
        }
}

/* From the place among an expert's rows to that among all rows sent, which lie by expert. Returns how
 * many there are. */
static int32_t number_rows(const kc_shape *s, kc_moe_kept *kept)
{
    int32_t n = 0;
    for (int64_t e = 0; e < s->E; ++e) {
        kept->first[e] = n;
        n += kept->sent[e];
    }
    for (int64_t i = 0; i < s->T * s->k; ++i)
        if (kept->row[i] >= 0)
            kept->row[i] += kept->first[kept->choice[i]];
    return n;
}

/* E sum_e f_e P_e. */
static double balance(const kc_shape *s, const kc_moe_kept *kept)
{
    const double pairs = (double)(s->T * s->k);
    double sum = 0;
    for (int64_t e = 0; e < s->E; ++e) {
        double mean = 0;
        for (int64_t t = 0; t < s->T; ++t)
            mean += kept->p[t * s->E + e];
        sum += kept->chosen[e] / pairs * mean / (double)s->T;
    }
    return sum * (double)s->E;
}

void kc_route(const kc_moe *m)
{
    const kc_shape *s = m->shape;
    kc_moe_kept *kept = m->kept;
    kc_moe_lane *lane = m->lane;
    const int64_t first = m->layer->l * s->E;
    double entropy = 0;
    KC_EACH(m->threads, static, t, s->T,
            kept->entropy[t] = route_token(s, m->scratch->scores + t * s->E, t, kept));
    take(s, lane->used + first, kept, lane->capacity);
    lane->routing.sent += s->T * s->k;
    lane->routing.dropped += s->T * s->k - number_rows(s, kept);
    for (int64_t e = 0; lane->load && e < s->E; ++e)
        lane->load[first + e] += kept->chosen[e];
    for (int64_t t = 0; t < s->T; ++t)
        entropy += kept->entropy[t];
    lane->routing.entropy += entropy / (double)s->T;
    lane->routing.balance += balance(s, kept);
    lane->routing.windows += 1;
}

/* By gates to probabilities, by these to scores: d score = p (dp - sum p dp), and the z-loss's
 * 2 lse p / T. */
static void token_backward(const kc_shape *s, const kc_moe_kept *kept, int64_t t,
                           const kc_moe_lane *lane, const float *dgate, float *restrict dp)
{
    const int64_t E = s->E, k = s->k;
    const float *restrict p = kept->p + t * E, *gate = kept->gate + t * k;
    const int32_t *choice = kept->choice + t * k;
    const float each = (float)(lane->counted * lane->balance_weight * (double)E /
                               ((double)s->T * (double)(s->T * k)));
    const float z = (float)(lane->counted * lane->z_weight * 2 / (double)s->T) * kept->lse[t];
    float chosen = 0, through = 0, dot = 0;
    for (int64_t j = 0; j < k; ++j) {
        chosen += p[choice[j]];
        through += dgate[t * k + j] * gate[j];
    }
    for (int64_t e = 0; e < E; ++e)
        dp[e] = each * (float)kept->chosen[e];
    for (int64_t j = 0; j < k; ++j)
        dp[choice[j]] += s->renormalised ? (dgate[t * k + j] - through) / chosen : dgate[t * k + j];
    for (int64_t e = 0; e < E; ++e)
        dot += p[e] * dp[e];
    for (int64_t e = 0; e < E; ++e)
        dp[e] = p[e] * (dp[e] - dot + z);
}

void kc_route_backward(const kc_moe *m)
{
    const kc_shape *s = m->shape;
    KC_EACH(
        m->threads, static, t, s->T,
        token_backward(s, m->kept, t, m->lane, m->scratch->dgate, m->scratch->scores + t * s->E));
}
