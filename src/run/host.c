/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/run/host.h"

#include <omp.h>
#include <stdlib.h>
#include <unistd.h>

#include "kcap/base/memory.h"
#include "kcap/math/gemm.h"

/* 0 is the node's cores over its ranks, at most those allowed; OMP_NUM_THREADS wins over 0. OpenMP
 * is asked for those allowed: where the user has it bind threads, this one has a single core, and the
 * process had more when OpenMP began. */
static int choose_threads(const kc_grid *g, const kc_config *cfg)
{
    const int allowed = omp_get_num_procs();
    const char *wish = getenv("OMP_NUM_THREADS");
    if (cfg->parallel.threads > 0)
        return (int)cfg->parallel.threads;
    if (wish && atoi(wish) > 0)
        return atoi(wish);
    const int share = (int)sysconf(_SC_NPROCESSORS_ONLN) / g->node_ranks;
    const int threads = share < allowed ? share : allowed;
    return threads > 1 ? threads : 1;
}

/* Cores and threads of one rank. */
typedef struct placement {
    int cores, threads;
} placement;

/* The first rank that has fewer cores than threads, named on rank 0. */
static void warn_about_cores(const kc_grid *g, int threads)
{
    placement mine = {omp_get_num_procs(), threads}, *all = malloc((size_t)g->size * sizeof *all);
    KC_ROOM(all, "out of memory");
    kc_allgather(g, &mine, all, sizeof mine);
    int r = 0;
    while (r < g->size && all[r].threads <= all[r].cores)
        ++r;
    if (r < g->size && g->rank == 0)
        fprintf(
            stderr,
            "kcap: warning: rank %d has %d cores for %d threads and will be slow; bind wider "
            "(mpirun --map-by slot:PE=%d --bind-to core, or --bind-to none) or use fewer threads "
            "(--set parallel.threads=%d)\n",
            r, all[r].cores, all[r].threads, all[r].threads, all[r].cores);
    free(all);
}

static void warn_about_launch(const kc_grid *g, int threads)
{
    const char *tasks = getenv("SLURM_NTASKS");
    const long cores = sysconf(_SC_NPROCESSORS_ONLN), busy = (long)g->node_ranks * threads;
    if (threads > 1 && busy > cores && !getenv("OMP_WAIT_POLICY"))
        fprintf(stderr,
                "kcap: warning: %d ranks of %d threads share the %ld cores of a node; threads "
                "that wait will take them from those that work: use fewer, or set "
                "OMP_WAIT_POLICY=passive\n",
                g->node_ranks, threads, cores);
    if (g->size == 1 && tasks && atoi(tasks) > 1 && getenv("SLURM_STEP_ID"))
        fprintf(stderr,
                "kcap: warning: Slurm started %s tasks but MPI sees one rank; use mpirun or srun "
                "--mpi=pmix\n",
                tasks);
}

/* A thread a core, where they are as many: beside a competing process threads that wander from core
 * to core spin on those that others work on, and a step can take a hundred times as long. Not where
 * other programs may choose the same cores of many, nor where lanes have threads inside: those
 * would start out on their lane's one core. */
static void pin_threads(kc_host *h, int64_t lanes)
{
    const cpu_set_t *mask = &h->cores;
    if (h->threads < 2 || h->threads != omp_get_num_procs() || (lanes > 1 && lanes < h->threads) ||
        getenv("OMP_PROC_BIND") || getenv("OMP_PLACES") || getenv("GOMP_CPU_AFFINITY") ||
        sched_getaffinity(0, sizeof h->cores, &h->cores) != 0)
        return;
    h->pinned = h->threads;
#pragma omp parallel num_threads(h->threads)
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

/* The kernel ends a thread that runs out of stack without a word. Products turn their right side there:
 * 400 KB (src/math/small.c). */
static int check_stacks(int threads, kc_error *e)
{
    enum { LEAST_KIB = 1024 };
    int64_t least = INT64_MAX;
#pragma omp parallel num_threads(threads) reduction(min : least)
    least = kc_memory_of_stack();
    if (least / 1024 >= LEAST_KIB)
        return KC_OK;
    return kc_fail(e, KC_EINPUT,
                   "OMP_STACKSIZE: threads have a stack of %lld KiB, and at least %d are needed; "
                   "leave it unset, or set it to 4M",
                   (long long)(least / 1024), LEAST_KIB);
}

static void mesh(kc_grid *g, const kc_config *cfg)
{
    const int ep = cfg->model.experts ? (int)cfg->parallel.ep : 1;
    if (g->size % ep == 0)
        kc_grid_mesh(g, ep);
}

int kc_host_start(kc_host *h, kc_grid *g, const kc_config *cfg, const char *kernel, int warn,
                  kc_error *e)
{
    *h = (kc_host){.threads = choose_threads(g, cfg)};
    if (warn)
        warn_about_cores(g, h->threads);
    if (warn && g->rank == 0)
        warn_about_launch(g, h->threads);
    KC_TRY_ALL(g, check_stacks(h->threads, e));
    pin_threads(h, cfg->train.lanes / g->size);
    if (!kernel && cfg->parallel.kernel != KC_parallel_kernel_auto)
        kernel = kc_config_word(cfg, "parallel", "kernel");
    KC_TRY_ALL(g, kc_gemm_start(kernel, h->kernel, e));
    KC_TRY(kc_agree_text(g, "parallel.kernel (set one that all nodes can run)", h->kernel, e));
    mesh(g, cfg);
out:
    return e->code;
}

/* The next run of a farm on these threads counts the cores that it may use. */
void kc_host_end(kc_host *h, kc_grid *g)
{
    if (h->pinned)
#pragma omp parallel num_threads(h->pinned)
        sched_setaffinity(0, sizeof h->cores, &h->cores);
    h->pinned = 0;
    kc_grid_mesh(g, 1);
}
