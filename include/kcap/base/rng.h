/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_BASE_RNG_H
#define KCAP_BASE_RNG_H

#include <stdint.h>

/* Random numbers are functions of (seed, stream, index, draw): Philox4x32-10 (Salmon et al., SC11,
 * "Parallel random numbers: as easy as 1, 2, 3") as Random123 ships it. No generator has a state,
 * so none is saved, and any rank can make any person. Each use of chance has its own stream. */
typedef enum kc_stream {
    KC_STREAM_NAME = 1,    /* person -> index of the full name (a permutation)       */
    KC_STREAM_FACT = 2,    /* person, attribute -> value                             */
    KC_STREAM_STRING = 3,  /* bioD: the D strings of an attribute                    */
    KC_STREAM_TEXT = 4,    /* person, exposure -> templates and order of a document  */
    KC_STREAM_SHUFFLE = 5, /* epoch -> order of the documents (a permutation)        */
    KC_STREAM_INIT = 6,    /* tensor, element -> initial weight                      */
    KC_STREAM_RANDOM = 7,  /* string, place -> token of a random string              */
    KC_STREAM_VOCAB = 8,   /* place -> person whose documents byte pairs are learnt of */
    KC_STREAM_ASK = 9,     /* place -> person who is asked about; question -> its form */
    KC_STREAM_RECALL = 10, /* place -> document that is recalled; -> value that is a candidate */
    KC_STREAM_PROBE = 11   /* place -> person who is probed; shuffled labels         */
} kc_stream;

/* 64 random bits of draw `draw` of item `index`.
 *   collective  no; same bits everywhere */
uint64_t kc_rand(uint64_t seed, kc_stream stream, uint64_t index, uint32_t draw);

/* Uniform on 0 ... n-1 for 1 <= n; the bias is below n / 2^64. */
uint64_t kc_rand_below(uint64_t seed, kc_stream stream, uint64_t index, uint32_t draw, uint64_t n);

/* Standard normal by Box and Muller, computed in double: the same bits wherever libm's log, cos
 * and sqrt give the same. */
double kc_rand_normal(uint64_t seed, kc_stream stream, uint64_t index, uint32_t draw);

/* Where i (0 <= i < n) goes under the keyed bijection number `key` of 0 ... n-1: a Feistel network
 * over the next power of four, walked until it lands inside.
 *   collective  no; same bits everywhere; n up to 2^62 */
uint64_t kc_perm(uint64_t seed, kc_stream stream, uint64_t key, uint64_t i, uint64_t n);

#endif
