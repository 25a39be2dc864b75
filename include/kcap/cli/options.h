/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_CLI_OPTIONS_H
#define KCAP_CLI_OPTIONS_H

#include <stdint.h>

#include "kcap/base/err.h"

enum { KC_SETS_MAX = 256 };

typedef enum kc_verb {
    KC_TRAIN,
    KC_INIT,
    KC_MEASURE_VERB,
    KC_CORPUS,
    KC_CONFIG,
    KC_PLAN,
    KC_BENCH,
    KC_SWEEP,
    KC_EXPORT,
    KC_IMPORT,
    KC_VERBS
} kc_verb;

/* The command line, taken apart. Texts are borrowed from argv. */
typedef struct kc_options {
    kc_verb verb;
    int help, version;  /* asked for: print and leave                    */
    const char *input;  /* INPUT.yaml, run folder or checkpoint; or NULL */
    const char *second; /* export: folder to write; import: INPUT.yaml, or NULL */
    const char *sets[KC_SETS_MAX];
    int n_sets;
    const char *out;                        /* train, import: --out, or NULL                 */
    const char *resume;                     /* train: auto, never or a path                  */
    double max_seconds;                     /* train: --max-time; 0: none. bench: --seconds   */
    int64_t show;                           /* corpus: documents to show                     */
    int dry_run;                            /* train                                         */
    int64_t ranks, threads, ranks_per_node; /* plan; 0: those of the present grid    */
    double memory, rate;     /* plan: GiB of a node, tokens a second; 0: not stated */
    const char *facts, *law; /* plan: table of facts; paper or a law.json; or NULL */
    double bits, universe, bits_per_token, core_rate; /* plan --bits, --facts; 0: not stated */
    int64_t vocab;                                    /* plan --bits; 0: not stated          */
    int defaults, print;             /* config                                        */
    int list, missing, status, farm; /* sweep                                     */
    int64_t index;                   /* sweep: of the point to run; -1: not given */
    int64_t ranks_per_point;         /* sweep --farm                              */
    double patience;                 /* sweep --farm: seconds a group may be silent */
    int json;
} kc_options;

/* Take argv apart.
 *   errors      KC_EINPUT: unknown verb or option (the nearest named), a missing or doubled
*               argument */
int kc_options_parse(int argc, char **argv, kc_options *o, kc_error *e);

/* The text of --help: of a verb, or of kcap when verb is KC_VERBS. */
const char *kc_options_help(kc_verb verb);

#endif
