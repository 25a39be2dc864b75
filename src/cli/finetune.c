/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <string.h>

#include "cli/train.h"
#include "kcap/base/memory.h"

typedef kc_train_options options;

/* run.from='PATH': a quote inside is written twice. */
static char *from_set(const char *path)
{
    char *set = kc_alloc(2 * (int64_t)strlen(path) + 16, 1, "bytes of a path"), *to = set;
    to += sprintf(to, "run.from='");
    for (; *path; *to++ = *path++)
        if (*path == '\'')
            *to++ = '\'';
    strcpy(to, "'");
    return set;
}

static int finetune(kc_grid *g, const void *given, kc_error *e)
{
    options o = *(const options *)given;
    char *from = from_set(o.checkpoint);
    int code = KC_EINPUT;
    if (o.sets.n == KC_SETS_MAX)
        kc_fail(e, KC_EINPUT, "--set: more than %d", KC_SETS_MAX - 1);
    else {
        o.sets.set[o.sets.n++] = from;
        code = kc_train(g, &o, e);
    }
    free(from);
    return code;
}

static const options defaults = KC_TRAIN_DEFAULTS;
static const kc_option list[] = {{KC_OPTION("RUN|CHECKPOINT.h5", KC_WORD, checkpoint)},
                                 {KC_OPTION("INPUT.yaml", KC_WORD, input)},
                                 KC_TRAIN_OPTIONS};

const kc_verb kc_verb_finetune = {
    .name = "finetune",
    .summary = "train on from the weights of a checkpoint",
    .about =
        "A run of its own that begins with the weights of a checkpoint: fresh optimiser, own "
        "schedule, own shares of the corpus's parts; all weights, or low-rank updates of some "
        "(train.method: lora). The same as kcap train with run.from. Seed, model and the parts of "
        "the corpus are the checkpoint's; a part of share 0 gives its words alone, so that "
        "pretraining knows those of later questions.",
    .notes = KC_TRAIN_NOTES,
    KC_OPTIONS(list),
    .bytes = sizeof(options),
    .defaults = &defaults,
    .run = finetune};
