/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/run/input.h"

#include <stdlib.h>

#include "kcap/base/alike.h"
#include "kcap/base/memory.h"
#include "kcap/base/plain.h"
#include "kcap/run/progress.h"

enum { INPUT_MOST = 1 << 20 };

int kc_input_text(const kc_grid *g, const char *path, char **text, size_t *bytes, kc_error *e)
{
    int64_t n = 0;
    *text = NULL;
    if (path)
        KC_TRY_ROOT(g, kc_plain_read(path, INPUT_MOST, text, &n, e));
    kc_bcast(g, &n, sizeof n);
    *bytes = (size_t)n;
    if (!*text)
        *text = kc_alloc(n + 1, 1, "bytes of text");
    kc_bcast(g, *text, *bytes);
out:
    return e->code;
}

/* `text` is a file's where `is_file`. One without a key is a slip, not a wish for the defaults. */
static int parse(const char *text, size_t bytes, int is_file, kc_origin *from, kc_config *cfg,
                 kc_error *e)
{
    KC_TRY(kc_config_read(text, bytes, from, cfg, e));
    if (is_file && !from->n_keys)
        return kc_fail(e, KC_EINPUT,
                       "%s: holds no key; an input file has one at least, and `kcap config "
                       "--defaults` prints them all",
                       from->path);
    KC_TRY(kc_corpus_check(cfg, from, e));
out:
    return e->code;
}

int kc_input_config(const kc_grid *g, const char *path, const char *const *sets, int n_sets,
                    kc_config *cfg, kc_error *e)
{
    kc_origin from = {.path = path ? path : "defaults", .sets = sets, .n_sets = n_sets};
    size_t bytes = 0;
    char *text = NULL;
    KC_TRY(kc_input_text(g, path, &text, &bytes, e));
    KC_TRY_ALL(g, parse(text, bytes, path != NULL, &from, cfg, e));
out:
    free(text);
    return e->code;
}

/* Rank 0's, where a person looks on. */
static kc_teller teller_of(const kc_grid *g)
{
    return kc_teller_start(g->rank == 0 && kc_progress_is_live(stderr) ? stderr : NULL);
}

static void warn_of_files(const kc_files *files)
{
    if (files->twins)
        fprintf(stderr, "kcap: warning: %s is the first of " KC_TWINS ": %lld\n", files->twin,
                (long long)files->twins);
}

static void warn_of_tables(const kc_config *cfg, const kc_corpus *corpus)
{
    for (int i = 0; i < cfg->parts; ++i) {
        const char *warning = kc_corpus_about(kc_corpus_part(corpus, i))->table.warning;
        if (warning[0])
            fprintf(stderr, "kcap: warning: %s: %s\n", kc_config_of_part(cfg, i).corpus.file,
                    warning);
    }
}

int kc_input_files(const kc_grid *g, const kc_config *cfg, kc_files *files, kc_error *e)
{
    kc_teller teller = teller_of(g);
    KC_TRY_ROOT(g, kc_files_read(cfg, &teller, files, e));
    char *text = files->text;
    kc_bcast(g, files, sizeof *files);
    files->text = text ? text : malloc((size_t)files->bytes);
    KC_ROOM(files->text || !files->bytes, "out of memory for %lld bytes of pools",
            (long long)files->bytes);
    kc_bcast(g, files->text, (size_t)files->bytes);
    files->teller = &teller;
    files->readers = g;
    if (cfg->vocab.kind == KC_vocab_kind_bpe)
        KC_TRY_ALL(g, kc_files_learn(cfg, files, e));
out:
    files->teller = NULL;
    files->readers = NULL;
    return e->code;
}

int kc_input_corpus(const kc_grid *g, const kc_config *cfg, kc_files *files, kc_corpus **corpus,
                    kc_error *e)
{
    kc_teller teller = teller_of(g);
    files->teller = &teller;
    files->readers = g;
    kc_corpus_create(cfg, files, corpus, e);
    files->teller = NULL;
    files->readers = NULL;
    if (kc_agree(g, e) == KC_OK) {
        if (g->rank == 0) {
            warn_of_files(files);
            warn_of_tables(cfg, *corpus);
        }
        free(files->words);
        files->words = kc_corpus_words(*corpus);
    } else {
        kc_corpus_destroy(*corpus);
        *corpus = NULL;
    }
    return e->code;
}

int kc_input_read(const kc_grid *g, const char *path, const char *const *sets, int n_sets,
                  kc_input *in, kc_error *e)
{
    *in = (kc_input){.corpus = NULL};
    KC_TRY(kc_input_config(g, path, sets, n_sets, &in->cfg, e));
    KC_TRY(kc_input_files(g, &in->cfg, &in->files, e));
    KC_TRY(kc_input_corpus(g, &in->cfg, &in->files, &in->corpus, e));
out:
    return e->code;
}

void kc_input_free(kc_input *in)
{
    kc_corpus_destroy(in->corpus);
    kc_files_free(&in->files);
}
