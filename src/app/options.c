/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/app/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    OPT_SET = 256,
    OPT_OUT,
    OPT_RESUME,
    OPT_TIME,
    OPT_SECONDS,
    OPT_DRY,
    OPT_RANKS,
    OPT_THREADS,
    OPT_NODE,
    OPT_MEMORY,
    OPT_RATE,
    OPT_FACTS,
    OPT_BITS,
    OPT_UNIVERSE,
    OPT_LAW,
    OPT_VOCAB,
    OPT_TOKEN_BITS,
    OPT_CORE_RATE,
    OPT_SHOW,
    OPT_DEFAULTS,
    OPT_PRINT,
    OPT_LIST,
    OPT_INDEX,
    OPT_MISSING,
    OPT_STATUS,
    OPT_FARM,
    OPT_PER_POINT,
    OPT_PATIENCE,
    OPT_JSON
};

static const struct option all_options[] = {
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {"set", required_argument, NULL, OPT_SET},
    {"out", required_argument, NULL, OPT_OUT},
    {"resume", required_argument, NULL, OPT_RESUME},
    {"max-time", required_argument, NULL, OPT_TIME},
    {"seconds", required_argument, NULL, OPT_SECONDS},
    {"dry-run", no_argument, NULL, OPT_DRY},
    {"ranks", required_argument, NULL, OPT_RANKS},
    {"threads", required_argument, NULL, OPT_THREADS},
    {"ranks-per-node", required_argument, NULL, OPT_NODE},
    {"memory", required_argument, NULL, OPT_MEMORY},
    {"rate", required_argument, NULL, OPT_RATE},
    {"facts", required_argument, NULL, OPT_FACTS},
    {"bits", required_argument, NULL, OPT_BITS},
    {"universe", required_argument, NULL, OPT_UNIVERSE},
    {"law", required_argument, NULL, OPT_LAW},
    {"vocab", required_argument, NULL, OPT_VOCAB},
    {"bits-per-token", required_argument, NULL, OPT_TOKEN_BITS},
    {"core-rate", required_argument, NULL, OPT_CORE_RATE},
    {"show", required_argument, NULL, OPT_SHOW},
    {"defaults", no_argument, NULL, OPT_DEFAULTS},
    {"print", no_argument, NULL, OPT_PRINT},
    {"list", no_argument, NULL, OPT_LIST},
    {"index", required_argument, NULL, OPT_INDEX},
    {"missing", no_argument, NULL, OPT_MISSING},
    {"status", no_argument, NULL, OPT_STATUS},
    {"farm", no_argument, NULL, OPT_FARM},
    {"ranks-per-point", required_argument, NULL, OPT_PER_POINT},
    {"patience", required_argument, NULL, OPT_PATIENCE},
    {"json", no_argument, NULL, OPT_JSON},
    {NULL, 0, NULL, 0}};

static const struct {
    const char *name, *options, *help;
} verbs[KC_VERBS + 1] = {
    [KC_TRAIN] =
        {"train", "set out resume max-time dry-run json",
         "usage: [mpirun -n R] kcap train INPUT.yaml [options]\n"
         "\n"
         "Train a model on the input file's corpus, measure what it stores, and write\n"
         "OUT/run.h5 and OUT/checkpoints.\n"
         "\n"
         "  --set section.key=value   override a key of the input file; may be repeated\n"
         "  --out DIR                 folder to write (default: run.out, or runs/<run.name>)\n"
         "  --resume never            refuse a folder that is not empty (default)\n"
         "  --resume auto             go on from OUT's newest good checkpoint, or start\n"
         "  --resume PATH             go on from this checkpoint or run folder\n"
         "  --max-time HH:MM:SS       stop in time with a checkpoint and exit code 75\n"
         "  --dry-run                 say what it would take (see kcap plan) and stop\n"
         "  --json                    one JSON object on stdout; progress goes to stderr\n"
         "\n"
         "SIGUSR1 or SIGTERM: write a checkpoint, exit with code 75. Exit codes: 0 done,\n"
         "2 bad input, 3 numeric failure, 4 input/output, 5 MPI failure, 75 stopped early.\n"},
    [KC_MEASURE_VERB] =
        {"measure", "json",
         "usage: [mpirun -n R] kcap measure RUN_FOLDER|CHECKPOINT.h5 [--json]\n"
         "\n"
         "Measure what a checkpoint's model stores, from the checkpoint alone (a run's folder\n"
         "stands for its newest good checkpoint).\n"},
    [KC_CORPUS] =
        {"corpus", "set show json",
         "usage: kcap corpus INPUT.yaml [--show N] [--set section.key=value ...] [--json]\n"
         "\n"
         "Say what the corpus holds: people, vocabulary, tokens, bits by item and the maximum.\n"
         "\n"
         "  --show N   print N documents with the spans of their attributes marked\n"},
    [KC_CONFIG] =
        {"config", "set defaults print json",
         "usage: kcap config --defaults | --print INPUT.yaml [--set section.key=value ...] "
         "[--json]\n"
         "\n"
         "  --defaults   every key with its default, unit, range and meaning, as an input file\n"
         "  --print      the input file's effective configuration\n"},
    [KC_PLAN] =
        {"plan",
         "set ranks threads ranks-per-node memory rate facts bits universe law vocab "
         "bits-per-token core-rate json",
         "usage: [mpirun -n R] kcap plan INPUT.yaml [options]\n"
         "                     kcap plan --facts FILE.tsv | --bits B [options]\n"
         "\n"
         "What a run would take, before it is started: every item of a rank's memory, tokens,\n"
         "steps, operations, traffic. Exit code 2 when a node cannot hold its ranks.\n"
         "\n"
         "  --set section.key=value   override a key of the input file; may be repeated\n"
         "  --ranks N                 plan for N ranks (default: those it runs on)\n"
         "  --threads T               of T threads each\n"
         "  --ranks-per-node N        how many of them share a node's memory (default: all)\n"
         "  --memory GIB              what a node can give (default: what this one can now)\n"
         "  --rate TOKENS_PER_SECOND  of all ranks together, for the time it takes\n"
         "  --json                    one JSON object on stdout\n"
         "\n"
         "How large a model do my facts need? By the bits they hold and a capacity law:\n"
         "\n"
         "  --facts FILE.tsv          a table with columns name, attribute, value\n"
         "  --bits B                  or so many bits\n"
         "  --universe N              names that could have been, to count the names' bits too\n"
         "  --law paper|LAW.json      bits a parameter by exposures: 2 after 1000 and 1 after 100\n"
         "                            (default), or as analysis/law.py measured them\n"
         "  --vocab V                 of --bits: words of the vocabulary (default: 3275)\n"
         "  --bits-per-token X        of --bits: what a token of text brings (default: 0.74)\n"
         "  --core-rate FLOPS         of one core in training (default: measured here)\n"},
    [KC_BENCH] =
        {"bench", "set seconds json",
         "usage: [mpirun -n R] kcap bench [INPUT.yaml] [options]\n"
         "\n"
         "Train on the input file's corpus (or with the default configuration) for a few seconds,\n"
         "measure nothing, keep nothing, and say how fast it went: tokens a second, and each "
         "phase\n"
         "of the step in milliseconds and as a share of the multiply-add rate of these cores,\n"
         "measured just before.\n"
         "\n"
         "  --set section.key=value   override a key of the input file; may be repeated\n"
         "  --seconds S               how long to train, a tenth of it as warm-up (default: 5)\n"
         "  --json                    one JSON object on stdout\n"},
    [KC_SWEEP] =
        {"sweep", "set list index missing status farm ranks-per-point patience max-time json",
         "usage: [mpirun -n R] kcap sweep SWEEP.yaml --list | --index I | --missing | --status\n"
         "                                           | --farm [options]\n"
         "\n"
         "Many runs from one file: see the README for what a sweep file says. Each point writes\n"
         "its own folder in the sweep's; finished points are never run again.\n"
         "\n"
         "  --list                    the points: index, name, size and cost\n"
         "  --index I                 run point I on these ranks, from its checkpoint if it has "
         "one\n"
         "  --missing                 the indices of points not finished, as Slurm's --array "
         "takes\n"
         "                            them: 0-3,7\n"
         "  --status                  what each point's folder holds\n"
         "  --farm                    run all that are not finished, the longest first, on groups "
         "of\n"
         "                            these ranks; a point that fails leaves error.txt in its "
         "folder\n"
         "                            and the others go on; the same command goes on where a "
         "farm\n"
         "                            was stopped\n"
         "  --ranks-per-point N       ranks of a group (default: 1); N divides R\n"
         "  --patience SECONDS        a group silent for longer is given up (default: 1800)\n"
         "  --max-time HH:MM:SS       stop in time with checkpoints and exit code 75\n"
         "  --set section.key=value   override a key in all points; may be repeated\n"
         "  --json                    one JSON object on stdout\n"},
    [KC_VERBS] = {"", "",
                  "usage: [mpirun -n R] kcap VERB ...\n"
                  "\n"
                  "kcap measures how many bits of knowledge a language model stores.\n"
                  "\n"
                  "  kcap train INPUT.yaml      train, measure, record\n"
                  "  kcap measure RUN           measure a checkpoint again\n"
                  "  kcap corpus INPUT.yaml     what the corpus holds, and sample documents\n"
                  "  kcap config --defaults     the keys of an input file\n"
                  "  kcap plan INPUT.yaml       memory, steps and operations of a run, in advance\n"
                  "  kcap bench INPUT.yaml      how fast it trains here, phase by phase\n"
                  "  kcap sweep SWEEP.yaml      many runs from one file\n"
                  "\n"
                  "  kcap VERB --help           the options of a verb\n"
                  "  kcap --version             version, commit, compiler, libraries\n"},
};

const char *kc_options_help(kc_verb verb)
{
    return verbs[verb].help;
}

static int find_verb(const char *word, kc_options *o, kc_error *e)
{
    for (int v = 0; v < KC_VERBS; ++v)
        if (strcmp(word, verbs[v].name) == 0) {
            o->verb = (kc_verb)v;
            return KC_OK;
        }
    return kc_fail(
        e, KC_EINPUT,
        "%s: unknown verb; the verbs are train, measure, corpus, config, plan, bench, sweep", word);
}

/* Does this verb take the option? A verb's list holds whole names between blanks. */
static int takes(kc_verb verb, const char *name)
{
    const char *at = verbs[verb].options;
    const size_t n = strlen(name);
    while ((at = strstr(at, name))) {
        if ((at == verbs[verb].options || at[-1] == ' ') && (at[n] == ' ' || at[n] == 0))
            return 1;
        at += n;
    }
    return 0;
}

static int parse_time(const char *text, double *seconds, kc_error *e)
{
    int h = 0, m = 0, s = 0, end = 0;
    if (sscanf(text, "%d:%d:%d%n", &h, &m, &s, &end) != 3 || text[end] || h < 0 || m < 0 ||
        m > 59 || s < 0 || s > 59 || h + m + s == 0)
        return kc_fail(e, KC_EINPUT, "--max-time %s: a time is HH:MM:SS and not zero", text);
    *seconds = h * 3600.0 + m * 60 + s;
    return KC_OK;
}

static int parse_real(const char *option, const char *text, double least, double most,
                      double *value, kc_error *e)
{
    char *end;
    *value = strtod(text, &end);
    if (*text == 0 || *end || !(*value >= least && *value <= most))
        return kc_fail(e, KC_EINPUT, "%s %s: a number from %g to %g", option, text, least, most);
    return KC_OK;
}

static int parse_count(const char *option, const char *text, int64_t least, int64_t *n, kc_error *e)
{
    enum { MOST = 1000000 };
    char *end;
    *n = strtoll(text, &end, 10);
    if (*text == 0 || *end || *n < least || *n > MOST)
        return kc_fail(e, KC_EINPUT, "%s %s: a whole number from %d to %d", option, text,
                       (int)least, MOST);
    return KC_OK;
}

static int take_option(kc_options *o, int option, const char *value, kc_error *e)
{
    switch (option) {
    case OPT_SET:
        if (o->n_sets == KC_SETS_MAX)
            return kc_fail(e, KC_EINPUT, "--set: at most %d overrides", KC_SETS_MAX);
        o->sets[o->n_sets++] = value;
        return KC_OK;
    case OPT_TIME:
        return parse_time(value, &o->max_seconds, e);
    case OPT_SECONDS:
        return parse_real("--seconds", value, 0.1, 86400, &o->max_seconds, e);
    case OPT_RANKS:
        return parse_count("--ranks", value, 1, &o->ranks, e);
    case OPT_THREADS:
        return parse_count("--threads", value, 1, &o->threads, e);
    case OPT_NODE:
        return parse_count("--ranks-per-node", value, 1, &o->ranks_per_node, e);
    case OPT_MEMORY:
        return parse_real("--memory", value, 0.001, 1e6, &o->memory, e);
    case OPT_RATE:
        return parse_real("--rate", value, 1e-3, 1e15, &o->rate, e);
    case OPT_INDEX:
        return parse_count("--index", value, 0, &o->index, e);
    case OPT_PER_POINT:
        return parse_count("--ranks-per-point", value, 1, &o->ranks_per_point, e);
    case OPT_PATIENCE:
        return parse_real("--patience", value, 1, 1e6, &o->patience, e);
    case OPT_LIST:
        o->list = 1;
        return KC_OK;
    case OPT_MISSING:
        o->missing = 1;
        return KC_OK;
    case OPT_STATUS:
        o->status = 1;
        return KC_OK;
    case OPT_FARM:
        o->farm = 1;
        return KC_OK;
    case OPT_FACTS:
        o->facts = value;
        return *value ? KC_OK : kc_fail(e, KC_EINPUT, "--facts: no file named");
    case OPT_BITS:
        return parse_real("--bits", value, 1, 1e18, &o->bits, e);
    case OPT_UNIVERSE:
        return parse_real("--universe", value, 1, 1e300, &o->universe, e);
    case OPT_LAW:
        o->law = value;
        return *value ? KC_OK : kc_fail(e, KC_EINPUT, "--law: paper or a law.json");
    case OPT_VOCAB:
        return parse_count("--vocab", value, 3, &o->vocab, e);
    case OPT_TOKEN_BITS:
        return parse_real("--bits-per-token", value, 1e-6, 1e3, &o->bits_per_token, e);
    case OPT_CORE_RATE:
        return parse_real("--core-rate", value, 1, 1e18, &o->core_rate, e);
    case OPT_DRY:
        o->dry_run = 1;
        return KC_OK;
    case OPT_SHOW:
        return parse_count("--show", value, 0, &o->show, e);
    case OPT_OUT:
        o->out = value;
        return *value ? KC_OK : kc_fail(e, KC_EINPUT, "--out: no folder named");
    case OPT_RESUME:
        o->resume = value;
        return *value ? KC_OK : kc_fail(e, KC_EINPUT, "--resume: auto, never or a path");
    case OPT_DEFAULTS:
        o->defaults = 1;
        return KC_OK;
    case OPT_PRINT:
        o->print = 1;
        return KC_OK;
    default:
        o->json = 1;
        return KC_OK;
    }
}

static int check_input(kc_options *o, kc_error *e)
{
    const char *name = verbs[o->verb].name;
    if (o->verb == KC_CONFIG) {
        if (o->defaults == o->print)
            return kc_fail(e, KC_EINPUT, "config: one of --defaults and --print INPUT.yaml");
        if (o->defaults && o->input)
            return kc_fail(e, KC_EINPUT, "config --defaults: takes no input file, %s given",
                           o->input);
    }
    if (o->verb == KC_SWEEP && o->list + o->missing + o->status + o->farm + (o->index >= 0) != 1)
        return kc_fail(e, KC_EINPUT,
                       "sweep: one of --list, --index, --missing, --status and --farm");
    if (o->verb == KC_BENCH && o->max_seconds == 0)
        o->max_seconds = 5;
    const int chooses = o->facts || o->bits > 0;
    if (o->facts && o->bits > 0)
        return kc_fail(e, KC_EINPUT, "plan: one of --facts and --bits");
    if (chooses && o->input)
        return kc_fail(e, KC_EINPUT, "plan: %s or --%s, not both", o->input,
                       o->facts ? "facts" : "bits");
    if (!chooses &&
        (o->law || o->universe > 0 || o->vocab || o->bits_per_token > 0 || o->core_rate > 0))
        return kc_fail(e, KC_EINPUT,
                       "plan: --law, --universe, --vocab, --bits-per-token and "
                       "--core-rate go with --facts or --bits");
    if (!o->input && !o->defaults && !chooses && o->verb != KC_BENCH)
        return kc_fail(e, KC_EINPUT, "%s: what to read is missing; see kcap %s --help", name, name);
    return KC_OK;
}

int kc_options_parse(int argc, char **argv, kc_options *o, kc_error *e)
{
    *o = (kc_options){
        .verb = KC_VERBS, .resume = "never", .index = -1, .ranks_per_point = 1, .patience = 1800};
    int index = 0, option;
    opterr = 0;
    optind = 1;
    while ((option = getopt_long(argc, argv, "-:hV", all_options, &index)) != -1) {
        if (option == 'h')
            o->help = 1;
        else if (option == 'V')
            o->version = 1;
        else if (option == ':')
            return kc_fail(e, KC_EINPUT, "%s: its value is missing", argv[optind - 1]);
        else if (option == '?')
            return kc_fail(e, KC_EINPUT, "%s: unknown option; see kcap --help", argv[optind - 1]);
        else if (option == 1 && o->verb == KC_VERBS) {
            if (find_verb(optarg, o, e) != KC_OK)
                return e->code;
        } else if (option == 1) {
            if (o->input)
                return kc_fail(e, KC_EINPUT, "%s: one input at a time, %s is given already", optarg,
                               o->input);
            o->input = optarg;
        } else if (o->verb == KC_VERBS)
            return kc_fail(e, KC_EINPUT, "--%s: name a verb first; see kcap --help",
                           all_options[index].name);
        else if (!takes(o->verb, all_options[index].name))
            return kc_fail(e, KC_EINPUT, "--%s: not an option of %s; see kcap %s --help",
                           all_options[index].name, verbs[o->verb].name, verbs[o->verb].name);
        else if (take_option(o, option, optarg, e) != KC_OK)
            return e->code;
    }
    if (o->help || o->version)
        return KC_OK;
    if (o->verb == KC_VERBS)
        return kc_fail(
            e, KC_EINPUT,
            "name a verb: train, measure, corpus, config, plan, bench or sweep; see kcap --help");
    return check_input(o, e);
}
