/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "data/kind/facts.h"
#include "kcap/base/memory.h"
#include "kcap/base/open.h"
#include "kcap/base/plain.h"
#include "kcap/base/seen.h"
#include "kcap/io/file.h"

/* A table of so many bytes is held in checkpoints, a larger one by its hash. Every part of facts has
 * both files, so that it is not taken for one with another's: the table is empty where it is not held. */
enum { HELD_MOST = 1 << 24, CHUNK = 1 << 20 };
static const char table_name[] = "facts/table", reference_name[] = "facts/reference";
static const char standard_input[] = "-";
static const char reference_form[] =
    "path: %s\nbytes: %" PRId64 "\nxxh3_64: %016" PRIx64 "\nsentences: %d\n";

/* What a table is told by. */
typedef struct reference {
    char path[KC_PATH_MAX];
    int64_t bytes;
    uint64_t hash;
    int in_sentences;
} reference;

/* Of a file that was seen, and is that still behind the last byte. */
static int hash_of(const char *path, const kc_seen *was, uint64_t *hash, kc_error *e)
{
    const int64_t n = (was->bytes + CHUNK - 1) / CHUNK;
    uint64_t *hashes = kc_alloc(n, sizeof *hashes, "hashes");

    if (kc_file_hash(path, was->bytes, CHUNK, 0, 1, hashes, e) == KC_OK)
        *hash = kc_hash_combine(hashes, n);
    free(hashes);
    return e->code ? e->code : kc_seen_still(path, was, kc_see(path), e);
}

/* The texts that tell of a table; `text` is the table where it is held. */
static int add_table(const kc_corpus_keys *keys, const reference *r, const char *text,
                     int64_t bytes, kc_files *files, kc_error *e)
{
    char told[KC_PATH_MAX + 100], from[KC_PATH_MAX];
    const int n = snprintf(told, sizeof told, reference_form, r->path, r->bytes, r->hash,
                           keys->templates[0] != 0);

    snprintf(from, sizeof from, "%.500s %.500s", r->path, keys->templates);
    KC_TRY(kc_files_add(files, reference_name, from, told, n, e));
    KC_TRY(kc_files_add(files, table_name, r->path, text, bytes, e));
out:
    return e->code;
}

/* Hold what standard input brings, whatever its size. */
static int add_input(const kc_corpus_keys *keys, kc_files *files, kc_error *e)
{
    const reference r = {.path = "standard input"};
    char *text = NULL;
    int64_t room = 0, bytes = 0;

    for (size_t got = CHUNK; got == CHUNK; bytes += (int64_t)got) {
        text = kc_grow(text, &room, bytes + CHUNK, 1);
        got = fread(text + bytes, 1, CHUNK, stdin);
    }
    if (ferror(stdin))
        kc_fail(e, KC_EINPUT, "standard input: cannot be read: %s", strerror(errno));
    else if (bytes == 0)
        kc_fail(e, KC_EINPUT, "standard input: no facts in it");
    else
        add_table(keys, &r, text, bytes, files, e);
    free(text);
    return e->code;
}

int kc_facts_load(const kc_corpus_keys *keys, kc_files *files, kc_error *e)
{
    const kc_seen was = kc_see(keys->file);
    reference r = {.bytes = was.bytes};
    char *text = NULL;
    int64_t bytes = 0;

    snprintf(r.path, sizeof r.path, "%s", keys->file);
    if (keys->templates[0] && !kc_files_add_folder(files, keys->templates, "", "said", e) &&
        e->code == KC_OK)
        kc_fail(e, KC_EINPUT, "corpus.templates: %s: no file ATTRIBUTE.txt in it", keys->templates);
    KC_TRY(e->code);
    if (strcmp(r.path, standard_input) == 0)
        return add_input(keys, files, e);
    if (r.bytes <= HELD_MOST)
        KC_TRY(kc_plain_read(r.path, HELD_MOST, &text, &bytes, e));
    KC_TRY(hash_of(r.path, &was, &r.hash, e));
    KC_TRY(add_table(keys, &r, text ? text : "", bytes, files, e));
out:
    free(text);
    return e->code;
}

static int read_reference(const kc_files *files, reference *r, kc_error *e)
{
    int64_t bytes = 0;
    const char *text = kc_files_find(files, reference_name, &bytes);

    _Static_assert(KC_PATH_MAX == 1024, "the width below is that of a path");
    if (!text ||
        sscanf(text, "path: %1023[^\n]\nbytes: %" SCNd64 "\nxxh3_64: %" SCNx64 "\nsentences: %d",
               r->path, &r->bytes, &r->hash, &r->in_sentences) != 4)
        return kc_fail(e, KC_EINPUT, "%s: not among the files given", reference_name);
    return KC_OK;
}

int kc_facts_same(const kc_corpus_keys *keys, const kc_files *files, kc_error *e)
{
    const kc_seen was = kc_see(keys->file);
    reference r = {.bytes = 0};
    uint64_t hash = 0;

    if (was.bytes < 0)
        return KC_OK;
    KC_TRY(read_reference(files, &r, e));
    KC_TRY(hash_of(keys->file, &was, &hash, e));
    if (hash != r.hash || was.bytes != r.bytes)
        kc_fail(e, KC_EINPUT,
                "corpus.file: %s: another table than that of the checkpoint; go on with that one, "
                "or begin a new run",
                keys->file);
out:
    return e->code;
}

/* The first of the places that has a file, or NULL. */
static const char *place_of(const kc_corpus_keys *keys, const reference *r)
{
    const char *slash = strrchr(r->path, '/');
    const char *const places[] = {keys->file, r->path, slash ? slash + 1 : r->path};

    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (places[i][0] && kc_see(places[i]).bytes >= 0)
            return places[i];
    return NULL;
}

/* Where the table is that the reference tells of: into its path; and what was seen of it. */
static int find_table(const kc_corpus_keys *keys, reference *r, kc_seen *was, kc_error *e)
{
    const char *at = place_of(keys, r);
    uint64_t hash = 0;

    if (!at)
        return kc_fail(e, KC_EINPUT,
                       "%s: no such file; a table of %" PRId64 " bytes is not held in checkpoints: "
                       "put it there or into the working directory, or set corpus.file",
                       r->path, r->bytes);
    *was = kc_see(at);
    if (was->bytes == r->bytes)
        KC_TRY(hash_of(at, was, &hash, e));
    if (hash != r->hash || was->bytes != r->bytes)
        return kc_fail(e, KC_EINPUT,
                       "%s: another table than that of the run, which has %" PRId64
                       " bytes of XXH3 %016" PRIx64 "; put that one there, or set corpus.file",
                       at, r->bytes, r->hash);
    memmove(r->path, at, strlen(at) + 1);
out:
    return e->code;
}

/* The file where all ranks see the same, else NULL: other nodes may have other disks, and give the same one
 * other numbers.
 *   collective  on all ranks */
static FILE *open_together(const kc_grid *g, const char *path, int64_t *bytes)
{
    kc_error e = {0};
    FILE *f = kc_open_regular(path, &e);
    kc_seen mine = f ? kc_see_open(f) : (kc_seen){.bytes = -1}, first;

    mine.device = mine.inode = 0;
    first = mine;
    kc_bcast(g, &first, sizeof first);
    if (mine.bytes < 0 || memcmp(&mine, &first, sizeof mine) != 0)
        kc_fail(&e, KC_EINPUT, "%s: not rank 0's", path);
    *bytes = mine.bytes;
    if (kc_agree(g, &e) == KC_OK)
        return f;
    if (f)
        fclose(f);
    return NULL;
}

/* Where the file was not the one that was seen all the while, that is the error: what was found in it, if
 * anything, is of neither. */
static void check_read(const char *path, FILE *f, const kc_seen *was, kc_error *e)
{
    kc_error changed = {0};

    if (kc_seen_still(path, was, kc_see_open(f), &changed) != KC_OK)
        *e = changed;
}

static int read_file(const kc_corpus_keys *keys, const kc_files *files, const char *path,
                     const kc_seen *was, kc_fact_table *t, kc_error *e)
{
    FILE *f = kc_open_regular(path, e);

    if (f) {
        kc_fact_table_read(path, f, keys->people, files->teller, t, e);
        check_read(path, f, was, e);
        fclose(f);
    }
    return e->code;
}

static int read_held(const kc_corpus_keys *keys, const kc_files *files, const char *path,
                     const char *text, int64_t bytes, kc_fact_table *t, kc_error *e)
{
    FILE *f = fmemopen((void *)text, (size_t)bytes, "r");

    KC_ROOM(f, "out of memory for %s", path);
    kc_fact_table_read(path, f, keys->people, files->teller, t, e);
    fclose(f);
    return e->code;
}

/* By all ranks where they can.
 *   collective  on all ranks */
static int read_together(const kc_grid *g, const kc_corpus_keys *keys, const kc_files *files,
                         reference *r, kc_fact_table *t, kc_error *e)
{
    FILE *f;
    int64_t bytes;
    kc_seen was = {.bytes = -1};

    KC_TRY_ROOT(g, find_table(keys, r, &was, e));
    kc_bcast(g, r, sizeof *r);
    f = open_together(g, r->path, &bytes);
    if (!f)
        KC_TRY_ROOT(g, read_file(keys, files, r->path, &was, t, e));
    else {
        kc_fact_table_read_together(g, r->path, f, bytes, keys->people, files->teller, t, e);
        if (g->rank == 0)
            check_read(r->path, f, &was, e);
        fclose(f);
        KC_TRY(kc_agree(g, e));
    }
out:
    return e->code;
}

int kc_facts_table(const kc_corpus_keys *keys, const kc_files *files, kc_facts *facts, kc_error *e)
{
    const kc_grid *g = files->readers;
    kc_fact_table *t = &facts->table;
    reference r = {.bytes = 0};
    kc_seen was = {.bytes = -1};
    int64_t bytes = 0;
    const char *text = kc_files_find(files, table_name, &bytes);

    KC_TRY(read_reference(files, &r, e));
    facts->in_sentences = r.in_sentences;
    if (text && bytes && g)
        KC_TRY_ROOT(g, read_held(keys, files, r.path, text, bytes, t, e));
    else if (text && bytes)
        KC_TRY(read_held(keys, files, r.path, text, bytes, t, e));
    else if (g && g->size > 1)
        KC_TRY(read_together(g, keys, files, &r, t, e));
    else {
        KC_TRY(find_table(keys, &r, &was, e));
        KC_TRY(read_file(keys, files, r.path, &was, t, e));
    }
out:
    return e->code;
}
