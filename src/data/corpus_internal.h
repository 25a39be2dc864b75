/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_DATA_CORPUS_INTERNAL_H
#define KCAP_DATA_CORPUS_INTERNAL_H

#include "data/kind/biod.h"
#include "data/kind/bios.h"
#include "data/kind/random.h"

/* One of bios, biod and random is in use, as info.kind says; the others are empty. */
struct kc_corpus {
    kc_corpus_info info;
    kc_people people;
    kc_vocab vocab;
    kc_bios bios;
    kc_biod biod;
    kc_random random;
};

#endif
