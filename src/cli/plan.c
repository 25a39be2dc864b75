/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/plan/plan.h"

#include "kcap/cli/choose.h"
#include "kcap/cli/print/report.h"
#include "kcap/cli/verbs.h"
#include "kcap/base/memory.h"

int kc_session_plan(kc_session *s, kc_plan *plan, kc_error *e)
{
    const kc_machine here = {.ranks = s->grid.size,
                             .threads = s->threads,
                             .ranks_per_node = s->grid.node_ranks,
                             .node_bytes = kc_memory_available()};
    kc_plan_make(&s->cfg, s->corpus, &here, plan, e);
    if (e->code == KC_OK && kc_plan_fits(plan, e) != KC_OK && s->grid.rank == 0)
        kc_report_plan(stderr, s, plan);
    return kc_agree(&s->grid, e);
}

int kc_verb_plan(kc_session *s, kc_error *e)
{
    const kc_options *o = s->options;
    kc_plan plan;
    if (o->facts || o->bits > 0)
        return kc_choose(s, e);
    KC_TRY(kc_session_config(s, e));
    KC_TRY(kc_session_corpus(s, NULL, e));
    KC_TRY(kc_session_machine(s, NULL, e));
    kc_machine machine = {.ranks = o->ranks ? (int)o->ranks : s->grid.size,
                          .threads = o->threads ? (int)o->threads : s->threads,
                          .node_bytes = kc_memory_available()};
    machine.ranks_per_node = o->ranks_per_node ? (int)o->ranks_per_node
                             : o->ranks        ? machine.ranks
                                               : s->grid.node_ranks;
    if (machine.ranks_per_node > machine.ranks)
        machine.ranks_per_node = machine.ranks;
    if (o->memory > 0)
        machine.node_bytes = (int64_t)(o->memory * 1024 * 1024 * 1024);
    KC_TRY(kc_plan_make(&s->cfg, s->corpus, &machine, &plan, e));
    if (s->grid.rank == 0)
        (o->json ? kc_report_plan_json : kc_report_plan)(stdout, s, &plan);
    kc_plan_fits(&plan, e);
out:
    return kc_agree(&s->grid, e);
}
