/* SPDX-License-Identifier: BSD-3-Clause */
/* solve BITS GROUP ACT_ORDER DAMPING N M ASYMMETRIC: H [N, N] in double and w [N, M] in float from stdin, what GPTQ makes of
 * w to stdout. */
#include <stdio.h>
#include <stdlib.h>

#include "transform/gptq_solve.h"

int main(int argc, char **argv)
{
    kc_grid g;
    kc_error e = {0};
    kc_gptq_sums sums = {0};
    kc_grid_start(&g);
    if (argc != 8)
        return 2;
    const kc_quantize q = {.bits = atoi(argv[1]),
                           .group = atoi(argv[2]),
                           .act_order = atoi(argv[3]),
                           .damping = atof(argv[4]),
                           .asymmetric = atoi(argv[7])};
    const size_t n = (size_t)atoi(argv[5]), m = (size_t)atoi(argv[6]);
    double *H = malloc(n * n * sizeof *H);
    float *w = malloc(n * m * sizeof *w);
    if (!H || !w || fread(H, sizeof *H, n * n, stdin) != n * n ||
        fread(w, sizeof *w, n * m, stdin) != n * m)
        return 2;
    const int code = kc_gptq_solve(&g, &q, kc_mat_of(w, (int64_t)n, (int64_t)m), H, 1, &sums, &e);
    fwrite(w, sizeof *w, n * m, stdout);
    free(H);
    free(w);
    kc_grid_stop(&g);
    return code;
}
