/* SPDX-License-Identifier: BSD-3-Clause */
#include "data/skew.h"

#include <math.h>
#include <stdlib.h>

#include "kcap/base/memory.h"

int kc_skew_check(const kc_config *cfg, int part, const kc_origin *o, kc_error *e)
{
    const kc_config one = kc_config_of_part(cfg, part);
    const double frequent = one.corpus.skew_frequent * (double)one.corpus.people;

    if (one.corpus.skew == KC_corpus_skew_none)
        return KC_OK;
    if (part > 0 || kc_config_pace(cfg) > 0)
        return kc_fail_key(e, o, kc_key_of_part(KC_AT_corpus_skew, part),
                           "the people of a later part are shown alike; none would do");
    if (one.corpus.skew == KC_corpus_skew_levels &&
        (frequent < 1 || frequent > (double)one.corpus.people - 1))
        return kc_fail_key(e, o, KC_AT_corpus_skew_frequent,
                           "%g of %lld people leaves nobody on one of the levels",
                           one.corpus.skew_frequent, (long long)one.corpus.people);
    return KC_OK;
}

static int is_frequent(const kc_corpus_keys *keys, int64_t n, int64_t i)
{
    return (double)i < keys->skew_frequent * (double)n;
}

static double weight(const kc_corpus_keys *keys, int64_t n, int64_t i)
{
    if (keys->skew == KC_corpus_skew_levels)
        return is_frequent(keys, n, i) ? keys->skew_ratio : 1;
    return pow((double)(i + 1), -keys->skew_exponent);
}

/* Which band a person is in, falling with the index: numbers without a meaning but that. */
static int level(const kc_corpus_keys *keys, int64_t n, int64_t i, double expected)
{
    return keys->skew == KC_corpus_skew_levels ? is_frequent(keys, n, i)
                                               : (int)floor(log2(expected));
}

static void add_bands(const kc_corpus_keys *keys, double each, const kc_skew *skew,
                      kc_corpus_info *info)
{
    const int64_t n = skew->n;
    int last = 0;

    for (int64_t i = 0; i < n; i++) {
        const int now = level(keys, n, i, each * weight(keys, n, i));

        if (i == 0 || (now != last && info->n_bands < KC_BANDS_MAX))
            info->band[info->n_bands++] = (kc_band){i, i, 0};
        info->band[info->n_bands - 1].end = i + 1;
        last = now;
    }
    for (kc_band *b = info->band; b < info->band + info->n_bands; b++)
        b->exposures = (double)(skew->end[b->end - 1] - (b->first ? skew->end[b->first - 1] : 0)) /
                       (double)(b->end - b->first);
}

void kc_skew_create(const kc_corpus_keys *keys, kc_corpus_info *info, kc_skew *skew)
{
    const int64_t n = info->n_people, documents = n * info->exposures;
    double all = 0, sum = 0;

    *skew = (kc_skew){.n = 0};
    if (keys->skew == KC_corpus_skew_none)
        return;
    skew->n = n;
    skew->end = kc_alloc(n, sizeof *skew->end, "people");
    for (int64_t i = 0; i < n; i++)
        all += weight(keys, n, i);
    for (int64_t i = 0; i < n; i++) {
        sum += weight(keys, n, i);
        skew->end[i] = (int64_t)floor((double)documents * (sum / all));
    }
    skew->end[n - 1] = documents;
    add_bands(keys, (double)documents / all, skew, info);
}

void kc_skew_free(kc_skew *skew)
{
    free(skew->end);
    *skew = (kc_skew){.n = 0};
}

int64_t kc_skew_documents(const kc_skew *skew)
{
    return skew->end[skew->n - 1];
}

int64_t kc_skew_person(const kc_skew *skew, int64_t i, int64_t *exposure)
{
    int64_t low = 0, high = skew->n - 1; /* the first person whose end is behind i */

    while (low < high) {
        const int64_t middle = (low + high) / 2;

        if (skew->end[middle] > i)
            high = middle;
        else
            low = middle + 1;
    }
    *exposure = i - (low ? skew->end[low - 1] : 0);
    return low;
}
