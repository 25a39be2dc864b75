/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/run/input.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kcap/base/open.h"

enum { INPUT_MOST = 1 << 20 };

static char *read_text(const char *path, size_t *bytes, kc_error *e)
{
    FILE *f = kc_open_regular(path, e);
    char *text = malloc(INPUT_MOST + 1);
    KC_CHECK(text, "out of memory");
    *bytes = f ? fread(text, 1, INPUT_MOST + 1, f) : 0;
    if (f && ferror(f))
        kc_fail(e, KC_EINPUT, "%s: cannot be read: %s", path, strerror(errno));
    else if (*bytes > INPUT_MOST)
        kc_fail(e, KC_EINPUT, "%s: larger than an input file may be (1 MiB)", path);
    if (f)
        fclose(f);
    return text;
}

int kc_input_text(const kc_grid *g, const char *path, char **text, size_t *bytes, kc_error *e)
{
    *text = NULL;
    *bytes = 0;
    if (path)
        KC_TRY_ROOT(g, *text = read_text(path, bytes, e));
    kc_bcast(g, bytes, sizeof *bytes);
    if (!*text)
        *text = malloc(*bytes + 1);
    KC_CHECK(*text, "out of memory");
    kc_bcast(g, *text, *bytes);
out:
    return e->code;
}

static int parse(const char *text, size_t bytes, kc_origin *from, kc_config *cfg, kc_error *e)
{
    KC_TRY(kc_config_read(text, bytes, from, cfg, e));
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
    KC_TRY_ALL(g, parse(text, bytes, &from, cfg, e));
out:
    free(text);
    return e->code;
}

int kc_input_files(const kc_grid *g, const kc_config *cfg, kc_files *files, kc_error *e)
{
    KC_TRY_ROOT(g, kc_files_load(cfg, files, e));
    char *text = files->text;
    kc_bcast(g, files, sizeof *files);
    files->text = text ? text : malloc((size_t)files->bytes);
    KC_CHECK(files->text, "out of memory for %lld bytes of pools", (long long)files->bytes);
    kc_bcast(g, files->text, (size_t)files->bytes);
out:
    return e->code;
}

int kc_input_corpus(const kc_grid *g, const kc_config *cfg, kc_files *files, kc_corpus **corpus,
                    kc_error *e)
{
    kc_corpus_create(cfg, files, corpus, e);
    if (kc_agree(g, e) == KC_OK) {
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
