/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_BASE_WIDE_H
#define KCAP_BASE_WIDE_H

#include <stdint.h> /* and with it __GLIBC__: other C libraries know no functions that are chosen so */

/* Before a static function (clang 14 gives others a name that no other file finds) whose loops are worth it: the
 * compiler makes a second one for AVX-512, and the program takes it when it starts on a CPU that has it. The bits
 * are the same where no element depends on another; sums of a row have their order fixed by src/math/ops.c. */
#if defined(__x86_64__) && defined(__GLIBC__)
#define KC_WIDE __attribute__((target_clones("avx512f", "default")))
#else
#define KC_WIDE
#endif

#endif
