/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_CLI_VERB_H
#define KCAP_CLI_VERB_H

#include <stddef.h>
#include <stdio.h>

#include "kcap/comm/grid.h"

/* Overrides of configuration keys, section.key=value. */
enum { KC_SETS_MAX = 256 };
typedef struct kc_sets {
    const char *set[KC_SETS_MAX];
    int n;
} kc_sets;

/* What an option's value is, and the field that it goes to. */
typedef enum kc_option_kind {
    KC_WORD,   /* no option: what stands alone, in this order   const char *  */
    KC_FLAG,   /* int, 1                                                      */
    KC_STRING, /* const char *                                                */
    KC_COUNT,  /* int64_t, least ... most                                     */
    KC_NUMBER, /* double, least ... most                                      */
    KC_TIME,   /* double, seconds of HH:MM:SS                                 */
    KC_SET     /* kc_sets, one more                                           */
} kc_option_kind;

/* An option of a verb, said once: parsing, checks, help, manual and completion follow. */
typedef struct kc_option {
    const char *name; /* --name; of a word what stands for it, such as INPUT.yaml */
    kc_option_kind kind;
    size_t at; /* of its field in the verb's options                           */
    double least, most;
    const char *value; /* what stands for its value in help                            */
    const char *with;  /* what it goes with, `--farm or --index`; NULL: with anything  */
    int one_of;        /* exactly one of those that say so is given                    */
    int optional;      /* of a word                                                    */
    int is_text;       /* of a word that is no path                                    */
    const char *help;
} kc_option;

/* A verb, said once, at the end of its own file; verbs.def names it. */
typedef struct kc_verb {
    const char *name, *summary; /* one line                                   */
    const char *about;          /* a paragraph                                */
    const char *notes;          /* another one after the options, or NULL     */
    const kc_option *options;
    int n_options;
    size_t bytes;            /* of the struct that the options fill in     */
    const void *defaults;    /* what it holds before; NULL: zeros          */
    int alone;               /* needs no ranks: grid is NULL               */
    void (*more)(FILE *out); /* what else its help says; or NULL        */

    /* What the options demand of each other besides `with` and `one_of`; or NULL. */
    int (*check)(const void *options, kc_error *e);

    /* collective on all ranks; prints on rank 0; returns the exit code, with the error agreed on */
    int (*run)(kc_grid *g, const void *options, kc_error *e);
} kc_verb;

#define KC_OPTIONS(list) .options = list, .n_options = (int)(sizeof list / sizeof *(list))

/* A row's first three members; the verb's file has its struct `options`. */
#define KC_OPTION(label, type, field) .name = label, .kind = type, .at = offsetof(options, field)

/* Options that several verbs have. */
#define KC_OPTION_SET                                                                              \
    KC_OPTION("set", KC_SET, sets), .value = "section.key=value",                                  \
                                    .help = "override a key of the input file; may be repeated"
#define KC_OPTION_JSON KC_OPTION("json", KC_FLAG, json), .help = "one JSON object on stdout"
#define KC_OPTION_MAX_TIME                                                                         \
    KC_OPTION("max-time", KC_TIME, max_seconds),                                                   \
        .value = "HH:MM:SS", .help = "stop in time with a checkpoint and exit code 75"

#define KC_OPTION_PATIENCE                                                                         \
    KC_OPTION("patience", KC_NUMBER, patience), .least = 1, .most = 1e6, .value = "SECONDS"
enum { KC_PATIENCE = 1800 };

#define KC_OPTION_WITHOUT_HISTORY                                                                  \
    KC_OPTION("without-history", KC_FLAG, without_history),                                        \
        .help = "where run.h5 is lost, damaged or another run's: go on from a checkpoint alone; "  \
                "what is there is renamed, the new run.h5 begins behind the checkpoint "           \
                "(attribute first_step)"

/* All verbs, in the order of verbs.def, and how many there are. */
extern const kc_verb *const kc_verbs[];
extern const int kc_n_verbs;

/* The verb of this name, or NULL. */
const kc_verb *kc_verb_find(const char *name);

#endif
