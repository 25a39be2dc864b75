/* SPDX-License-Identifier: BSD-3-Clause */
#include "record/manifest.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kcap/base/memory.h"
#include "kcap/base/text.h"
#include "kcap/io/file.h"

enum { CHUNK = 1 << 24, TEXT = 1024 };

/* One text both ways: what printf writes, sscanf must read back to the same text. */
#define FORM                                                                                       \
    "kcap_checkpoint: 1\nfile: %s\nrun_id: %s\nstep: %" PRId64 "\nbytes: %" PRId64                 \
    "\nchunk_bytes: %" PRId64 "\nxxh3_64: %016" PRIx64 "\n"
#define SCAN                                                                                       \
    "kcap_checkpoint: 1\nfile: %63[^\n]\nrun_id: %39s\nstep: %" SCNd64 "\nbytes: %" SCNd64         \
    "\nchunk_bytes: %" SCNd64 "\nxxh3_64: %" SCNx64 "\n"

static void print(const kc_manifest *m, char *text)
{
    snprintf(text, TEXT, FORM, m->file, m->run_id, m->step, m->bytes, m->chunk_bytes, m->hash);
}

void kc_manifest_path(const char *h5, char *path, size_t size)
{
    size_t stem = strlen(h5) - (sizeof ".h5" - 1);
    snprintf(path, size, "%.*s.manifest", (int)stem, h5);
}

int kc_manifest_write(const char *path, const kc_manifest *m, kc_error *e)
{
    char text[TEXT];
    KC_CHECK(m->run_id[0] && !strpbrk(m->run_id, " \t\n"), "run_id '%s'", m->run_id);
    print(m, text);
    return kc_file_write(path, text, e);
}

int kc_manifest_read(const char *path, kc_manifest *m, kc_error *e)
{
    char text[TEXT], again[TEXT];
    *m = (kc_manifest){.step = 0};
    if (kc_file_size(path) < 0)
        return kc_fail(e, KC_EINPUT,
                       "%s: missing, so the file beside it is no checkpoint; a "
                       "checkpoint is copied with its manifest",
                       path);
    KC_TRY(kc_file_read(path, text, sizeof text, e));
    int n = sscanf(text, SCAN, m->file, m->run_id, &m->step, &m->bytes, &m->chunk_bytes, &m->hash);
    print(m, again);
    if (n != 6 || strcmp(text, again) != 0 || m->bytes < 1 || m->chunk_bytes < 1 ||
        m->chunk_bytes > (int64_t)1 << 30)
        kc_fail(e, KC_EINPUT, "%s: not a manifest that kcap writes", path);
out:
    return e->code;
}

/* The hash of m->bytes bytes of the file in chunks of m->chunk_bytes. */
static int hash_file(const kc_grid *g, const char *h5, const kc_manifest *m, uint64_t *hash,
                     kc_error *e)
{
    int64_t n = (m->bytes - 1) / m->chunk_bytes + 1, share = (n - 1) / g->size + 1;
    uint64_t *mine = kc_alloc(share, sizeof *mine, "hashes");
    uint64_t *all = kc_alloc(share * g->size, sizeof *all, "hashes");
    uint64_t *in_order = kc_alloc(n, sizeof *in_order, "hashes");
    kc_file_hash(h5, m->bytes, m->chunk_bytes, g->rank, g->size, mine, e);
    kc_allgather(g, mine, all, (size_t)share * sizeof *mine);
    for (int64_t i = 0; i < n; ++i)
        in_order[i] = all[i % g->size * share + i / g->size];
    *hash = kc_hash_combine(in_order, n);
    free(mine);
    free(all);
    free(in_order);
    return kc_agree(g, e);
}

int kc_manifest_hash(const kc_grid *g, const char *h5, kc_manifest *m, kc_error *e)
{
    m->bytes = kc_file_size(h5);
    m->chunk_bytes = CHUNK;
    kc_bcast(g, &m->bytes, sizeof m->bytes);
    if (m->bytes < 1)
        return kc_fail(e, KC_EIO, "%s: empty or gone after it was written", h5);
    return hash_file(g, h5, m, &m->hash, e);
}

static void check_first(const char *h5, kc_manifest *m, kc_error *e)
{
    char path[KC_PATH_MAX];
    const char *name = strrchr(h5, '/');
    name = name ? name + 1 : h5;
    kc_manifest_path(h5, path, sizeof path);
    if (kc_manifest_read(path, m, e) != KC_OK)
        return;
    int64_t bytes = kc_file_size(h5);
    if (strcmp(m->file, name) != 0)
        kc_fail(e, KC_EINPUT,
                "%s: belongs to %s, not to %s; give both files the names they had, "
                "or write the new one into the manifest's line `file:`",
                path, m->file, name);
    else if (bytes < 0)
        kc_fail(e, KC_EINPUT, "%s: missing, though its manifest is there", h5);
    else if (bytes != m->bytes)
        kc_fail(e, KC_EINPUT, "%s: damaged: its manifest says %lld bytes, it has %lld", h5,
                (long long)m->bytes, (long long)bytes);
}

int kc_manifest_verify(const kc_grid *g, const char *h5, kc_manifest *m, kc_error *e)
{
    uint64_t hash = 0;
    if (g->rank == 0)
        check_first(h5, m, e);
    KC_TRY(kc_agree(g, e));
    kc_bcast(g, m, sizeof *m);
    KC_TRY(hash_file(g, h5, m, &hash, e));
    if (hash != m->hash)
        kc_fail(e, KC_EINPUT,
                "%s: damaged: its manifest says XXH3 %016" PRIx64 ", its bytes give %016" PRIx64,
                h5, m->hash, hash);
out:
    return e->code;
}
