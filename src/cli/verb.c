/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/verb.h"

#include <string.h>

#include "cli/verbs.def"

#define DECLARE(name) extern const kc_verb kc_verb_##name;
KC_VERBS(DECLARE)
#undef DECLARE

#define ROW(name) &kc_verb_##name,
const kc_verb *const kc_verbs[] = {KC_VERBS(ROW)};
#undef ROW

const int kc_n_verbs = sizeof kc_verbs / sizeof *kc_verbs;

const kc_verb *kc_verb_find(const char *name)
{
    for (int i = 0; i < kc_n_verbs; ++i)
        if (strcmp(name, kc_verbs[i]->name) == 0)
            return kc_verbs[i];
    return NULL;
}
