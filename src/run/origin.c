/* SPDX-License-Identifier: BSD-3-Clause */
#include "run/origin.h"

#include <inttypes.h>
#include <string.h>

/* What a run says for itself: how, how often and in what order texts are shown. */
static void take_own(const kc_corpus_keys *own, kc_corpus_keys *keys)
{
    keys->exposures = own->exposures;
    keys->share = own->share;
    keys->windows = own->windows;
    keys->held_out = own->held_out;
    keys->wordings = own->wordings;
    keys->permute = own->permute;
    keys->skew = own->skew;
    keys->skew_exponent = own->skew_exponent;
    keys->skew_frequent = own->skew_frequent;
    keys->skew_ratio = own->skew_ratio;
}

/* The checkpoint's configuration as it would be for this run; all else must be the same. */
static kc_config wanted(const kc_config *then, const kc_config *now)
{
    kc_config cfg = *then;
    take_own(&now->corpus, &cfg.corpus);
    for (int i = 0; i < KC_PARTS_MAX - 1; ++i)
        take_own(&now->later[i], &cfg.later[i]);
    cfg.train = now->train;
    memcpy(cfg.run.from, now->run.from, sizeof cfg.run.from);
    return cfg;
}

static int check(const kc_run *run, kc_error *e)
{
    const kc_checkpoint_info *from = &run->origin;
    kc_config then;
    char what[KC_TEXT_MAX * 2];
    KC_TRY(kc_config_parse(from->stamp.config, strlen(from->stamp.config), from->path, NULL, 0,
                           &then, e));
    then = wanted(&then, &run->cfg);
    if (kc_config_differs(&then, &run->cfg, "the checkpoint", "this input", what, sizeof what))
        kc_fail(e, KC_EINPUT,
                "run.from: %s: not the model or the corpus of this input: %s; a run that begins "
                "with its weights has its seed, its model and its corpus's parts, in shares of its "
                "own (a part of share 0 gives its words alone)",
                from->path, what);
out:
    return e->code;
}

int kc_origin_find(kc_run *run, kc_error *e)
{
    const char *where = run->cfg.run.from;
    if (!where[0] || run->from.path[0])
        return KC_OK;
    KC_TRY(kc_checkpoint_find(run->grid, where, NULL, &run->origin, e));
    if (!run->origin.path[0])
        return kc_fail(e, KC_EINPUT, "run.from: %s: no checkpoint there", where);
    KC_TRY_ALL(run->grid, check(run, e));
out:
    return e->code;
}

int kc_origin_read(kc_run *run, kc_error *e)
{
    kc_state weights = *kc_trainer_state(run->trainer);
    if (!run->origin.path[0])
        return KC_OK;
    weights.m = weights.v = NULL;
    weights.cursors = NULL;
    weights.masters = NULL;
    weights.adapters = NULL;
    KC_TRY(kc_checkpoint_read(run->grid, &run->origin, &weights, e));
    kc_trainer_begin(run->trainer);
out:
    return e->code;
}

void kc_origin_sign(kc_run *run)
{
    kc_stamp *stamp = &run->sign.stamp;
    if (run->from.path[0]) {
        stamp->finetuned_from = run->from.stamp.finetuned_from;
        stamp->finetuned_hash = run->from.stamp.finetuned_hash;
    } else if (run->origin.path[0]) {
        snprintf(run->origin_hash, sizeof run->origin_hash, "%016" PRIx64, run->origin.hash);
        stamp->finetuned_from = run->origin.path;
        stamp->finetuned_hash = run->origin_hash;
    }
}
