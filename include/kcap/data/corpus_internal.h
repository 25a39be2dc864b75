/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_DATA_CORPUS_INTERNAL_H
#define KCAP_DATA_CORPUS_INTERNAL_H

#include "kcap/data/biod.h"
#include "kcap/data/bios.h"

/* One of bios and biod is in use, as info.is_biod says; the other is empty. */
struct kc_corpus {
    kc_corpus_info info;
    kc_people people;
    kc_vocab vocab;
    kc_bios bios;
    kc_biod biod;
};

#endif
