/* SPDX-License-Identifier: BSD-3-Clause */
#include "data/kind/people.h"

#include <math.h>

#include "kcap/base/rng.h"

/* Only where all three counts are written: 0 stands for a pool that is not read here. */
int kc_people_check(const kc_config *settled, const kc_origin *o, kc_error *e)
{
    const kc_corpus_keys *keys = &settled->corpus;
    const int64_t first = keys->first_names, middle = keys->middle_names, last = keys->last_names;
    const int64_t names = first * middle * last; /* at most 10^18 */

    if (names == 0 || names >= keys->people)
        return KC_OK;
    return kc_fail_key(e, o, KC_AT_corpus_people,
                       "%lld people need as many names, but corpus.first_names %lld x middle_names "
                       "%lld x last_names %lld are %lld; fewer people or more names would do",
                       (long long)keys->people, (long long)first, (long long)middle,
                       (long long)last, (long long)names);
}

int kc_people_create(const kc_corpus_keys *keys, uint64_t seed, const int64_t part[KC_NAME_PARTS],
                     kc_people *people, kc_error *e)
{
    people->seed = seed;
    people->n = keys->people;
    people->n_names = 1;
    for (int i = 0; i < KC_NAME_PARTS; i++) {
        people->part[i] = part[i];
        if (part[i] > ((int64_t)1 << 62) / people->n_names)
            return kc_fail(e, KC_EINPUT,
                           "corpus: %lld x %lld x %lld names, at most 2^62 can be told "
                           "apart; shorten the pools",
                           (long long)part[0], (long long)part[1], (long long)part[2]);
        people->n_names *= part[i];
    }
    if (people->n > people->n_names)
        return kc_fail(e, KC_EINPUT,
                       "corpus.people: %lld people, but %lld x %lld x %lld pools make "
                       "%lld names; lower corpus.people or use longer name pools",
                       (long long)people->n, (long long)part[0], (long long)part[1],
                       (long long)part[2], (long long)people->n_names);
    return KC_OK;
}

void kc_people_describe(const kc_people *people, kc_corpus_info *info)
{
    const double N = (double)people->n, log2_names = log2((double)people->n_names);

    info->attribute[0] = (kc_attribute){.name = "name", .log2_pool = log2_names, .counted = 1};
    info->term[KC_READ_NAME] = (kc_term){"names", N, N, log2_names, log2(N), 0};
}

int64_t kc_people_name(const kc_people *people, int64_t person, int64_t part[KC_NAME_PARTS])
{
    int64_t name = (int64_t)kc_perm(people->seed, KC_STREAM_NAME, 0, (uint64_t)person,
                                    (uint64_t)people->n_names);

    if (part) {
        part[0] = name / (people->part[1] * people->part[2]);
        part[1] = name / people->part[2] % people->part[1];
        part[2] = name % people->part[2];
    }
    return name;
}

int64_t kc_people_fact(const kc_people *people, int64_t person, int64_t fact, int64_t n)
{
    return (int64_t)kc_rand_below(people->seed, KC_STREAM_FACT, (uint64_t)person, (uint32_t)fact,
                                  (uint64_t)n);
}

uint64_t kc_people_text(int64_t person, int64_t exposure)
{
    /* KC_MEASURE, -1, becomes 2^32 - 1, which no exposure reaches. */
    return (uint64_t)(uint32_t)exposure << 32 | (uint64_t)person;
}

void kc_people_order(const kc_people *people, uint64_t text, int32_t n, int32_t *order)
{
    for (int32_t i = 0; i < n; i++)
        order[i] = i;
    for (int32_t i = n - 1; i > 0; i--) {
        int32_t j = (int32_t)kc_rand_below(people->seed, KC_STREAM_TEXT, text, (uint32_t)i,
                                           (uint64_t)i + 1);
        int32_t swap = order[i];

        order[i] = order[j];
        order[j] = swap;
    }
}
