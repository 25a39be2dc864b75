/* SPDX-License-Identifier: BSD-3-Clause */
#include "math/cpu.h"
#include "math/gemm_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <blis.h>

/* BLIS 1.0 made what a handler is given constant, and its setters take the context first. */
#ifdef BLIS_VA_END
typedef const obj_t kc_operand;
typedef const cntx_t kc_context;
typedef const rntm_t kc_runtime;
#else
typedef obj_t kc_operand;
typedef cntx_t kc_context;
typedef rntm_t kc_runtime;
#endif

/* Set once, before any product: a context of kcap's own, NULL for BLIS's, and the tiles it is for. */
static cntx_t own;
static kc_context *context;
static const kc_tiles *own_tiles;

/* The product that this thread asks BLIS for, which knows of no strips. */
static _Thread_local const kc_product *asked;

/* BLIS 0.9 reads BLIS_ARCH_TYPE as a number; a word silently means 0. */
static const struct {
    const char *name;
    arch_t id;
    int needs_avx512;
} kernels[] = {
    {"skx", BLIS_ARCH_SKX, 1},   {"haswell", BLIS_ARCH_HASWELL, 0}, {"zen", BLIS_ARCH_ZEN, 0},
    {"zen2", BLIS_ARCH_ZEN2, 0}, {"zen3", BLIS_ARCH_ZEN3, 0},
};

static float number(kc_operand *x)
{
    return *(const float *)bli_obj_buffer_for_1x1(BLIS_FLOAT, x);
}

/* What kc_blis_product asks for, and nothing else: the rest goes back to BLIS. */
static err_t small(kc_operand *alpha, kc_operand *a, kc_operand *b, kc_operand *beta, kc_operand *c,
                   kc_context *cntx, kc_runtime *rntm)
{
    (void)beta;
    (void)cntx;
    (void)rntm;
    if (bli_obj_dt(c) != BLIS_FLOAT || number(alpha) != 1 || bli_obj_has_trans(b) ||
        bli_obj_col_stride(a) != 1 || bli_obj_col_stride(b) != 1 || bli_obj_col_stride(c) != 1)
        return BLIS_FAILURE;
    kc_small_product(own_tiles, asked);
    return BLIS_SUCCESS;
}

/* A context in which every size is small. */
static void make_context(const kc_tiles *tiles)
{
    blksz_t all;
    bli_blksz_init_easy(&all, 1 << 30, 1 << 30, 1 << 30, 1 << 30);
#ifdef BLIS_VA_END
    own = *bli_gks_query_cntx();
    bli_cntx_set_blkszs(&own, BLIS_MT, &all, BLIS_MT, BLIS_NT, &all, BLIS_NT, BLIS_KT, &all,
                        BLIS_KT, BLIS_VA_END);
    bli_cntx_set_l3_sup_handlers(&own, BLIS_GEMM, small, BLIS_VA_END);
#else
    own = *bli_gks_query_nat_cntx();
    bli_cntx_set_l3_sup_thresh(3, BLIS_MT, &all, BLIS_NT, &all, BLIS_KT, &all, &own);
    bli_cntx_set_l3_sup_handlers(1, BLIS_GEMM, small, &own);
#endif
    own_tiles = tiles;
    context = &own;
}

void kc_blis_product(const kc_product *p)
{
    float one = 1, beta = p->beta;
    rntm_t r = BLIS_RNTM_INITIALIZER;
    bli_rntm_set_num_threads(1, &r);
    asked = p;
    bli_sgemm_ex(p->transposed ? BLIS_TRANSPOSE : BLIS_NO_TRANSPOSE, BLIS_NO_TRANSPOSE, p->c.rows,
                 p->c.cols, p->b.rows, &one, p->a.p, p->a.ld, 1, p->b.p,
                 p->b.ld < 0 ? p->b.cols : p->b.ld, 1, &beta, p->c.p, p->c.ld, 1, context, &r);
}

/* BLIS's kernels by name; BLIS keeps the first ones it ran. */
static int ask_for(const char *kernel, kc_error *e)
{
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
    return KC_OK;
}

int kc_blis_start(const char *kernel, const kc_tiles *tiles, char name[32], kc_error *e)
{
    const int chosen = tiles || strcmp(kernel, "blis") == 0;
    KC_TRY(ask_for(kernel, e));
    bli_init();
    context = NULL;
    if (tiles)
        make_context(tiles);
    snprintf(name, 32, "%s", tiles ? kernel : bli_arch_string(bli_arch_query_id()));
    if (!chosen && strcmp(kernel, name) != 0)
        kc_fail(e, KC_EINPUT, "parallel.kernel: asked for %s, BLIS runs %s", kernel, name);
out:
    return e->code;
}

int kc_gemm_rows_stand_alone(void)
{
    return context != NULL;
}

int kc_gemm_rows_will_do(void)
{
    return own_tiles == NULL || !own_tiles->packs;
}

void kc_gemm_version(char *text, size_t size)
{
    snprintf(text, size, "BLIS %s", bli_info_get_version_str());
}
