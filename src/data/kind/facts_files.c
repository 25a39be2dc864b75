/* SPDX-License-Identifier: BSD-3-Clause */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "data/kind/facts.h"
#include "kcap/base/memory.h"
#include "kcap/base/open.h"
#include "kcap/base/plain.h"
#include "kcap/io/file.h"

/* A table of so many bytes is held in checkpoints, a larger one by its hash. */
enum { HELD_MOST = 1 << 24, CHUNK = 1 << 20 };
static const char reference_name[] = "facts/reference", standard_input[] = "-";
static const char *const table_names[] = {"facts/table", "facts/table.csv", "facts/table.tsv",
                                          "facts/table.tab"};
static const char reference_form[] = "path: %s\nbytes: %" PRId64 "\nxxh3_64: %016" PRIx64 "\n";

/* What a large table is told by. */
typedef struct reference {
    char path[KC_PATH_MAX];
    int64_t bytes;
    uint64_t hash;
} reference;

static int64_t bytes_of(const char *path)
{
    struct stat s;

    return stat(path, &s) == 0 && S_ISREG(s.st_mode) ? (int64_t)s.st_size : -1;
}

static int hash_of(const char *path, int64_t bytes, uint64_t *hash, kc_error *e)
{
    const int64_t n = (bytes + CHUNK - 1) / CHUNK;
    uint64_t *hashes = kc_alloc(n, sizeof *hashes, "hashes");

    if (kc_file_hash(path, bytes, CHUNK, 0, 1, hashes, e) == KC_OK)
        *hash = kc_hash_combine(hashes, n);
    free(hashes);
    return e->code;
}

static int add_reference(const char *path, int64_t bytes, kc_files *files, kc_error *e)
{
    char text[KC_PATH_MAX + 100];
    uint64_t hash = 0;

    KC_TRY(hash_of(path, bytes, &hash, e));
    const int n = snprintf(text, sizeof text, reference_form, path, bytes, hash);
    KC_TRY(kc_files_add(files, reference_name, path, text, n, e));
out:
    return e->code;
}

/* What a held table is called: its path's ending says what parts its columns. */
static const char *name_for(const char *path)
{
    const size_t n = strlen(path);

    for (size_t i = 1; i < sizeof table_names / sizeof *table_names; i++)
        if (n > 4 && strcmp(path + n - 4, strrchr(table_names[i], '.')) == 0)
            return table_names[i];
    return table_names[0];
}

/* Hold what standard input brings, whatever its size. */
static int add_input(kc_files *files, kc_error *e)
{
    char *text = NULL;
    int64_t room = 0, bytes = 0;

    for (size_t got = CHUNK; got == CHUNK; bytes += (int64_t)got) {
        text = kc_grow(text, &room, bytes + CHUNK, 1);
        got = fread(text + bytes, 1, CHUNK, stdin);
    }
    if (ferror(stdin))
        kc_fail(e, KC_EINPUT, "standard input: cannot be read: %s", strerror(errno));
    else
        kc_files_add(files, table_names[0], "standard input", text, bytes, e);
    free(text);
    return e->code;
}

static int is_text(const struct dirent *entry)
{
    const size_t n = strlen(entry->d_name);

    return n > 4 && n < 36 && strcmp(entry->d_name + n - 4, ".txt") == 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* One file of sentences. */
static int add_sentence_file(const char *folder, const char *file, kc_files *files, kc_error *e)
{
    char path[KC_PATH_MAX + 300], name[64], *text = NULL;
    int64_t bytes = 0;

    snprintf(path, sizeof path, "%s/%s", folder, file);
    snprintf(name, sizeof name, "templates/%.40s", file);
    KC_TRY(kc_plain_read(path, HELD_MOST, &text, &bytes, e));
    bytes = kc_plain_blanks(text);
    KC_TRY(kc_files_add(files, name, path, text, bytes, e));
out:
    free(text);
    return e->code;
}

/* All that a folder has. */
static int add_sentences(const char *folder, kc_files *files, kc_error *e)
{
    struct dirent **entries = NULL;
    const int n = scandir(folder, &entries, is_text, by_name);

    if (n < 0)
        kc_fail(e, KC_EINPUT, "corpus.templates: %s: %s", folder, strerror(errno));
    else if (n == 0)
        kc_fail(e, KC_EINPUT, "corpus.templates: %s: no file ATTRIBUTE.txt in it", folder);
    for (int i = 0; i < n; i++) {
        if (e->code == KC_OK)
            add_sentence_file(folder, entries[i]->d_name, files, e);
        free(entries[i]);
    }
    free(entries);
    return e->code;
}

int kc_facts_load(const kc_corpus_keys *keys, kc_files *files, kc_error *e)
{
    const char *path = keys->file;
    const int64_t size = bytes_of(path);
    char *text = NULL;
    int64_t bytes = 0;

    if (keys->templates[0])
        KC_TRY(add_sentences(keys->templates, files, e));
    if (strcmp(path, standard_input) == 0)
        return add_input(files, e);
    if (size > HELD_MOST)
        return add_reference(path, size, files, e);
    KC_TRY(kc_plain_read(path, HELD_MOST, &text, &bytes, e));
    KC_TRY(kc_files_add(files, name_for(path), path, text, bytes, e));
out:
    free(text);
    return e->code;
}

static int read_reference(const kc_files *files, reference *r, kc_error *e)
{
    int64_t bytes = 0;
    const char *text = kc_files_find(files, reference_name, &bytes);

    _Static_assert(KC_PATH_MAX == 1024, "the width below is that of a path");
    if (!text || sscanf(text, "path: %1023[^\n]\nbytes: %" SCNd64 "\nxxh3_64: %" SCNx64, r->path,
                        &r->bytes, &r->hash) != 3)
        return kc_fail(e, KC_EINPUT,
                       "%s: neither a table of facts nor what it is told by is among the files",
                       reference_name);
    return KC_OK;
}

/* Where these files hold a table, or -1. */
static int held_at(const kc_files *files)
{
    for (int i = 0; i < files->n; i++)
        for (size_t k = 0; k < sizeof table_names / sizeof *table_names; k++)
            if (strcmp(files->file[i].name, table_names[k]) == 0)
                return i;
    return -1;
}

/* Do both hold the same table, or tell of the same? */
static int are_same(const kc_files *a, const kc_files *b, kc_error *e)
{
    const int i = held_at(a), k = held_at(b);
    reference x, y;

    if (i >= 0 && k >= 0)
        return a->file[i].bytes == b->file[k].bytes &&
               memcmp(a->text + a->file[i].begin, b->text + b->file[k].begin,
                      (size_t)a->file[i].bytes) == 0;
    return i < 0 && k < 0 && read_reference(a, &x, e) == KC_OK &&
           read_reference(b, &y, e) == KC_OK && x.bytes == y.bytes && x.hash == y.hash;
}

int kc_facts_same(const kc_corpus_keys *keys, const kc_files *files, kc_error *e)
{
    kc_files now = {0};

    if (bytes_of(keys->file) < 0)
        return KC_OK;
    KC_TRY(kc_facts_load(keys, &now, e));
    if (!are_same(&now, files, e))
        kc_fail(
            e, KC_EINPUT,
            "corpus.file: %s: another table than that of the checkpoint; go on with that one, or "
            "begin a new run",
            keys->file);
out:
    kc_files_free(&now);
    return e->code;
}

/* The first of the places that has a file, or NULL. */
static const char *place_of(const kc_corpus_keys *keys, const reference *r)
{
    const char *slash = strrchr(r->path, '/');
    const char *const places[] = {keys->file, r->path, slash ? slash + 1 : r->path};

    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (places[i][0] && bytes_of(places[i]) >= 0)
            return places[i];
    return NULL;
}

static int find_reference(const kc_corpus_keys *keys, const kc_files *files, char *path,
                          kc_error *e)
{
    reference r = {.bytes = 0};
    uint64_t hash = 0;

    KC_TRY(read_reference(files, &r, e));
    const char *at = place_of(keys, &r);
    if (!at)
        return kc_fail(e, KC_EINPUT,
                       "%s: no such file; a table of %" PRId64 " bytes is not held in checkpoints: "
                       "put it there or into the working directory, or set corpus.file",
                       r.path, r.bytes);
    if (bytes_of(at) == r.bytes)
        KC_TRY(hash_of(at, r.bytes, &hash, e));
    if (hash != r.hash || bytes_of(at) != r.bytes)
        return kc_fail(e, KC_EINPUT,
                       "%s: another table than that of the run, which has %" PRId64
                       " bytes of XXH3 %016" PRIx64 "; put that one there, or set corpus.file",
                       at, r.bytes, r.hash);
    snprintf(path, KC_PATH_MAX, "%s", at);
out:
    return e->code;
}

/* A held table as a file, and where it was; NULL: it is not held. */
static FILE *open_held(const kc_files *files, char *path)
{
    const int i = held_at(files);

    if (i < 0)
        return NULL;
    snprintf(path, KC_PATH_MAX, "%s", files->file[i].path);
    FILE *f = fmemopen(files->text + files->file[i].begin, (size_t)files->file[i].bytes, "r");
    KC_ROOM(f, "out of memory for %s", path);
    return f;
}

int kc_facts_table(const kc_corpus_keys *keys, const kc_files *files, kc_fact_table *table,
                   kc_error *e)
{
    char path[KC_PATH_MAX] = "";
    FILE *f = open_held(files, path);

    if (!f) {
        KC_TRY(find_reference(keys, files, path, e));
        f = kc_open_regular(path, e);
        KC_TRY(e->code);
    }
    kc_fact_table_read(path, f, keys->people, files->progress, table, e);
    fclose(f);
out:
    return e->code;
}
