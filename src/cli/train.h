/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_CLI_TRAIN_H
#define KCAP_CLI_TRAIN_H

#include "cli/verb.h"
#include "kcap/run/run.h"

/* What the verbs that train are given. */
typedef struct kc_train_options {
    const char *checkpoint, *input, *out, *resume;
    kc_sets sets;
    double max_seconds, patience;
    int without_history, dry_run, json;
} kc_train_options;

#define KC_TRAIN_DEFAULTS                                                                          \
    {                                                                                              \
        .resume = "never", .patience = KC_PATIENCE                                                 \
    }
#define KC_TRAIN_NOTES                                                                             \
    "SIGUSR1, SIGTERM, Ctrl-C, or SIGHUP, SIGXCPU, SIGPIPE: write a checkpoint, exit with code "   \
    "75; a second Ctrl-C ends at once."
#define KC_TRAIN_OPTIONS                                                                           \
    {KC_OPTION_SET},                                                                               \
        {KC_OPTION("out", KC_STRING, out), .value = "DIR",                                         \
         .help = "folder to write (default: run.out, or runs/<run.name>)"},                        \
        {KC_OPTION("resume", KC_STRING, resume), .value = "never|auto|PATH",                       \
         .help = "never (default): refuse a folder that is not empty; auto: go on from OUT's "     \
                 "newest good checkpoint, or start; PATH: go on from this checkpoint or run "      \
                 "folder"},                                                                        \
        {KC_OPTION_WITHOUT_HISTORY, .with = "--resume"}, {KC_OPTION_MAX_TIME},                     \
        {KC_OPTION_PATIENCE,                                                                       \
         .help = "ranks that wait for longer, and 20 times the longest step, name who is missing " \
                 "and end with exit code 5 (default: 1800)"},                                      \
        {KC_OPTION("dry-run", KC_FLAG, dry_run),                                                   \
         .help = "say what it would take (see kcap plan) and stop"},                               \
    {                                                                                              \
        KC_OPTION("json", KC_FLAG, json),                                                          \
            .help = "one JSON object on stdout; progress goes to stderr"                           \
    }

/* Train as a kc_train_options says: the run of a kc_verb. */
int kc_train(kc_grid *g, const void *options, kc_error *e);

/* Print how a run went on stdout, as a table or one JSON object.   not collective: rank 0 */
void kc_train_report(const kc_run *run, int json);

#endif
