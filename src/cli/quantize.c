/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/transform/quantize.h"

#include <string.h>

#include "cli/verb.h"
#include "kcap/io/file.h"
#include "kcap/io/json.h"
#include "kcap/run/open.h"

typedef struct options {
    const char *input, *out, *method;
    int64_t bits, group, documents;
    double damping;
    int asymmetric, embeddings, act_order, json;
} options;

static const options defaults = {.method = "rtn"};

static kc_quantize quantize_of(const options *o)
{
    kc_quantize q = {.bits = o->bits,
                     .group = o->group,
                     .asymmetric = o->asymmetric,
                     .embeddings = o->embeddings,
                     .documents = o->documents ? o->documents : 1000,
                     .damping = o->damping > 0 ? o->damping : 0.01,
                     .act_order = o->act_order};
    while (kc_quantize_name(q.method) && strcmp(kc_quantize_name(q.method), o->method) != 0)
        ++q.method;
    return q;
}

static int check(const void *given, kc_error *e)
{
    const options *o = given;
    const kc_quantize q = quantize_of(o);
    if (!o->out)
        return kc_fail(e, KC_EINPUT, "quantize: --out is missing; see kcap quantize --help");
    if (!o->bits)
        return kc_fail(e, KC_EINPUT, "quantize: --bits is missing: %d to %d bits a weight",
                       KC_BITS_LEAST, KC_BITS_MOST);
    if (!kc_quantize_name(q.method))
        return kc_fail(e, KC_EINPUT, "quantize: --method %s: there are rtn and gptq", o->method);
    if (q.method != KC_GPTQ && (o->documents || o->damping > 0 || o->act_order))
        return kc_fail(e, KC_EINPUT,
                       "quantize: --documents, --damping and --act-order are of --method gptq; %s "
                       "calibrates nothing",
                       o->method);
    return KC_OK;
}

/* A checkpoint that is made, or that another is made of. */
typedef struct made {
    char path[KC_PATH_MAX];
    double stored; /* bits of a parameter */
} made;

static made made_of(const kc_checkpoint_info *info)
{
    made m = {.stored = info->stored_bits};
    snprintf(m.path, sizeof m.path, "%s", info->path);
    return m;
}

static void report(const options *o, const kc_quantize *q, const kc_calibration *c,
                   const made *from, double stored)
{
    const int64_t bytes = kc_file_size(o->out), before = kc_file_size(from->path);
    if (!o->json) {
        printf("%s: %lld bytes, %.4f bits a parameter with scales and what stayed as it was\n",
               o->out, (long long)bytes, stored);
        if (stored > from->stored)
            printf("more than %s, of %lld bytes and %.4f bits a parameter: what was rounded there "
                   "does not come back\n",
                   from->path, (long long)before, from->stored);
        if (q->method == KC_GPTQ)
            printf(
                "calibrated by %lld documents, %lld tokens: error %.4g of the matrices' outputs, "
                "rounding's on the same inputs %.4g\n",
                (long long)c->documents, (long long)c->tokens, c->error, c->rounding_error);
        return;
    }
    cJSON *object = cJSON_CreateObject();
    kc_json_text(object, "status", "quantized");
    kc_json_text(object, "checkpoint", o->out);
    kc_json_number(object, "bytes", (double)bytes);
    kc_json_number(object, "source_bytes", (double)before);
    kc_json_number(object, "stored_bits_per_param", stored);
    if (q->method == KC_GPTQ) {
        kc_json_number(object, "documents", (double)c->documents);
        kc_json_number(object, "calibration_tokens", (double)c->tokens);
        kc_json_number(object, "error", c->error);
        kc_json_number(object, "rounding_error", c->rounding_error);
    }
    kc_json_put(stdout, object);
}

static int by_gptq(kc_grid *g, const options *o, const kc_quantize *q, kc_calibration *c,
                   made *source, kc_error *e)
{
    kc_opened opened = {.part = KC_PART_PACE, .whole = 1};
    kc_checkpoint_info from;
    KC_TRY(kc_open(&opened, g, o->input, e));
    from = opened.info;
    from.files = opened.files;
    *source = made_of(&from);
    kc_quantize_gptq(&opened.subject, opened.state.params, &from, q, o->out, c, e);
out:
    kc_opened_close(&opened, g);
    return e->code;
}

static int by_rounding(kc_grid *g, const options *o, const kc_quantize *q, made *source,
                       kc_error *e)
{
    kc_checkpoint_info info = {.step = 0};
    KC_TRY(kc_checkpoint_find(g, o->input, NULL, &info, e));
    *source = made_of(&info);
    if (!info.path[0])
        kc_fail(e, KC_EINPUT, "%s: no checkpoint there", o->input);
    else
        kc_quantize_round(g, &info, q, o->out, e);
out:
    kc_checkpoint_info_free(&info);
    return e->code;
}

static int quantize(kc_grid *g, const void *given, kc_error *e)
{
    const options *o = given;
    const kc_quantize q = quantize_of(o);
    kc_calibration found = {0};
    kc_checkpoint_info written = {.step = 0};
    made source = {.stored = 0};
    if (q.method == KC_GPTQ)
        KC_TRY(by_gptq(g, o, &q, &found, &source, e));
    else
        KC_TRY(by_rounding(g, o, &q, &source, e));
    KC_TRY(kc_checkpoint_find(g, o->out, NULL, &written, e));
    if (g->rank == 0)
        report(o, &q, &found, &source, written.stored_bits);
out:
    kc_checkpoint_info_free(&written);
    return e->code;
}

static const kc_option list[] = {
    {KC_OPTION("RUN|CHECKPOINT.h5", KC_WORD, input)},
    {KC_OPTION("out", KC_STRING, out), .value = "FILE.h5", .help = "the checkpoint to write"},
    {KC_OPTION("bits", KC_COUNT, bits), .least = KC_BITS_LEAST, .most = KC_BITS_MOST, .value = "N",
     .help = "of a weight"},
    {KC_OPTION("method", KC_STRING, method), .value = "rtn|gptq",
     .help = "rtn, each weight to the nearest code, unless said; gptq, its error made up for by "
             "those after it; of experts each by the tokens that come to it"},
    {KC_OPTION("group", KC_COUNT, group), .least = 1, .most = 1 << 20, .value = "N",
     .help = "inputs of an output that share a scale; all, unless said"},
    {KC_OPTION("asymmetric", KC_FLAG, asymmetric),
     .help =
         "a zero point beside each scale, so that all codes lie between the lowest weight and the "
         "highest"},
    {KC_OPTION("embeddings", KC_FLAG, embeddings),
     .help = "embeddings, positions and output head too, to the nearest code"},
    {KC_OPTION("documents", KC_COUNT, documents), .least = 1, .most = 1e9, .value = "N",
     .help = "gptq: of the run's own corpus, that it is calibrated by; 1000, unless said"},
    {KC_OPTION("damping", KC_NUMBER, damping), .least = 1e-9, .most = 1e3, .value = "X",
     .help = "gptq: of the Hessian's mean diagonal, added to it; 0.01, unless said"},
    {KC_OPTION("act-order", KC_FLAG, act_order), .help = "gptq: inputs that are largest first"},
    {KC_OPTION_JSON}};

const kc_verb kc_verb_quantize = {
    .name = "quantize",
    .summary = "make a checkpoint of few bits a weight",
    .about =
        "Write a checkpoint whose weights are whole numbers of few bits, packed, times scales: "
        "symmetric unless said, a scale for each output of a matrix or for groups of its inputs. "
        "Norms and "
        "biases stay as they were, the router of experts too. kcap measure reads it and says what "
        "was done.",
    KC_OPTIONS(list),
    .bytes = sizeof(options),
    .defaults = &defaults,
    .check = check,
    .run = quantize};
