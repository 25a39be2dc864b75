/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/run/open.h"

#include <stdlib.h>
#include <string.h>

#include "kcap/comm/exchange.h"
#include "kcap/data/order.h"
#include "kcap/run/input.h"

static int find(kc_opened *o, const kc_grid *g, const char *where, kc_error *e)
{
    KC_TRY(kc_checkpoint_find(g, where, NULL, &o->info, e));
    if (!o->info.path[0])
        return kc_fail(e, KC_EINPUT, "%s: no checkpoint there", where);
    kc_config_parse(o->info.stamp.config, strlen(o->info.stamp.config), o->info.path, NULL, 0,
                    &o->cfg, e);
    KC_TRY(kc_agree(g, e));
    if (o->whole || g->size % o->cfg.parallel.ep != 0)
        o->cfg.parallel.ep = 1;
out:
    return e->code;
}

static int read_weights(kc_opened *o, const kc_grid *g, kc_error *e)
{
    kc_state *state = &o->state;
    const kc_layout *layout = state->layout = &o->model.layout;
    const size_t bytes = (size_t)layout->n_flat * sizeof(float);
    int64_t *lo = malloc((size_t)(g->size + 1) * sizeof *lo);
    float *wt = aligned_alloc(64, bytes);
    state->n_lanes = o->cfg.train.lanes;
    state->params = aligned_alloc(64, bytes);
    state->n_parts = o->cfg.parts;
    state->cursors = malloc((size_t)(state->n_lanes * state->n_parts) * sizeof *state->cursors);
    KC_ROOM(lo && wt && state->params && state->cursors, "out of memory for the weights");
    kc_slices(g, layout->n_dense, lo);
    state->lo = lo;
    o->weights = (kc_weights){layout, state->params, wt};
    if (kc_checkpoint_read(g, &o->info, state, e) == KC_OK)
        kc_params_transpose(layout, state->params, wt, o->host.threads);
    return e->code;
}

/* Documents that measurement reads are never cut. */
static int check_part(const kc_opened *o, kc_error *e)
{
    const int n = kc_corpus_about(o->corpus)->n_parts;
    const kc_corpus_info *info;
    if (o->part >= n)
        return kc_fail(e, KC_EINPUT, "--part %d: %s was trained on a corpus of %d part%s",
                       o->part + 1, o->info.path, n, n > 1 ? "s" : "");
    info = kc_corpus_about(kc_corpus_part(o->corpus, o->part));
    if (info->max_doc_tokens > o->cfg.train.context)
        return kc_fail(e, KC_EINPUT,
                       "--part %d: its longest document has %d tokens, windows of this model %lld; "
                       "measurement cuts none",
                       o->part + 1, info->max_doc_tokens, (long long)o->cfg.train.context);
    return KC_OK;
}

int kc_open(kc_opened *o, kc_grid *g, const char *where, kc_error *e)
{
    KC_TRY(find(o, g, where, e));
    o->files = o->info.files;
    o->info.files = (kc_files){0};
    KC_TRY(kc_input_corpus(g, &o->cfg, &o->files, &o->corpus, e));
    KC_TRY(kc_host_start(&o->host, g, &o->cfg, NULL, 1, e));
    o->part = o->part == KC_PART_PEOPLE ? kc_corpus_people(o->corpus)
              : o->part == KC_PART_PACE ? kc_corpus_about(o->corpus)->part
                                        : o->part;
    KC_TRY(check_part(o, e));
    const kc_corpus *part = kc_corpus_part(o->corpus, o->part);
    const kc_corpus_info *info = kc_corpus_about(part);
    KC_TRY(kc_model_create(&o->model, &o->cfg, info->n_vocab, g->ep, e));
    kc_sign(&o->sign, g, &o->cfg, info, &o->host, &o->model.layout, o->info.stamp.run_id);
    o->sign.stamp.imported_from = o->info.stamp.imported_from;
    o->sign.stamp.transformed_by = o->info.stamp.transformed_by;
    o->sign.stamp.quantized_by = o->info.stamp.quantized_by;
    o->sign.stamp.quantized_bits = o->info.stamp.quantized_bits;
    o->sign.stamp.quantized_group = o->info.stamp.quantized_group;
    o->sign.stamp.quantized_asymmetric = o->info.stamp.quantized_asymmetric;
    o->sign.stamp.quantized_embeddings = o->info.stamp.quantized_embeddings;
    o->sign.stamp.finetuned_from = o->info.stamp.finetuned_from;
    o->sign.stamp.finetuned_hash = o->info.stamp.finetuned_hash;
    KC_TRY(read_weights(o, g, e));
    o->subject = (kc_subject){.grid = g,
                              .cfg = &o->cfg,
                              .corpus = part,
                              .part = o->part,
                              .model = &o->model,
                              .weights = &o->weights,
                              .threads = o->host.threads,
                              .step = o->state.step,
                              .tokens = o->state.tokens};
    kc_order_exposures(o->corpus, o->state.n_lanes, o->state.cursors, o->subject.exposures);
    KC_TRY(kc_subject_check(&o->subject, e));
out:
    return e->code;
}

void kc_opened_close(kc_opened *o, kc_grid *g)
{
    free((void *)o->weights.wt);
    free((void *)o->state.lo);
    free(o->state.params);
    free(o->state.cursors);
    kc_model_destroy(&o->model);
    kc_signature_free(&o->sign);
    kc_corpus_destroy(o->corpus);
    kc_files_free(&o->files);
    kc_host_end(&o->host, g);
    kc_checkpoint_info_free(&o->info);
}
