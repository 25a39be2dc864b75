/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kcap/data/corpus.h"
#include "kcap/base/memory.h"
#include "kcap/base/plain.h"
#include "data/corpus_internal.h"
#include "data/learn.h"
#include "data/word/encoder.h"

enum { KC_FOLDERS_MAX = 3, ENCODER_MOST = 1 << 26 };

/* Folders to look into, the first that has a file winning; `key` is set when the user named it. */
typedef struct kc_folders {
    int n;
    const char *key;
    char folder[KC_FOLDERS_MAX][KC_TEXT_MAX];
} kc_folders;

static void folders_add(kc_folders *f, const char *root, const char *kind)
{
    int length = snprintf(f->folder[f->n], KC_TEXT_MAX, "%s/%s", root, kind);

    f->n += length < KC_TEXT_MAX;
}

/* The folder that holds the running program, or an empty text where the system does not tell. */
static void program_folder(char *folder, size_t size)
{
    ssize_t length = readlink("/proc/self/exe", folder, size - 1);
    char *slash;

    folder[length > 0 ? length : 0] = 0;
    slash = strrchr(folder, '/');
    if (slash)
        *slash = 0;
}

static void folders_for(const kc_corpus_keys *keys, const char *kind, kc_folders *f)
{
    int pools = !strcmp(kind, "pools");
    const char *named = pools ? keys->pools : keys->templates;
    const char *root = getenv("KCAP_INPUTS");
    char program[KC_TEXT_MAX - 64], beside[KC_TEXT_MAX];

    f->n = 0;
    f->key = NULL;
    if (named[0]) {
        f->key = pools ? "corpus.pools" : "corpus.templates";
        snprintf(f->folder[f->n++], KC_TEXT_MAX, "%s", named);
        return;
    }
    if (root && root[0]) { /* alone: a slip in its name is no reason for other lists */
        folders_add(f, root, kind);
        return;
    }
    program_folder(program, sizeof program);
    snprintf(beside, sizeof beside, "%s/" KCAP_INSTALLED_INPUTS, program);
    folders_add(f, beside, kind);
    folders_add(f, KCAP_SOURCE_INPUTS, kind);
}

static int no_file(const kc_folders *f, const char *file, kc_error *e)
{
    char tried[KC_FOLDERS_MAX * (KC_TEXT_MAX + 2)] = "";

    if (f->key)
        return kc_fail(e, KC_EINPUT, "%s/%s: %s; %s names a folder that must hold this file",
                       f->folder[0], file, strerror(ENOENT), f->key);
    for (int i = 0; i < f->n; i++) {
        strcat(tried, i ? ", " : "");
        strcat(tried, f->folder[i]);
    }
    return kc_fail(e, KC_EINPUT,
                   "%s: not found in %.900s; set KCAP_INPUTS to the folder that holds pools and "
                   "templates",
                   file, tried);
}

/* Read `file` from the first folder that has it; path says where. The folder that had the first file
 * must have them all: lists of two origins are never mixed. */
static int file_read(kc_folders *f, const char *file, char *path, size_t size, char **text,
                     int64_t *bytes, kc_error *e)
{
    for (int i = 0; i < f->n; i++) {
        int length = snprintf(path, size, "%s/%s", f->folder[i], file);

        if (length >= (int)size)
            return kc_fail(e, KC_EINPUT, "%s/%s: a path of %d bytes, at most %zu are possible",
                           f->folder[i], file, length, size - 1);
        if (access(path, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR))
            continue;
        memmove(f->folder[0], f->folder[i], KC_TEXT_MAX);
        f->n = 1;
        return kc_plain_read(path, KC_FILE_BYTES_MAX, text, bytes, e);
    }
    return no_file(f, file, e);
}

static int file_load(kc_folders *f, const char *name, kc_files *files, kc_error *e)
{
    char path[sizeof files->file[0].path], *text = NULL;
    int64_t bytes = 0;

    KC_TRY(file_read(f, strchr(name, '/') + 1, path, sizeof path, &text, &bytes, e));
    if (strncmp(name, "pools/", 6) == 0)
        kc_files_doubt(path, text, files);
    bytes = kc_plain_blanks(text);
    KC_TRY(kc_files_add(files, name, path, text, bytes, e));
out:
    free(text);
    return e->code;
}

/* Is a tokenizer's encoder.json that of its merges? */
static int encoder_check(const kc_config *cfg, const char *merges, kc_error *e)
{
    kc_bpe bpe = {.n = 0};
    char *text = NULL;
    int64_t bytes;

    KC_TRY(kc_bpe_read(cfg->vocab.merges, merges, &bpe, e));
    KC_TRY(kc_plain_read_json(cfg->vocab.encoder, ENCODER_MOST, &text, &bytes, e));
    KC_TRY(kc_encoder_check(cfg->vocab.encoder, text, cfg->vocab.merges, &bpe, e));
out:
    free(text);
    kc_bpe_free(&bpe);
    return e->code;
}

/* The user's merges, and the tokens of a model. */
static int merges_read(const kc_config *cfg, kc_files *files, kc_error *e)
{
    char *text = NULL, *tokens = NULL;
    int64_t bytes = 0;

    KC_TRY(kc_plain_read(cfg->vocab.merges, KC_FILE_BYTES_MAX, &text, &bytes, e));
    if (cfg->vocab.encoder[0])
        KC_TRY(encoder_check(cfg, text, e));
    KC_TRY(kc_files_add(files, KC_MERGES, cfg->vocab.merges, text, bytes, e));
    if (cfg->vocab.tokens[0]) {
        KC_TRY(kc_plain_read(cfg->vocab.tokens, KC_FILE_BYTES_MAX, &tokens, &bytes, e));
        KC_TRY(kc_files_add(files, KC_TOKENS, cfg->vocab.tokens, tokens, bytes, e));
    }
out:
    free(text);
    free(tokens);
    return e->code;
}

int kc_files_learn(const kc_config *cfg, kc_files *files, kc_error *e)
{
    const int last = files->n - 1;
    char *text = NULL;
    int64_t bytes = 0;

    if (last >= 0 && strcmp(files->file[last].name, KC_MERGES) == 0) {
        files->bytes = files->file[last].begin;
        files->n = last;
    }
    KC_TRY(kc_learn_merges(cfg, files, &text, &bytes, e));
    KC_TRY(kc_files_add(files, KC_MERGES, "merges learnt of the corpus", text, bytes, e));
out:
    free(text);
    return e->code;
}

/* The files of one part, under their plain names. */
static int part_load(const kc_corpus_keys *keys, kc_files *files, kc_error *e)
{
    const kc_kind_ops *kind = kc_kind_of(keys->kind);
    kc_folders pools, templates;

    folders_for(keys, "pools", &pools);
    folders_for(keys, "templates", &templates);
    for (const kc_source *s = kc_kind_sources(keys); s->name; s++)
        KC_TRY(file_load(strncmp(s->name, "pools/", 6) ? &templates : &pools, s->name, files, e));
    if (kind->load)
        KC_TRY(kind->load(keys, files, e));
out:
    return e->code;
}

int kc_files_read(const kc_config *cfg, kc_teller *teller, kc_files *files, kc_error *e)
{
    const char *root = getenv("KCAP_INPUTS");
    kc_files *own = kc_alloc(1, sizeof *own, "files");

    *files = (kc_files){.teller = teller};
    if (root && kc_path_fault(root))
        kc_fail(e, KC_EINPUT, "KCAP_INPUTS=%.200s: %s", root, kc_path_fault(root));
    for (int part = 0; part < cfg->parts && e->code == KC_OK; part++) {
        const kc_config one = kc_config_of_part(cfg, part);

        if (part_load(&one.corpus, own, e) == KC_OK)
            kc_files_join(own, part, files, e);
        kc_files_free(own);
    }
    free(own);
    if (e->code == KC_OK && cfg->vocab.kind == KC_vocab_kind_gpt2)
        merges_read(cfg, files, e);
    if (e->code)
        kc_files_free(files);
    return e->code;
}

int kc_files_load(const kc_config *cfg, kc_teller *teller, kc_files *files, kc_error *e)
{
    KC_TRY(kc_files_read(cfg, teller, files, e));
    if (cfg->vocab.kind == KC_vocab_kind_bpe && kc_files_learn(cfg, files, e))
        kc_files_free(files);
out:
    return e->code;
}

int kc_files_check(const kc_config *cfg, const kc_files *files, kc_error *e)
{
    kc_files *own = kc_alloc(1, sizeof *own, "files");

    for (int part = 0; part < cfg->parts && e->code == KC_OK; part++) {
        const kc_config one = kc_config_of_part(cfg, part);
        const kc_kind_ops *kind = kc_kind_of(one.corpus.kind);

        kc_files_of_part(files, part, own);
        if (kind->same)
            kind->same(&one.corpus, own, e);
    }
    free(own);
    return e->code;
}

void kc_files_free(kc_files *files)
{
    free(files->text);
    free(files->words);
    memset(files, 0, sizeof *files);
}
