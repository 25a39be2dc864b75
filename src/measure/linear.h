/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_MEASURE_LINEAR_H
#define KCAP_MEASURE_LINEAR_H

#include "kcap/comm/grid.h"
#include "kcap/math/mat.h"
#include "measure/sample.h"
#include "kcap/measure/spans.h"

/* What gives hidden states of a window of T tokens: hidden [layers], each [T, width], lent. Called from
 * several threads at a time, `thread` below `threads`. A model is one; tests put oracles in its place.
 * Where experts are spread over ranks it is called on all of them in step, with tokens of NULL where
 * this rank has none. */
typedef struct kc_states {
    int64_t layers, width;
    int threads;
    void (*read)(void *of, int thread, const int32_t *tokens, kc_mat *hidden);
    void *of;
} kc_states;

/* What is read of a task: accuracy on the people held out. */
typedef struct kc_probed {
    double *accuracy,
        *control; /* [tasks, layers, positions]: of labels; of shuffled labels. NaN: not asked,
                                 * or nobody's text has the position */
} kc_probed;

/* Linear probes of frozen states (Alain and Bengio, arXiv 1610.01644), with the control of Hewitt and
 * Liang (arXiv 1909.03368): for each layer and position one ridge regression from the state to the classes of all
 * tasks, one-hot, with an intercept; a person's class is the one that scores most. Solved, not
 * trained: in closed form, once.
 *   collective  on all ranks: windows are spread over them, then layers and positions
 *   bits        do not depend on ranks or threads
 *   returns     0, or what it was broken off for, the same on all ranks; `out` is then not filled in */
int kc_linear_probe(const kc_grid *g, const kc_sample *s, const kc_states *states, int threads,
                    const kc_stopper *stopper, const kc_probed *out);

/* Bytes that it takes on a rank, at most. */
size_t kc_linear_bytes(const kc_corpus_info *info, int64_t people, int64_t layers, int64_t width,
                       int ranks);

#endif
