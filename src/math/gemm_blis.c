/* SPDX-License-Identifier: BSD-3-Clause */
#include "math/gemm_internal.h"
#include "math/cpu.h"

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

static void serial_product(kc_mat c, kc_mat a, int transposed, kc_mat b, float beta)
{
    float one = 1;
    rntm_t r = BLIS_RNTM_INITIALIZER;
    bli_rntm_set_num_threads(1, &r);
    bli_sgemm_ex(transposed ? BLIS_TRANSPOSE : BLIS_NO_TRANSPOSE, BLIS_NO_TRANSPOSE, c.rows, c.cols,
                 b.rows, &one, a.p, a.ld, 1, b.p, b.ld, 1, &beta, c.p, c.ld, 1, NULL, &r);
}

int kc_gemm_blis(const char *kernel, char name[32], kc_gemm_serial *serial, kc_error *e)
{
    const int own_choice = strcmp(kernel, "blis") == 0;
    for (size_t i = 0; i < sizeof kernels / sizeof *kernels; ++i) {
        if (strcmp(kernel, kernels[i].name) != 0)
            continue;
        if (!kc_cpu_has_avx(kernels[i].needs_avx512))
            return kc_fail(e, KC_EINPUT,
                           "parallel.kernel: this CPU cannot run the %s kernels; use auto", kernel);
        char id[16];
        snprintf(id, sizeof id, "%d", (int)kernels[i].id);
        setenv("BLIS_ARCH_TYPE", id, 1);
    }
    bli_init();
    snprintf(name, 32, "%s", bli_arch_string(bli_arch_query_id()));
    if (!own_choice && strcmp(kernel, name) != 0)
        return kc_fail(e, KC_EINPUT, "parallel.kernel: asked for %s, BLIS runs %s", kernel, name);
    *serial = serial_product;
    return KC_OK;
}

void kc_gemm_blis_version(char *text, size_t size)
{
    snprintf(text, size, "BLIS %s", bli_info_get_version_str());
}
