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

/* The part that sets the pace goes through its people epoch by epoch, unless some are shown more
 * often. */
static int has_epochs(const kc_corpus *corpus)
{
    return corpus->paces && !corpus->skew.n;
}

/* The document of a part in one row of all that the cursor stands in. */
static int64_t document_at(int64_t lane, int64_t n_lanes, const kc_cursor *cursor)
{
    return lane + cursor->docs * n_lanes;
}

int kc_order_done(const kc_corpus *corpus, int64_t lane, int64_t n_lanes, const kc_cursor *cursor)
{
    if (corpus->skew.n)
        return document_at(lane, n_lanes, cursor) >= kc_skew_documents(&corpus->skew);
    return corpus->paces &&
           (cursor->epoch >= corpus->info.exposures || !documents_of(corpus, lane, n_lanes));
}

int kc_order_last(const kc_corpus *corpus, int64_t lane, int64_t n_lanes, const kc_cursor *cursor)
{
    if (corpus->skew.n)
        return document_at(lane, n_lanes, cursor) + n_lanes >= kc_skew_documents(&corpus->skew);
    return corpus->paces && cursor->epoch == corpus->info.exposures - 1 &&
           cursor->next == documents_of(corpus, lane, n_lanes) - 1;
}

/* Another part has no last epoch that lanes could end together, so they take turns throughout: document
 * k, k + L, ... of all epochs' orders one after the other. */
static int64_t person_at(const kc_corpus *corpus, int64_t lane, int64_t n_lanes,
                         const kc_cursor *cursor, int64_t *exposure)
{
    const int64_t N = corpus->info.n_people, document = document_at(lane, n_lanes, cursor);
    const int epochs = has_epochs(corpus);
    const int64_t epoch = epochs ? cursor->epoch : document / N;
    const int64_t place = epochs ? lane + cursor->next * n_lanes : document % N;

    if (corpus->skew.n)
        return kc_skew_person(&corpus->skew,
                              (int64_t)kc_perm(corpus->seed, KC_STREAM_SHUFFLE, 0,
                                               (uint64_t)document,
                                               (uint64_t)kc_skew_documents(&corpus->skew)),
                              exposure);
    *exposure = epoch;
    return (int64_t)kc_perm(corpus->seed, KC_STREAM_SHUFFLE,
                            (uint64_t)corpus->number << 48 | (uint64_t)epoch, (uint64_t)place,
                            (uint64_t)N);
}

void kc_order_document(const kc_corpus *corpus, int64_t lane, int64_t n_lanes,
                       const kc_cursor *cursor, kc_doc *doc)
{
    int64_t exposure, person = person_at(corpus, lane, n_lanes, cursor, &exposure);

    kc_corpus_document(corpus, person, exposure, doc);
}

void kc_order_next(const kc_corpus *corpus, int64_t lane, int64_t n_lanes, kc_cursor *cursor)
{
    cursor->offset = 0;
    cursor->docs++;
    if (has_epochs(corpus) && ++cursor->next == documents_of(corpus, lane, n_lanes)) {
        cursor->next = 0;
        cursor->epoch++;
    }
}

void kc_order_exposures(const kc_corpus *corpus, int64_t n_lanes, const kc_cursor *cursors,
                        double *of)
{
    const int parts = corpus->info.n_parts;

    for (int i = 0; i < parts; i++) {
        int64_t docs = 0;

        for (int64_t lane = 0; lane < n_lanes; lane++)
            docs += cursors[lane * parts + i].docs;
        of[i] = (double)docs / (double)kc_corpus_about(kc_corpus_part(corpus, i))->n_people;
    }
}
