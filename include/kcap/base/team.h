/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_BASE_TEAM_H
#define KCAP_BASE_TEAM_H

/* Loops that a team of OpenMP threads shares. Nothing here is collective over ranks. */

#define KC_PRAGMA(text) _Pragma(#text)

/* Evaluates `call` for every int64_t i of [0, n), in any order, on `threads` threads that share the
 * indices by `kind` (static or dynamic). On one thread, as inside a lane, a plain loop: libgomp makes
 * even a team of one in memory of its own and ends it by a system call, some hundred times a step
 * (tests/README.md#speed). */
#define KC_EACH(threads, kind, i, n, call)                                                         \
    do {                                                                                           \
        const int64_t kc_each_n = (n);                                                             \
        if ((threads) <= 1)                                                                        \
            for (int64_t i = 0; i < kc_each_n; ++i)                                                \
                call;                                                                              \
        else {                                                                                     \
            KC_PRAGMA(omp parallel for num_threads(threads) schedule(kind))                        \
            for (int64_t i = 0; i < kc_each_n; ++i)                                                \
                call;                                                                              \
        }                                                                                          \
    } while (0)

#endif
