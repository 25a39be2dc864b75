/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/hf.h"
#include "cli/hf_meta.h"
#include "kcap/io/json.h"
#include "cli/hf_session.h"
#include "cli/verb.h"
#include "kcap/comm/exchange.h"
#include "kcap/io/file.h"
#include "kcap/record/shelf.h"

enum { PATH_MOST = 1024, SHOWN = 120 };

/* A folder that is read, on all ranks alike. */
typedef struct import {
    kc_session *session;
    char model[PATH_MOST], config[PATH_MOST], vocab[PATH_MOST];
    const char *wanted; /* what says which architecture it should be, for messages */
    kc_st st;
    kc_files files; /* of the metadata */
    cJSON *object;  /* config.json */
    kc_shape shape;
    kc_layout layout;
    kc_hf_class class;
    kc_hf_piece *pieces;
    const kc_st_tensor **found; /* [n_pieces], none of them NULL once matched */
    int64_t n_pieces;
    kc_state state;
    char from[PATH_MOST + 64];
} import;

static int claim(import *x, kc_error *e)
{
    const kc_hf_options *o = x->session->options;
    if (strlen(o->input) + 32 > PATH_MOST || strlen(o->out) + 64 > PATH_MOST)
        return kc_fail(e, KC_EINPUT, "import: a path of more than %d bytes", PATH_MOST - 64);
    snprintf(x->model, PATH_MOST, "%s/model.safetensors", o->input);
    snprintf(x->config, PATH_MOST, "%s/config.json", o->input);
    snprintf(x->vocab, PATH_MOST, "%s/vocab.json", o->input);
    x->wanted = o->second ? o->second : x->model;
    const int full = x->session->grid.rank == 0 ? kc_folder_full(o->out) : 0;
    if (full < 0)
        return kc_fail(e, KC_EIO, "%s: cannot be read: %s", o->out, strerror(errno));
    return full ? kc_fail(e, KC_EINPUT, "%s: not empty; choose another --out", o->out) : KC_OK;
}

/* The header's bytes, read on rank 0, checked on all. */
static int read_header(import *x, kc_error *e)
{
    const kc_grid *g = &x->session->grid;
    char *text = NULL;
    int64_t sizes[2] = {0, 0};
    if (g->rank == 0)
        kc_st_head(x->model, &text, &sizes[0], &sizes[1], e);
    KC_TRY(kc_agree(g, e));
    kc_bcast(g, sizes, sizeof sizes);
    if (!text)
        text = malloc((size_t)sizes[0]);
    KC_CHECK(text, "out of memory for a header of %lld bytes", (long long)sizes[0]);
    kc_bcast(g, text, (size_t)sizes[0]);
    kc_st_parse(x->model, text, sizes[0], sizes[1], &x->st, e);
    KC_TRY(kc_agree(g, e));
out:
    free(text);
    return e->code;
}

/* Configuration and texts: from an input file, or from what kcap wrote into the metadata. */
static int read_config(import *x, kc_error *e)
{
    kc_session *s = x->session;
    const char *second = s->options->second;
    char *text = NULL;
    size_t bytes = 0;
    if (second) {
        KC_TRY(kc_input_text(&s->grid, second, &text, &bytes, e));
        kc_config_parse(text, bytes, second, NULL, 0, &s->cfg, e);
    } else
        kc_hf_meta_read(&x->st, &s->cfg, &x->state, &x->files, e);
    KC_TRY(kc_agree(&s->grid, e));
    x->state.n_lanes = s->cfg.train.lanes;
out:
    free(text);
    return e->code;
}

static int words_of_config(const import *x, int64_t *n, kc_error *e)
{
    const cJSON *size = cJSON_GetObjectItemCaseSensitive(x->object, "vocab_size");
    if (kc_json_whole(size, n) && *n > 0 && *n <= INT32_MAX)
        return KC_OK;
    char *found = size ? cJSON_PrintUnformatted(size) : NULL;
    kc_fail(e, KC_EINPUT, "%s: vocab_size is %.*s; a whole number from 1 to %d would do", x->config,
            SHOWN, found ? found : "left out", INT32_MAX);
    cJSON_free(found);
    return e->code;
}

/* The corpus, which may be far larger than these files, is made once they fit each other: until
 * then the vocabulary is as large as config.json says. */
static int check_config(import *x, kc_error *e)
{
    const kc_config *cfg = &x->session->cfg;
    char *text = NULL, lacks[256];
    size_t bytes = 0;
    int64_t n_vocab;
    KC_TRY(kc_input_text(&x->session->grid, x->config, &text, &bytes, e));
    KC_TRY(kc_hf_config_class(x->config, text, bytes, &x->object, &x->class, e));
    KC_TRY(words_of_config(x, &n_vocab, e));
    x->shape = kc_shape_of(cfg, n_vocab);
    if (!kc_hf_serves(x->class, cfg, &x->shape, lacks, sizeof lacks))
        kc_fail(e, KC_EINPUT, "%s: is of %s, which has %s; the model of %s has not", x->config,
                kc_hf_class_name(x->class), lacks, x->wanted);
    KC_TRY(e->code);
    KC_TRY(kc_hf_config_check(x->config, x->object, x->class, cfg, &x->shape, x->wanted, e));
    kc_layout_of(&x->shape, &x->layout);
    x->state.layout = &x->layout;
out:
    free(text);
    return kc_agree(&x->session->grid, e);
}

/* Its words are as many as config.json says, and those of vocab.json. */
static int read_corpus(import *x, kc_error *e)
{
    kc_session *s = x->session;
    KC_TRY(kc_session_corpus(s, s->options->second ? NULL : &x->files, e));
    const kc_shape shape = kc_shape_of(&s->cfg, kc_corpus_about(s->corpus)->n_vocab);
    KC_TRY(kc_hf_config_check(x->config, x->object, x->class, &s->cfg, &shape, x->wanted, e));
    if (s->grid.rank == 0)
        kc_hf_vocab_check(x->vocab, s->corpus, x->wanted, e);
    KC_TRY(kc_agree(&s->grid, e));
out:
    return e->code;
}

static int same_shape(const kc_st_tensor *t, const kc_hf_piece *p)
{
    int same = t->n_dims == p->n_dims;
    for (int i = 0; same && i < p->n_dims; ++i)
        same = t->dims[i] == p->dims[i];
    return same;
}

/* Every tensor of the class is there in its shape, and no other. Names are distinct: of one more
 * than the file has, one is missing, and no longer list is made however many there should be. */
static int match(import *x, kc_error *e)
{
    char found[192], right[96];
    x->n_pieces = kc_hf_pieces(x->class, &x->shape, &x->layout, x->st.n + 1, &x->pieces);
    x->found = calloc((size_t)x->st.n + 1, sizeof *x->found);
    char *used = calloc((size_t)x->st.n + 1, 1);
    KC_CHECK(x->found && used, "out of memory for %lld tensors", (long long)x->st.n);
    for (int64_t i = 0; i < x->n_pieces && e->code == KC_OK; ++i) {
        const kc_hf_piece *p = &x->pieces[i];
        const kc_st_tensor *t = x->found[i] = kc_st_find(&x->st, p->name);
        kc_st_shape(p->n_dims, p->dims, right, sizeof right);
        if (!t) {
            kc_fail(e, KC_EINPUT,
                    "%s: tensor %s is missing; the model of %s needs it as %s, one of %lld, and "
                    "this file has %lld",
                    x->model, p->name, x->wanted, right, (long long)x->n_pieces,
                    (long long)x->st.n);
            break;
        }
        used[t - x->st.tensor] = 1;
        kc_st_shape(t->n_dims, t->dims, found, sizeof found);
        if (!same_shape(t, p))
            kc_fail(e, KC_EINPUT,
                    "%s: tensor %s is %s; the model of %s, with the vocab_size of config.json, "
                    "needs %s",
                    x->model, p->name, found, x->wanted, right);
    }
    for (int64_t i = 0; i < x->st.n && e->code == KC_OK; ++i)
        if (!used[i])
            kc_fail(e, KC_EINPUT, "%s: tensor %.*s is none of %s's in the model of %s", x->model,
                    SHOWN, x->st.tensor[i].name, kc_hf_class_name(x->class), x->wanted);
    free(used);
    return e->code;
}

static void put(void *context, int64_t index, int64_t at, int64_t n, float *values)
{
    import *x = context;
    kc_hf_put(&x->pieces[index], x->state.params, at, n, values);
}

/* Rank 0 reads, all get the whole; moments are zero. */
static int read_weights(import *x, kc_error *e)
{
    const kc_grid *g = &x->session->grid;
    const int64_t n = x->layout.n_flat;
    int64_t *lo = malloc(2 * (size_t)(g->size + 1) * sizeof *lo), *expert_lo = lo + g->size + 1;
    KC_CHECK(lo, "out of memory");
    kc_slices(g, x->layout.n_dense, lo);
    kc_slices(g, n - x->layout.n_dense, expert_lo);
    x->state.lo = lo;
    x->state.dense_here = lo[g->rank + 1] - lo[g->rank];
    for (int i = 0; i < 2; ++i)
        x->state.expert_lo[i] = expert_lo[g->rank + i];
    const size_t mine =
        (size_t)(x->state.dense_here + x->state.expert_lo[1] - x->state.expert_lo[0]) + 1;
    x->state.params = calloc((size_t)n, sizeof(float));
    x->state.m = calloc(mine, sizeof(float));
    x->state.v = calloc(mine, sizeof(float));
    x->state.cursors = calloc((size_t)x->state.n_lanes, sizeof *x->state.cursors);
    KC_CHECK(x->state.params && x->state.m && x->state.v && x->state.cursors,
             "out of memory for %lld parameters", (long long)n);
    if (!x->session->options->second)
        kc_hf_meta_lanes(&x->st, &x->state, e);
    if (g->rank == 0 && e->code == KC_OK)
        kc_st_read(&x->st, x->found, x->n_pieces, put, x, e);
    KC_TRY(kc_agree(g, e));
    kc_bcast(g, x->state.params, (size_t)n * sizeof(float));
out:
    return e->code;
}

static void report(const import *x, const char *out)
{
    const int64_t P = x->layout.n_params;
    if (!x->session->options->json) {
        printf("%s: %s, step %lld, %lld parameters -> %s; moments are zero\n", x->model,
               kc_hf_class_name(x->class), (long long)x->state.step, (long long)P, out);
        return;
    }
    cJSON *object = cJSON_CreateObject();
    kc_json_text(object, "status", "imported");
    kc_json_text(object, "input", x->session->options->input);
    kc_json_text(object, "out", out);
    kc_json_text(object, "class", kc_hf_class_name(x->class));
    kc_json_number(object, "n_tensors", (double)x->n_pieces);
    kc_json_number(object, "n_params", (double)P);
    kc_json_number(object, "step", (double)x->state.step);
    kc_json_number(object, "tokens", (double)x->state.tokens);
    kc_json_put(stdout, object);
}

/* Nothing is made before all is read; folders made for a checkpoint that could not be written go
 * again. */
static int write_run(import *x, kc_error *e)
{
    kc_session *s = x->session;
    const char *out = s->options->out;
    char shelf[PATH_MOST + 32];
    snprintf(x->from, sizeof x->from, "%s (%s)", x->model, kc_hf_class_name(x->class));
    kc_session_stamp(s, &x->layout, NULL);
    s->stamp.imported_from = x->from;
    if (s->grid.rank == 0)
        kc_folders_create(out, e);
    KC_TRY(kc_agree(&s->grid, e));
    KC_TRY(kc_checkpoint_write(&s->grid, out, &x->state, &s->stamp, &s->files,
                               s->cfg.checkpoint.keep, e));
out:
    kc_shelf_folder(out, shelf, sizeof shelf);
    if (e->code != KC_OK && s->grid.rank == 0 && (rmdir(shelf) == 0 || errno == ENOENT))
        rmdir(out);
    return e->code;
}

static void forget(import *x)
{
    kc_weights_free(&x->state);
    free(x->state.m);
    free(x->state.v);
    free(x->found);
    free(x->pieces);
    free(x->files.text);
    cJSON_Delete(x->object);
    kc_st_free(&x->st);
}

static int work(kc_session *s, kc_error *e)
{
import x = {.session = s };
    claim(&x, e);
    KC_TRY(kc_agree(&s->grid, e));
    KC_TRY(read_header(&x, e));
    KC_TRY(read_config(&x, e));
    KC_TRY(check_config(&x, e));
    match(&x, e);
    KC_TRY(kc_agree(&s->grid, e));
    KC_TRY(read_corpus(&x, e));
    KC_TRY(read_weights(&x, e));
    KC_TRY(write_run(&x, e));
    if (s->grid.rank == 0)
        report(&x, s->options->out);
out:
    forget(&x);
    s->stamp.imported_from = "";
    return e->code;
}

static int check(const void *given, kc_error *e)
{
    const kc_hf_options *o = given;
    return o->out ? KC_OK
                  : kc_fail(e, KC_EINPUT, "import: --out is missing; see kcap import --help");
}

static int run(kc_grid *g, const void *given, kc_error *e)
{
    kc_session s = {.options = given, .grid = *g};
    work(&s, e);
    kc_session_end(&s);
    return e->code;
}

static const kc_option list[] = {
    {KC_OPTION("DIR", KC_WORD, input)},
    {KC_OPTION("INPUT.yaml", KC_WORD, second), .optional = 1},
    {KC_OPTION("out", KC_STRING, out), .value = "RUN", .help = "folder to write"},
    {KC_OPTION_JSON}};

const kc_verb kc_verb_import = {.name = "import",
                                .summary = "and back",
                                .about =
                                    "Read such a folder back into RUN/checkpoints, bit for bit.",
                                KC_OPTIONS(list),
                                .bytes = sizeof(options),
                                .check = check,
                                .run = run};
