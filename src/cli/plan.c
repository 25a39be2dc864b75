/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/plan/plan.h"

#include "cli/print/report.h"
#include "cli/verb.h"
#include "kcap/base/memory.h"
#include "kcap/run/host.h"
#include "kcap/run/input.h"

typedef struct options {
    const char *input;
    kc_sets sets;
    int64_t ranks, threads, ranks_per_node; /* 0: those it runs on */
    double memory, rate;                    /* 0: not stated       */
    int json;
} options;

static kc_machine machine_of(const options *o, const kc_grid *g, int threads)
{
    kc_machine m = {.ranks = o->ranks ? (int)o->ranks : g->size,
                    .threads = o->threads ? (int)o->threads : threads,
                    .node_bytes = kc_memory_available()};
    m.ranks_per_node = o->ranks_per_node ? (int)o->ranks_per_node
                       : o->ranks        ? m.ranks
                                         : g->node_ranks;
    if (m.ranks_per_node > m.ranks)
        m.ranks_per_node = m.ranks;
    if (o->memory > 0)
        m.node_bytes = (int64_t)(o->memory * 1024 * 1024 * 1024);
    return m;
}

static int plan(kc_grid *g, const void *given, kc_error *e)
{
    const options *o = given;
    kc_input in;
    kc_host host = {.threads = 0};
    kc_plan made;
    KC_TRY(kc_input_read(g, o->input, o->sets.set, o->sets.n, &in, e));
    KC_TRY(kc_host_start(&host, g, &in.cfg, NULL, 1, e));
    const kc_machine machine = machine_of(o, g, host.threads);
    KC_TRY(kc_plan_make(&in.cfg, in.corpus, &machine, &made, e));
    const kc_plan_about about = {o->input, &in.cfg, kc_corpus_about(in.corpus), o->rate};
    if (g->rank == 0)
        (o->json ? kc_report_plan_json : kc_report_plan)(stdout, &about, &made);
    kc_plan_fits(&made, e);
out:
    kc_input_free(&in);
    kc_host_end(&host, g);
    return kc_agree(g, e);
}

static const kc_option list[] = {
    {KC_OPTION("INPUT.yaml", KC_WORD, input)},
    {KC_OPTION_SET},
    {KC_OPTION("ranks", KC_COUNT, ranks), .least = 1, .most = 1000000, .value = "N",
     .help = "plan for N ranks (default: those it runs on)"},
    {KC_OPTION("threads", KC_COUNT, threads), .least = 1, .most = 1000000, .value = "T",
     .help = "of T threads each"},
    {KC_OPTION("ranks-per-node", KC_COUNT, ranks_per_node), .least = 1, .most = 1000000,
     .value = "N", .help = "how many of them share a node's memory (default: all)"},
    {KC_OPTION("memory", KC_NUMBER, memory), .least = 0.001, .most = 1e6, .value = "GIB",
     .help = "what a node can give (default: what this one can now)"},
    {KC_OPTION("rate", KC_NUMBER, rate), .least = 1e-3, .most = 1e15, .value = "TOKENS_PER_SECOND",
     .help = "of all ranks together, for the time it takes; kcap bench measures it"},
    {KC_OPTION_JSON}};

const kc_verb kc_verb_plan = {
    .name = "plan",
    .summary = "memory, steps and operations of a run, in advance",
    .about = "What a run would take, before it is started: every item of a rank's memory, tokens, "
             "steps, operations, traffic. Exit code 2 when a node cannot hold its ranks.",
    KC_OPTIONS(list),
    .bytes = sizeof(options),
    .run = plan};
