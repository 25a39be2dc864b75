/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_MATH_CPU_H
#define KCAP_MATH_CPU_H

/* Can this CPU run AVX-512 (F, DQ, BW, VL) kernels, or else AVX2 with FMA? */
int kc_cpu_has_avx(int avx512);

#endif
