/* SPDX-License-Identifier: BSD-3-Clause */
#include "math/gemm_internal.h"
#include "math/cpu.h"

#include <stdio.h>
#include <string.h>

#ifdef KCAP_ONEDNN
#include <malloc.h>
#include <omp.h>

#include <dnnl.h>

/* oneDNN counts rows, so a row-major product needs no swapping. It is serial here because it is
 * called inside a parallel region or with the default number of threads, 1 after kc_gemm_onednn. */
static void serial_product(kc_mat c, kc_mat a, int transposed, kc_mat b, float beta)
{
    const dnnl_status_t status = dnnl_sgemm(transposed ? 'T' : 'N', 'N', c.rows, c.cols, b.rows, 1,
                                            a.p, a.ld, b.p, b.ld, beta, c.p, c.ld);
    KC_CHECK(status == dnnl_success, "dnnl_sgemm failed with status %d", (int)status);
}

/* The instruction set is pinned, so that a newer CPU runs the same kernels. */
int kc_gemm_onednn(const char *kernel, char name[32], kc_gemm_serial *serial, kc_error *e)
{
    const int wide = strcmp(kernel, "onednn_avx2") != 0;
    const dnnl_cpu_isa_t isa = wide ? dnnl_cpu_isa_avx512_core : dnnl_cpu_isa_avx2;
    if (!kc_cpu_has_avx(wide))
        return kc_fail(e, KC_EINPUT,
                       "parallel.kernel: this CPU cannot run the %s kernels; use auto", kernel);
    dnnl_set_max_cpu_isa(isa);
    const int runs_wide = dnnl_get_effective_cpu_isa() == dnnl_cpu_isa_avx512_core;
    snprintf(name, 32, "onednn_%s", runs_wide ? "avx512" : "avx2");
    if (runs_wide != wide)
        return kc_fail(e, KC_EINPUT, "parallel.kernel: asked for %s, oneDNN runs %s", kernel, name);
    /* Its packing buffers come from malloc at each call: keep them, or each costs page faults. */
    mallopt(M_MMAP_THRESHOLD, 32 << 20); /* the most that glibc takes */
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    omp_set_num_threads(1);
    *serial = serial_product;
    return KC_OK;
}

int kc_gemm_has_onednn(void)
{
    return 1;
}

void kc_gemm_onednn_version(char *text, size_t size)
{
    const dnnl_version_t *v = dnnl_version();
    snprintf(text, size, "oneDNN %d.%d.%d", v->major, v->minor, v->patch);
}
#else
int kc_gemm_onednn(const char *kernel, char name[32], kc_gemm_serial *serial, kc_error *e)
{
    (void)name;
    (void)serial;
    return kc_fail(e, KC_EINPUT,
                   "parallel.kernel: %s: this kcap was built without oneDNN; use auto", kernel);
}

int kc_gemm_has_onednn(void)
{
    return 0;
}

void kc_gemm_onednn_version(char *text, size_t size)
{
    snprintf(text, size, "no oneDNN");
}
#endif
