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
    return corpus->number == 0 &&
           (cursor->epoch >= corpus->info.exposures || !documents_of(corpus, lane, n_lanes));
}

int kc_order_last(const kc_corpus *corpus, int64_t lane, int64_t n_lanes, const kc_cursor *cursor)
{
    return corpus->number == 0 && cursor->epoch == corpus->info.exposures - 1 &&
           cursor->next == documents_of(corpus, lane, n_lanes) - 1;
}

/* A later part has no last epoch that lanes could end together, so they take turns throughout: document
 * k, k + L, ... of all epochs' orders one after the other. */
static void place_of(const kc_corpus *corpus, int64_t lane, int64_t n_lanes,
                     const kc_cursor *cursor, int64_t *epoch, int64_t *place)
{
    const int64_t document = lane + cursor->docs * n_lanes;

    if (corpus->number == 0) {
        *epoch = cursor->epoch;
        *place = lane + cursor->next * n_lanes;
    } else {
        *epoch = document / corpus->info.n_people;
        *place = document % corpus->info.n_people;
    }
}

void kc_order_document(const kc_corpus *corpus, int64_t lane, int64_t n_lanes,
                       const kc_cursor *cursor, kc_doc *doc)
{
    int64_t epoch, place;
    uint64_t person;

    place_of(corpus, lane, n_lanes, cursor, &epoch, &place);
    person =
        kc_perm(corpus->seed, KC_STREAM_SHUFFLE, (uint64_t)corpus->number << 48 | (uint64_t)epoch,
                (uint64_t)place, (uint64_t)corpus->info.n_people);
    kc_corpus_document(corpus, (int64_t)person, epoch, doc);
}

void kc_order_next(const kc_corpus *corpus, int64_t lane, int64_t n_lanes, kc_cursor *cursor)
{
    cursor->offset = 0;
    cursor->docs++;
    if (corpus->number == 0 && ++cursor->next == documents_of(corpus, lane, n_lanes)) {
        cursor->next = 0;
        cursor->epoch++;
    }
}

void kc_order_exposures(const kc_corpus *corpus, int64_t n_lanes, const kc_cursor *cursors,
                        double *of)
{
    const int parts = corpus->n_parts;

    for (int i = 0; i < parts; i++) {
        int64_t docs = 0;

        for (int64_t lane = 0; lane < n_lanes; lane++)
            docs += cursors[lane * parts + i].docs;
        of[i] = (double)docs / (double)corpus->part[i]->info.n_people;
    }
}
