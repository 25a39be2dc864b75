/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_DATA_LEAD_H
#define KCAP_DATA_LEAD_H

#include "data/word/vocab.h"
#include "kcap/config/place.h"
#include "kcap/types/batch.h"

enum { KC_LEAD_MAX = 64 };

/* The source tag in front of each document of a part (arXiv 2404.05405, Result 12). */
typedef struct kc_lead {
    int32_t n, tokens[KC_LEAD_MAX + 1];
} kc_lead;

/* Is corpus.tag words parted by one blank, or one <word>?
 *   o           for messages; may be NULL
 *   errors      KC_EINPUT */
int kc_lead_check(const kc_config *cfg, const kc_origin *o, kc_error *e);

/* The tokens of a tag that has passed; an empty one has none. Equal tags are equal tokens. */
void kc_lead_create(const char *tag, kc_vocab *vocab, kc_lead *lead);

/* Put them behind the <eos> of a document, whose spans move along. */
void kc_lead_put(const kc_lead *lead, kc_doc *doc);

#endif
