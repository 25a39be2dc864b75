/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/hf.h"
#include "cli/hf_meta.h"
#include "kcap/io/json.h"
#include "cli/hf_session.h"
#include "cli/verb.h"
#include "kcap/io/file.h"

enum { PATH_MOST = 1024, NAME_MOST = 32 };

static const char *const file_names[] = {"model.safetensors", "config.json", "vocab.json"};
enum { MODEL, CONFIG, VOCAB, FILES };

/* What is written, and where: first into `partial`, which is then renamed. */
typedef struct export
{
    kc_session *session;
    const kc_head *head;
    const kc_state *state;
    kc_shape shape;
    kc_hf_class class;
    kc_hf_piece *pieces;
    int64_t n_pieces;
    char dir[PATH_MOST], above[PATH_MOST], partial[PATH_MOST + NAME_MOST];
}
export;

static void path_of(const export *x, int file, char path[PATH_MOST + 2 * NAME_MOST])
{
    snprintf(path, PATH_MOST + 2 * NAME_MOST, "%s/%s", x->partial, file_names[file]);
}

/* The folder must be free, and its name one that a folder can be renamed to. */
static int claim(export *x, const char *dir, kc_error *e)
{
    struct stat s;
    size_t n = strlen(dir);
    while (n > 1 && dir[n - 1] == '/')
        --n;
    if (n == 0 || n >= PATH_MOST)
        return kc_fail(e, KC_EINPUT, "export: the folder's name has %zu bytes; 1 to %d would do", n,
                       PATH_MOST - 1);
    snprintf(x->dir, sizeof x->dir, "%.*s", (int)n, dir);
    snprintf(x->partial, sizeof x->partial, "%s.partial", x->dir);
    const char *slash = strrchr(x->dir, '/'), *last = slash ? slash + 1 : x->dir;
    snprintf(x->above, sizeof x->above, "%.*s", slash ? (int)(last - x->dir) : 1,
             slash ? x->dir : ".");
    const int there = lstat(x->dir, &s) == 0;
    if (strcmp(last, ".") == 0 || strcmp(last, "..") == 0 || !*last ||
        (there && !S_ISDIR(s.st_mode)))
        return kc_fail(e, KC_EINPUT, "%s: is no folder's own name; name a new or an empty folder",
                       x->dir);
    const int full = kc_folder_full(x->dir);
    if (full < 0)
        return kc_fail(e, KC_EIO, "%s: cannot be read: %s", x->dir, strerror(errno));
    if (full)
        return kc_fail(e, KC_EINPUT, "%s: not empty; name a new or an empty folder", x->dir);
    return KC_OK;
}

/* The folder that is written belongs to this export alone: one that is there may be another's. */
static int make_partial(const export *x, kc_error *e)
{
    KC_TRY(kc_folders_create(x->above, e));
    if (mkdir(x->partial, 0777) == 0)
        return KC_OK;
    if (errno != EEXIST)
        return kc_fail(e, KC_EIO, "%s: cannot be made: %s", x->partial, strerror(errno));
    kc_fail(e, KC_EINPUT,
            "%s: is there already; wait if another export is writing it, delete it if a killed "
            "one left it, else name another folder",
            x->partial);
out:
    return e->code;
}

/* Only after make_partial has made it. */
static void take_back(const export *x)
{
    char path[PATH_MOST + 2 * NAME_MOST];
    for (int i = 0; i < FILES; ++i) {
        path_of(x, i, path);
        unlink(path);
    }
    rmdir(x->partial);
}

static void give(void *context, int64_t index, int64_t at, int64_t n, float *values)
{
    const export *x = context;
    kc_hf_take(&x->pieces[index], x->state->params, at, n, values);
}

static int write_model(export *x, kc_error *e)
{
    char path[PATH_MOST + 2 * NAME_MOST];
    kc_st_tensor *tensors = calloc((size_t)x->n_pieces + 1, sizeof *tensors);
    cJSON *texts =
        kc_hf_meta(x->head, x->session->stamp.kcap_version, x->state, &x->session->files);
    KC_CHECK(tensors, "out of memory for %lld tensors", (long long)x->n_pieces);
    for (int64_t i = 0; i < x->n_pieces; ++i) {
        tensors[i].name = x->pieces[i].name;
        tensors[i].n_dims = x->pieces[i].n_dims;
        memcpy(tensors[i].dims, x->pieces[i].dims, sizeof x->pieces[i].dims);
    }
    path_of(x, MODEL, path);
    kc_st_write(path, tensors, x->n_pieces, texts, give, x, e);
    cJSON_Delete(texts);
    free(tensors);
    return e->code;
}

/* Write an object as a file, and free it. */
static int write_json(const export *x, int file, cJSON *object, kc_error *e)
{
    char path[PATH_MOST + 2 * NAME_MOST];
    char *text = cJSON_Print(object);
    KC_CHECK(text, "out of memory");
    path_of(x, file, path);
    kc_file_write(path, text, e);
    cJSON_free(text);
    cJSON_Delete(object);
    return e->code;
}

static int write_files(export *x, kc_error *e)
{
    cJSON *words = NULL;
    KC_TRY(write_model(x, e));
    KC_TRY(write_json(x, CONFIG, kc_hf_config(x->class, &x->session->cfg, &x->shape), e));
    KC_TRY(kc_hf_vocab(x->session->corpus, &words, e));
    write_json(x, VOCAB, words, e);
    words = NULL;
    KC_TRY(e->code);
    KC_TRY(kc_file_sync(x->partial, e));
    KC_TRY(kc_file_rename(x->partial, x->dir, e));
out:
    cJSON_Delete(words);
    return e->code;
}

static int write_folder(export *x, kc_error *e)
{
    KC_TRY(make_partial(x, e));
    if (write_files(x, e) != KC_OK)
        take_back(x);
    KC_TRY(e->code);
    KC_TRY(kc_file_sync(x->above, e));
out:
    return e->code;
}

static void report_json(const export *x)
{
    cJSON *object = cJSON_CreateObject();
    kc_json_text(object, "status", "exported");
    kc_json_text(object, "checkpoint", x->head->path);
    kc_json_text(object, "out", x->dir);
    kc_json_text(object, "class", kc_hf_class_name(x->class));
    kc_json_text(object, "model_type", kc_hf_model_type(x->class));
    kc_json_number(object, "n_tensors", (double)x->n_pieces);
    kc_json_number(object, "n_params", (double)x->state->layout->n_params);
    kc_json_number(object, "step", (double)x->state->step);
    kc_json_number(object, "tokens", (double)x->state->tokens);
    kc_json_put(stdout, object);
}

static void report(const export *x)
{
    char lacks[256];
    printf("%s: %s, step %lld -> %s: %lld tensors, %lld parameters\n", x->head->path,
           kc_hf_class_name(x->class), (long long)x->state->step, x->dir, (long long)x->n_pieces,
           (long long)x->state->layout->n_params);
    for (int c = 0; x->class == KC_HF_PLAIN && c < KC_HF_PLAIN; ++c)
        if (!kc_hf_serves((kc_hf_class)c, &x->session->cfg, &x->shape, lacks, sizeof lacks))
            printf("  %s does not have this architecture; it has %s\n",
                   kc_hf_class_name((kc_hf_class)c), lacks);
}

static int work(kc_session *s, kc_error *e)
{
    kc_head head = {0};
    kc_layout layout = {0};
    kc_state state = {.layout = &layout};
    export x = {.session = s, .head = &head, .state = &state};
    if (s->grid.rank == 0)
        claim(&x, s->options->second, e);
    KC_TRY(kc_agree(&s->grid, e));
    KC_TRY(kc_checkpoint_find(&s->grid, s->options->input, &head, e));
    if (!head.path[0])
        kc_fail(e, KC_EINPUT, "%s: no checkpoint there", s->options->input);
    KC_TRY(e->code);
    kc_config_parse(head.config, strlen(head.config), head.path, NULL, 0, &s->cfg, e);
    KC_TRY(kc_agree(&s->grid, e));
    KC_TRY(kc_session_corpus(s, &head.files, e));
    x.shape = kc_shape_of(&s->cfg, kc_corpus_about(s->corpus)->n_vocab);
    kc_layout_of(&x.shape, &layout);
    kc_session_stamp(s, &layout, head.run_id);
    KC_TRY(kc_weights_read(s, &head, &state, e));
    x.class = kc_hf_choose(&s->cfg, &x.shape);
    x.n_pieces = kc_hf_pieces(x.class, &x.shape, &layout, INT64_MAX, &x.pieces);
    if (s->grid.rank == 0 && write_folder(&x, e) == KC_OK)
        s->options->json ? report_json(&x) : report(&x);
    KC_TRY(kc_agree(&s->grid, e));
out:
    free(x.pieces);
    kc_weights_free(&state);
    kc_head_free(&head);
    return e->code;
}

static int run(kc_grid *g, const void *given, kc_error *e)
{
    kc_session s = {.options = given, .grid = *g};
    work(&s, e);
    kc_session_end(&s);
    return e->code;
}

static const kc_option list[] = {{KC_OPTION("RUN|CHECKPOINT.h5", KC_WORD, input)},
                                 {KC_OPTION("DIR", KC_WORD, second)},
                                 {KC_OPTION_JSON}};

const kc_verb kc_verb_export = {.name = "export",
                                .summary = "a checkpoint's model as transformers read it",
                                .about = "Write a checkpoint's model into the new folder DIR as "
                                         "Hugging Face's transformers read it.",
                                KC_OPTIONS(list),
                                .bytes = sizeof(options),
                                .run = run};
