/* SPDX-License-Identifier: BSD-3-Clause */
#include "math/cpu.h"

int kc_cpu_has_avx(int avx512)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (avx512)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
    (void)avx512;
    return 0;
#endif
}
