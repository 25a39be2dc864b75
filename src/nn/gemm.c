/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/nn/gemm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <blis.h>

/* BLIS 0.9 reads BLIS_ARCH_TYPE as a number; a word silently means 0. */
static const struct {
    const char *name;
    arch_t id;
    int needs_avx512;
} kernels[] = {
    {"skx", BLIS_ARCH_SKX, 1},   {"haswell", BLIS_ARCH_HASWELL, 0}, {"zen", BLIS_ARCH_ZEN, 0},
    {"zen2", BLIS_ARCH_ZEN2, 0}, {"zen3", BLIS_ARCH_ZEN3, 0},
};

static int cpu_runs(int needs_avx512)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (needs_avx512)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
    (void)needs_avx512;
    return 0;
#endif
}

int kc_gemm_start(const char *kernel, char name[32], kc_error *e)
{
    for (size_t i = 0; i < sizeof kernels / sizeof *kernels; ++i) {
        if (strcmp(kernel, kernels[i].name) != 0)
            continue;
        if (!cpu_runs(kernels[i].needs_avx512))
            return kc_fail(e, KC_EINPUT,
                           "parallel.kernel: this CPU cannot run the %s kernels; use auto", kernel);
        char id[16];
        snprintf(id, sizeof id, "%d", (int)kernels[i].id);
        setenv("BLIS_ARCH_TYPE", id, 1);
    }
    bli_init();
    snprintf(name, 32, "%s", bli_arch_string(bli_arch_query_id()));
    if (strcmp(kernel, "auto") != 0 && strcmp(kernel, name) != 0)
        return kc_fail(e, KC_EINPUT, "parallel.kernel: asked for %s, BLIS runs %s", kernel, name);
    return KC_OK;
}

void kc_gemm_version(char *text, size_t size)
{
    snprintf(text, size, "BLIS %s, OpenMP %s", bli_info_get_version_str(),
             bli_info_get_enable_openmp() ? "on" : "off");
}

static void product(kc_mat c, kc_mat a, trans_t trans, kc_mat b, float beta, int threads)
{
    float one = 1;
    rntm_t r = BLIS_RNTM_INITIALIZER;
    bli_rntm_set_num_threads(threads, &r);
    bli_sgemm_ex(trans, BLIS_NO_TRANSPOSE, c.rows, c.cols, b.rows, &one, a.p, a.ld, 1, b.p, b.ld, 1,
                 &beta, c.p, c.ld, 1, NULL, &r);
}

void kc_gemm(kc_mat c, kc_mat a, kc_mat b, float beta, int threads)
{
    KC_CHECK(a.rows == c.rows && a.cols == b.rows && b.cols == c.cols,
             "[%ld,%ld] = [%ld,%ld] x [%ld,%ld]", c.rows, c.cols, a.rows, a.cols, b.rows, b.cols);
    product(c, a, BLIS_NO_TRANSPOSE, b, beta, threads);
}

void kc_gemm_t(kc_mat c, kc_mat a, kc_mat b, float beta, int threads)
{
    KC_CHECK(a.cols == c.rows && a.rows == b.rows && b.cols == c.cols,
             "[%ld,%ld] = [%ld,%ld]^T x [%ld,%ld]", c.rows, c.cols, a.rows, a.cols, b.rows, b.cols);
    product(c, a, BLIS_TRANSPOSE, b, beta, threads);
}
