/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/math/peak.h"

#include "kcap/base/clock.h"

#if defined(__x86_64__)

typedef float v8 __attribute__((vector_size(32)));
typedef float v16 __attribute__((vector_size(64)));

enum { N_CHAINS = 12, ROUNDS = 200000, REPEATS = 25 };

/* Independent chains: more than latency x units (4 x 2), fewer than registers. Named variables,
 * since an array of vectors would live in memory. */
#define CHAINS(X)  X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)
#define DECLARE(i) __typeof__(one + one) x##i = one * (2 + (i));
#define STEP(i)    x##i = x##i * a + b;
/* The result must look used, or the loop goes away. */
#define KEEP(i) __asm__ volatile("" : : "v"(x##i));

/* clang-format off */
#define KERNEL(name, isa, vector)                                                                  \
    __attribute__((target(isa), noinline)) static double name(void)                                \
    {                                                                                              \
        const vector one = (vector){0} + 1, a = one * 0.999f, b = one * 0.001f;                    \
        CHAINS(DECLARE)                                                                            \
        const double start = kc_clock();                                                           \
        for (int i = 0; i < ROUNDS; ++i) {                                                         \
            CHAINS(STEP)                                                                           \
        }                                                                                          \
        const double seconds = kc_clock() - start;                                                 \
        CHAINS(KEEP)                                                                               \
        return 2.0 * (double)(sizeof one / sizeof(float)) * N_CHAINS * ROUNDS / seconds;           \
    }
/* clang-format on */

KERNEL(avx2, "avx2,fma", v8)
KERNEL(avx512, "avx512f", v16)

static double best_of(double (*kernel)(void), int threads)
{
    double best = 0;
    for (int i = 0; i < REPEATS; ++i) {
        double sum = 0;
#pragma omp parallel num_threads(threads) reduction(+ : sum)
        sum += kernel();
        best = sum > best ? sum : best;
    }
    return best;
}

double kc_peak_flops(int threads)
{
    double best = 0;
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        best = best_of(avx2, threads);
    if (__builtin_cpu_supports("avx512f")) {
        const double wide = best_of(avx512, threads);
        best = wide > best ? wide : best;
    }
    return best;
}
#else
double kc_peak_flops(int threads)
{
    (void)threads;
    return 0;
}
#endif
