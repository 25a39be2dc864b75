/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/data/batch.h"

#include <string.h>

#include "data/mix.h"
#include "kcap/data/order.h"

/* The documents of a lane. */
typedef struct stream {
    const kc_corpus *corpus;
    int64_t lane, n_lanes;
    kc_cursor *cursors; /* [n_parts] */
    kc_doc *scratch;
    int part; /* documents of this part alone; ANY: of all */
} stream;

enum { ANY = -1 };

/* With the last document of the part that sets the pace a lane ends. */
static int is_done(const stream *s)
{
    return kc_order_done(s->corpus, s->lane, s->n_lanes, &s->cursors[s->corpus->number]);
}

static int part_now(const stream *s)
{
    return s->part == ANY ? kc_mix_document(s->corpus, s->cursors) : s->part;
}

static void document_of(const stream *s, int part)
{
    kc_order_document(kc_corpus_part(s->corpus, part), s->lane, s->n_lanes, &s->cursors[part],
                      s->scratch);
}

static void next_of(const stream *s, int part)
{
    kc_order_next(kc_corpus_part(s->corpus, part), s->lane, s->n_lanes, &s->cursors[part]);
}

/* The token after the inputs taken so far, or KC_NO_TARGET after the lane's last document. A lane
 * whose last token this is has nothing left to predict: its last document counts as used. */
static int32_t token_ahead(const stream *s)
{
    const int part = part_now(s);
    const kc_cursor *cursor = &s->cursors[part];
    int32_t token;

    if (is_done(s))
        return KC_NO_TARGET;
    if (!cursor->offset)
        return KC_EOS;
    token = s->scratch->tokens[cursor->offset];
    if (cursor->offset == s->scratch->n_tokens - 1 &&
        kc_order_last(kc_corpus_part(s->corpus, part), s->lane, s->n_lanes, cursor))
        next_of(s, part);
    return token;
}

/* Places from `filled` to `n` have nothing to say. */
static void pad(kc_batch *batch, int64_t filled, int64_t n)
{
    for (int64_t i = filled; i < n; i++) {
        batch->tokens[i] = KC_EOS;
        batch->targets[i] = KC_NO_TARGET;
    }
}

/* A window of one document, the <eos> behind it as a target, and padding. */
static void fill_single(const stream *s, int64_t at, kc_batch *batch)
{
    const int64_t T = batch->context;
    const kc_doc *doc = s->scratch;

    document_of(s, s->part);
    next_of(s, s->part);
    s->cursors[s->part].used += T;
    KC_CHECK(doc->n_tokens <= T, "a document of %d tokens, windows of %lld", doc->n_tokens,
             (long long)T);
    pad(batch, at, at + T);
    memcpy(batch->tokens + at, doc->tokens, (size_t)doc->n_tokens * sizeof *doc->tokens);
    memcpy(batch->targets + at, doc->tokens + 1, (size_t)(doc->n_tokens - 1) * sizeof *doc->tokens);
    batch->targets[at + doc->n_tokens - 1] = KC_EOS;
    batch->counted += doc->n_tokens;
}

/* Places `from` to `n` with documents one after the other. A document is used up (cursor->docs) when
 * all its tokens have been inputs. The last one of a lane is so too when its last token has been a
 * target: that token has nothing to predict. */
static void fill_packed(const stream *s, int64_t from, int64_t n, kc_batch *batch)
{
    int64_t filled = from;
    int part = s->corpus->number;

    while (filled < n && !is_done(s)) {
        kc_cursor *cursor = &s->cursors[part = part_now(s)];
        int64_t take;

        document_of(s, part);
        take = s->scratch->n_tokens - cursor->offset;
        take = take < n - filled ? take : n - filled;
        memcpy(batch->tokens + filled, s->scratch->tokens + cursor->offset,
               (size_t)take * sizeof *batch->tokens);
        filled += take;
        cursor->used += take;
        cursor->offset += take;
        if (cursor->offset == s->scratch->n_tokens)
            next_of(s, part);
    }
    s->cursors[part].used += n - filled;
    pad(batch, filled, n);
    if (filled == from)
        return;
    memcpy(batch->targets + from, batch->tokens + from + 1,
           (size_t)(filled - from - 1) * sizeof *batch->tokens);
    batch->targets[filled - 1] = filled < n ? KC_NO_TARGET : token_ahead(s);
    batch->counted += filled - from - (batch->targets[filled - 1] == KC_NO_TARGET);
}

/* Windows of one part each. */
static void fill_windows(stream *s, kc_batch *batch)
{
    const int64_t T = batch->context;

    for (int64_t at = 0; at < batch->windows * T; at += T) {
        if (is_done(s)) {
            pad(batch, at, at + T);
            continue;
        }
        s->part = kc_mix_window(s->corpus, s->lane, s->n_lanes, T, s->cursors);
        if (kc_corpus_about(kc_corpus_part(s->corpus, s->part))->windows_are_single)
            fill_single(s, at, batch);
        else
            fill_packed(s, at, at + T, batch);
    }
}

void kc_batch_next(const kc_corpus *corpus, int64_t lane, int64_t n_lanes, kc_cursor *cursors,
                   kc_doc *scratch, kc_batch *batch)
{
    stream s = {corpus, lane, n_lanes, cursors, scratch, ANY};

    batch->counted = 0;
    if (is_done(&s))
        pad(batch, 0, batch->windows * batch->context);
    else if (corpus->whole->by_documents ||
             (corpus->info.n_parts == 1 && !corpus->info.windows_are_single))
        fill_packed(&s, 0, batch->windows * batch->context, batch);
    else
        fill_windows(&s, batch);
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
