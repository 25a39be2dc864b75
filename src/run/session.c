/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/run/session.h"

#include <errno.h>
#include <omp.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kcap/base/clock.h"
#include "kcap/io/h5.h"
#include "kcap/math/gemm.h"
#include "version.h"

enum { INPUT_MOST = 1 << 20 };

static char *read_text(const char *path, size_t *bytes, kc_error *e)
{
    FILE *f = fopen(path, "rb");
    char *text = malloc(INPUT_MOST + 1);
    KC_CHECK(text, "out of memory");
    *bytes = f ? fread(text, 1, INPUT_MOST + 1, f) : 0;
    if (!f || ferror(f))
        kc_fail(e, KC_EINPUT, "%s: cannot be read: %s", path, strerror(errno));
    else if (*bytes > INPUT_MOST)
        kc_fail(e, KC_EINPUT, "%s: larger than an input file may be (1 MiB)", path);
    if (f)
        fclose(f);
    return text;
}

int kc_session_text(kc_session *s, const char *path, char **text, size_t *bytes, kc_error *e)
{
    *text = NULL;
    *bytes = 0;
    if (s->grid.rank == 0 && path)
        *text = read_text(path, bytes, e);
    KC_TRY(kc_agree(&s->grid, e));
    kc_bcast(&s->grid, bytes, sizeof *bytes);
    if (!*text)
        *text = malloc(*bytes + 1);
    KC_CHECK(*text, "out of memory");
    kc_bcast(&s->grid, *text, *bytes);
out:
    return e->code;
}

int kc_session_config(kc_session *s, kc_error *e)
{
    const kc_options *o = s->options;
    size_t bytes = 0;
    char *text = NULL;
    KC_TRY(kc_session_text(s, o->input, &text, &bytes, e));
    kc_config_parse(text, bytes, o->input ? o->input : "defaults", o->sets, o->n_sets, &s->cfg, e);
    KC_TRY(kc_agree(&s->grid, e));
out:
    free(text);
    return e->code;
}

static void share_files(const kc_grid *g, kc_files *files)
{
    char *text = files->text;
    kc_bcast(g, files, sizeof *files);
    files->text = text ? text : malloc((size_t)files->bytes);
    KC_CHECK(files->text, "out of memory for %lld bytes of pools", (long long)files->bytes);
    kc_bcast(g, files->text, (size_t)files->bytes);
}

int kc_session_corpus(kc_session *s, kc_files *files, kc_error *e)
{
    if (files) {
        s->files = *files;
        *files = (kc_files){0};
    } else {
        if (s->grid.rank == 0)
            kc_files_load(&s->cfg, &s->files, e);
        KC_TRY(kc_agree(&s->grid, e));
        share_files(&s->grid, &s->files);
    }
    kc_corpus_create(&s->cfg, &s->files, &s->corpus, e);
    KC_TRY(kc_agree(&s->grid, e));
    s->files.words = kc_corpus_words(s->corpus);
out:
    return e->code;
}

/* Cores this process may run on. */
static int cores_allowed(void)
{
    cpu_set_t mask;
    if (sched_getaffinity(0, sizeof mask, &mask) != 0)
        return (int)sysconf(_SC_NPROCESSORS_ONLN);
    return CPU_COUNT(&mask);
}

/* 0 is the node's cores over its ranks, at most those allowed; OMP_NUM_THREADS wins over 0. */
static int choose_threads(const kc_session *s)
{
    const int allowed = cores_allowed();
    const char *wish = getenv("OMP_NUM_THREADS");
    if (s->cfg.parallel.threads > 0)
        return (int)s->cfg.parallel.threads;
    if (wish && atoi(wish) > 0)
        return atoi(wish);
    const int share = (int)sysconf(_SC_NPROCESSORS_ONLN) / s->grid.node_ranks;
    const int threads = share < allowed ? share : allowed;
    return threads > 1 ? threads : 1;
}

/* Cores and threads of one rank. */
typedef struct placement {
    int cores, threads;
} placement;

/* The first rank that has fewer cores than threads, named on rank 0. */
static void warn_about_cores(const kc_session *s)
{
    placement mine = {cores_allowed(), s->threads},
              *all = malloc((size_t)s->grid.size * sizeof *all);
    KC_CHECK(all, "out of memory");
    kc_allgather(&s->grid, &mine, all, sizeof mine);
    int r = 0;
    while (r < s->grid.size && all[r].threads <= all[r].cores)
        ++r;
    if (r < s->grid.size && s->grid.rank == 0)
        fprintf(
            stderr,
            "kcap: warning: rank %d has %d cores for %d threads and will be slow; bind wider "
            "(mpirun --map-by slot:PE=%d --bind-to core, or --bind-to none) or use fewer threads "
            "(--set parallel.threads=%d)\n",
            r, all[r].cores, all[r].threads, all[r].threads, all[r].cores);
    free(all);
}

static void warn_about_launch(const kc_session *s)
{
    const char *tasks = getenv("SLURM_NTASKS");
    const long cores = sysconf(_SC_NPROCESSORS_ONLN), busy = (long)s->grid.node_ranks * s->threads;
    if (s->threads > 1 && busy > cores && !getenv("OMP_WAIT_POLICY"))
        fprintf(stderr,
                "kcap: warning: %d ranks of %d threads share the %ld cores of a node; threads "
                "that wait will take them from those that work: use fewer, or set "
                "OMP_WAIT_POLICY=passive\n",
                s->grid.node_ranks, s->threads, cores);
    if (s->grid.size == 1 && tasks && atoi(tasks) > 1 && getenv("SLURM_STEP_ID"))
        fprintf(stderr,
                "kcap: warning: Slurm started %s tasks but MPI sees one rank; use mpirun or srun "
                "--mpi=pmix\n",
                tasks);
}

/* A thread a core, where they are as many: beside a competing process threads that wander from core
 * to core spin on those that others work on, and a step can take a hundred times as long. Not where
 * other programs may choose the same cores of many, nor where lanes have threads inside: those
 * would start out on their lane's one core. */
static void pin_threads(kc_session *s)
{
    const int64_t lanes = s->cfg.train.lanes / s->grid.size;
    const cpu_set_t *mask = &s->cores;
    if (s->threads < 2 || s->threads != cores_allowed() || (lanes > 1 && lanes < s->threads) ||
        getenv("OMP_PROC_BIND") || getenv("OMP_PLACES") || getenv("GOMP_CPU_AFFINITY") ||
        sched_getaffinity(0, sizeof s->cores, &s->cores) != 0)
        return;
    s->pinned = s->threads;
#pragma omp parallel num_threads(s->threads)
    {
        cpu_set_t mine;
        int core = -1;
        for (int left = omp_get_thread_num() + 1; left > 0; left -= CPU_ISSET(core, mask) != 0)
            ++core;
        CPU_ZERO(&mine);
        CPU_SET(core, &mine);
        sched_setaffinity(0, sizeof mine, &mine);
    }
}

/* The next run of a farm on these threads counts the cores that it may use. */
static void release_threads(kc_session *s)
{
    if (s->pinned)
#pragma omp parallel num_threads(s->pinned)
        sched_setaffinity(0, sizeof s->cores, &s->cores);
    s->pinned = 0;
}

int kc_session_machine(kc_session *s, const char *kernel, kc_error *e)
{
    s->threads = choose_threads(s);
    if (!s->quiet)
        warn_about_cores(s);
    if (s->grid.rank == 0 && !s->quiet)
        warn_about_launch(s);
    pin_threads(s);
    kc_gemm_start(kernel ? kernel : kc_config_word(&s->cfg, "parallel", "kernel"), s->kernel, e);
    KC_TRY(kc_agree(&s->grid, e));
    KC_TRY(
        kc_agree_text(&s->grid, "parallel.kernel (set one that all nodes can run)", s->kernel, e));
out:
    return e->code;
}

void kc_session_mesh(kc_session *s)
{
    const int ep = s->cfg.model.experts ? (int)s->cfg.parallel.ep : 1;
    if (s->grid.size % ep == 0)
        kc_grid_mesh(&s->grid, ep);
}

kc_widths kc_session_widths(const kc_session *s)
{
    const int64_t loads = s->cfg.model.layers * s->cfg.model.experts;
    return (kc_widths){kc_corpus_about(s->corpus)->n_attributes,
                       loads < KC_LOADS_MAX ? (int)loads : KC_LOADS_MAX};
}

/* Identity of a run: from the clock and the process, not from the seed, since two runs may share
 * it. */
static void new_run_id(kc_session *s)
{
    uint64_t bits[2] = {0};
    FILE *f = fopen("/dev/urandom", "rb");
    if (!f || fread(bits, sizeof bits, 1, f) != 1) {
        bits[0] = (uint64_t)getpid();
        bits[1] = (uint64_t)(kc_clock() * 1e9);
    }
    if (f)
        fclose(f);
    snprintf(s->run_id, sizeof s->run_id, "%016llx%016llx", (unsigned long long)bits[0],
             (unsigned long long)bits[1]);
    kc_bcast(&s->grid, s->run_id, sizeof s->run_id);
}

void kc_session_stamp(kc_session *s, const kc_layout *layout, const char *run_id)
{
    const kc_corpus_info *info = kc_corpus_about(s->corpus);
    const int64_t L = s->cfg.train.lanes;
    free(s->config_text);
    s->config_text = kc_config_yaml(&s->cfg);
    kc_config_hash(&s->cfg, s->config_hash);
    kc_grid_mpi_version(s->mpi, sizeof s->mpi);
    kc_gemm_version(s->blis, sizeof s->blis);
    kc_h5_version(s->hdf5, sizeof s->hdf5);
    kc_clock_utc(s->started);
    if (gethostname(s->host, sizeof s->host - 1) != 0)
        snprintf(s->host, sizeof s->host, "unknown");
    if (run_id)
        snprintf(s->run_id, sizeof s->run_id, "%s", run_id);
    else
        new_run_id(s);
    s->stamp = (kc_stamp){.kcap_version = KC_VERSION,
                          .git_commit = KC_COMMIT,
                          .compiler = KC_COMPILER,
                          .compiler_flags = KC_FLAGS,
                          .mpi_version = s->mpi,
                          .blis_version = s->blis,
                          .hdf5_version = s->hdf5,
                          .kernel = s->kernel,
                          .config = s->config_text,
                          .config_hash = s->config_hash,
                          .run_name = s->cfg.run.name,
                          .run_id = s->run_id,
                          .imported_from = "",
                          .transformed_by = "",
                          .started_utc = s->started,
                          .host = s->host,
                          .seed = s->cfg.run.seed,
                          .ranks = s->grid.size,
                          .threads = s->threads,
                          .dp = s->grid.size / kc_grid_ep(&s->grid),
                          .ep = kc_grid_ep(&s->grid),
                          .lanes_are_power_of_two = (L & (L - 1)) == 0,
                          .n_params = layout->n_params,
                          .n_params_used = layout->n_used,
                          .n_vocab = info->n_vocab,
                          .n_people = info->n_people,
                          .corpus_bits = info->max_bits,
                          .max_bits_per_param = info->max_bits / (double)layout->n_params};
}

void kc_session_end(kc_session *s)
{
    release_threads(s);
    kc_grid_mesh(&s->grid, 1);
    kc_corpus_destroy(s->corpus);
    kc_files_free(&s->files);
    free(s->config_text);
    s->corpus = NULL;
    s->config_text = NULL;
}

void kc_session_version(FILE *out)
{
    char mpi[256], blis[128], hdf5[32];
    kc_grid_mpi_version(mpi, sizeof mpi);
    kc_gemm_version(blis, sizeof blis);
    kc_h5_version(hdf5, sizeof hdf5);
    fprintf(out,
            "kcap %s\ncommit    %s\ncompiler  %s\nflags     %s\nMPI       %s\n%s\nHDF5      %s\n",
            KC_VERSION, KC_COMMIT, KC_COMPILER, KC_FLAGS, mpi, blis, hdf5);
}
