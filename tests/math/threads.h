/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_TESTS_NN_THREADS_H
#define KCAP_TESTS_NN_THREADS_H

#include "../nn/models.h"

enum { MAX_THREADS = 3 };

/* Run `op` on 1, 2, 3 threads; what it leaves in out [n] must have the same bits. */
static inline void same_bits(void (*op)(void *bench, int threads), void *bench, float *out,
                             int64_t n, const float *start, const char *name)
{
    float *one = test_room(n, sizeof *one);
    for (int threads = 1; threads <= MAX_THREADS; ++threads) {
        memcpy(out, start, (size_t)n * sizeof *out);
        op(bench, threads);
        if (threads == 1)
            memcpy(one, out, (size_t)n * sizeof *one);
        else if (memcmp(one, out, (size_t)n * sizeof *one) != 0)
            fail_msg("%s: other bits on %d threads", name, threads);
    }
    assert_memory_not_equal(one, start, (size_t)n * sizeof *one);
}

#endif
