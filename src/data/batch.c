/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/data/batch.h"

#include <string.h>

#include "kcap/data/order.h"

/* The token after the inputs taken so far, or KC_NO_TARGET after the lane's last document. A lane
 * whose last token this is has nothing left to predict: its last document counts as used. */
static int32_t token_ahead(const kc_corpus *corpus, int64_t lane, int64_t n_lanes,
                           const kc_doc *doc, kc_cursor *cursor)
{
    int32_t token;

    if (kc_order_done(corpus, lane, n_lanes, cursor))
        return KC_NO_TARGET;
    if (!cursor->offset)
        return KC_EOS;
    token = doc->tokens[cursor->offset];
    if (cursor->offset == doc->n_tokens - 1 && kc_order_last(corpus, lane, n_lanes, cursor))
        kc_order_next(corpus, lane, n_lanes, cursor);
    return token;
}

/* Windows of one document each, the <eos> behind it as a target, and padding. */
static void next_single(const kc_corpus *corpus, int64_t lane, int64_t n_lanes, kc_cursor *cursor,
                        kc_doc *scratch, kc_batch *batch)
{
    const int64_t T = batch->context;

    batch->counted = 0;
    for (int64_t at = 0; at < batch->windows * T; at += T) {
        int64_t n = 0;

        if (!kc_order_done(corpus, lane, n_lanes, cursor)) {
            kc_order_document(corpus, lane, n_lanes, cursor, scratch);
            kc_order_next(corpus, lane, n_lanes, cursor);
            n = scratch->n_tokens;
        }
        KC_CHECK(n <= T, "a document of %lld tokens, windows of %lld", (long long)n, (long long)T);
        batch->counted += n;
        for (int64_t i = 0; i < T; i++) {
            batch->tokens[at + i] = i < n ? scratch->tokens[i] : KC_EOS;
            batch->targets[at + i] = i + 1 < n    ? scratch->tokens[i + 1]
                                     : i + 1 == n ? KC_EOS
                                                  : KC_NO_TARGET;
        }
    }
}

/* A document is used up (cursor->docs) when all its tokens have been inputs. The last one of a lane
 * is so too when its last token has been a target: that token has nothing to predict. */
void kc_batch_next(const kc_corpus *corpus, int64_t lane, int64_t n_lanes, kc_cursor *cursor,
                   kc_doc *scratch, kc_batch *batch)
{
    int64_t n = batch->windows * batch->context, filled = 0;

    if (kc_corpus_about(corpus)->windows_are_single) {
        next_single(corpus, lane, n_lanes, cursor, scratch, batch);
        return;
    }
    while (filled < n && !kc_order_done(corpus, lane, n_lanes, cursor)) {
        int64_t take;

        kc_order_document(corpus, lane, n_lanes, cursor, scratch);
        take = scratch->n_tokens - cursor->offset;
        take = take < n - filled ? take : n - filled;
        memcpy(batch->tokens + filled, scratch->tokens + cursor->offset,
               (size_t)take * sizeof *batch->tokens);
        filled += take;
        cursor->offset += take;
        if (cursor->offset == scratch->n_tokens)
            kc_order_next(corpus, lane, n_lanes, cursor);
    }
    for (int64_t i = 1; i < filled; i++)
        batch->targets[i - 1] = batch->tokens[i];
    batch->counted = filled;
    if (filled) {
        batch->targets[filled - 1] =
            filled < n ? KC_NO_TARGET : token_ahead(corpus, lane, n_lanes, scratch, cursor);
        batch->counted -= batch->targets[filled - 1] == KC_NO_TARGET;
    }
    for (int64_t i = filled; i < n; i++) {
        batch->tokens[i] = KC_EOS;
        batch->targets[i] = KC_NO_TARGET;
    }
}

/* Put a document behind the `used` tokens of the window. A token at place q of the window is
 * predicted at q - 1. The <eos> that follows any document tells that its last value has ended. */
static void append_document(const kc_doc *doc, int32_t used, kc_batch *batch)
{
    for (int32_t i = 0; i < doc->n_tokens; i++) {
        batch->tokens[used + i] = doc->tokens[i];
        if (used + i)
            batch->targets[used + i - 1] = doc->tokens[i];
    }
    batch->targets[used + doc->n_tokens - 1] = KC_EOS;
    for (int32_t i = 0; i < doc->n_spans; i++) {
        kc_span span = doc->spans[i];

        span.begin += used - 1;
        span.head_end += used - 1;
        span.end += used - 1;
        batch->spans[batch->n_spans++] = span;
    }
}

void kc_batch_whole(const kc_corpus *corpus, int64_t exposure, int64_t *person, int64_t end,
                    kc_doc *scratch, kc_batch *batch)
{
    int32_t used = 0;

    batch->n_spans = 0;
    for (; *person < end; ++*person) {
        kc_corpus_document(corpus, *person, exposure, scratch);
        KC_CHECK(scratch->n_tokens <= batch->context, "a document of %d tokens, windows of %lld",
                 scratch->n_tokens, (long long)batch->context);
        if (used + scratch->n_tokens > batch->context ||
            (used && kc_corpus_about(corpus)->windows_are_single))
            break;
        append_document(scratch, used, batch);
        used += scratch->n_tokens;
    }
    batch->counted = used ? used - 1 : 0;
    for (int64_t i = used; i < batch->context; i++) {
        batch->targets[i] = KC_NO_TARGET;
        batch->tokens[i] = KC_EOS;
    }
}
