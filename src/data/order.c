/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/data/order.h"

#include "data/corpus_internal.h"
#include "kcap/base/rng.h"

/* Documents of a lane in one epoch: places k, k + L, ... of the epoch's order. */
static int64_t documents_of(const kc_corpus *corpus, int64_t lane, int64_t n_lanes)
{
    int64_t n = corpus->info.n_people;

    return lane < n ? (n - lane + n_lanes - 1) / n_lanes : 0;
}

int kc_order_done(const kc_corpus *corpus, int64_t lane, int64_t n_lanes, const kc_cursor *cursor)
{
    return cursor->epoch >= corpus->info.exposures || !documents_of(corpus, lane, n_lanes);
}

int kc_order_last(const kc_corpus *corpus, int64_t lane, int64_t n_lanes, const kc_cursor *cursor)
{
    return cursor->epoch == corpus->info.exposures - 1 &&
           cursor->next == documents_of(corpus, lane, n_lanes) - 1;
}

void kc_order_document(const kc_corpus *corpus, int64_t lane, int64_t n_lanes,
                       const kc_cursor *cursor, kc_doc *doc)
{
    uint64_t person =
        kc_perm(corpus->seed, KC_STREAM_SHUFFLE, (uint64_t)cursor->epoch,
                (uint64_t)(lane + cursor->next * n_lanes), (uint64_t)corpus->info.n_people);

    kc_corpus_document(corpus, (int64_t)person, cursor->epoch, doc);
}

void kc_order_next(const kc_corpus *corpus, int64_t lane, int64_t n_lanes, kc_cursor *cursor)
{
    cursor->offset = 0;
    cursor->docs++;
    if (++cursor->next == documents_of(corpus, lane, n_lanes)) {
        cursor->next = 0;
        cursor->epoch++;
    }
}
