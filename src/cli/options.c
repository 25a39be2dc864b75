/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/cli/options.h"

#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What an option's value is, and where it goes in kc_options. */
typedef enum kind { FLAG, TEXT, COUNT, REAL, TIME, OVERRIDE } kind;

/* What an option of a verb that has several uses goes with. */
typedef enum use { ANY, PLAN_INPUT, CHOICE, FACTS, BITS, FARM, RUNS } use;

static const char *const use_texts[] = {[PLAN_INPUT] = "INPUT.yaml, not --facts or --bits",
                                        [CHOICE] = "--facts or --bits",
                                        [FACTS] = "--facts",
                                        [BITS] = "--bits",
                                        [FARM] = "--farm",
                                        [RUNS] = "--farm or --index"};

enum { COUNT_MOST = 1000000 };

/* Every option: FLAG sets an int, COUNT an int64_t, REAL and TIME a double, TEXT a pointer. */
typedef struct row {
    const char *name;
    kind kind;
    size_t field;
    double least, most;
    const char *empty; /* what a text that is not empty would be */
    use use;
} row;

#define AT(field)                  offsetof(kc_options, field)
#define A_COUNT(field, least)      COUNT, AT(field), least, COUNT_MOST, NULL
#define A_REAL(field, least, most) REAL, AT(field), least, most, NULL
#define A_TEXT(field, empty)       TEXT, AT(field), 0, 0, empty
#define A_FLAG(field)              FLAG, AT(field), 0, 0, NULL

static const row rows[] = {{"set", OVERRIDE, 0, 0, 0, NULL, PLAN_INPUT},
                           {"out", A_TEXT(out, "no folder named"), ANY},
                           {"resume", A_TEXT(resume, "auto, never or a path"), ANY},
                           {"max-time", TIME, AT(max_seconds), 0, 0, NULL, RUNS},
                           {"seconds", A_REAL(max_seconds, 0.1, 86400), ANY},
                           {"dry-run", A_FLAG(dry_run), ANY},
                           {"ranks", A_COUNT(ranks, 1), PLAN_INPUT},
                           {"threads", A_COUNT(threads, 1), PLAN_INPUT},
                           {"ranks-per-node", A_COUNT(ranks_per_node, 1), PLAN_INPUT},
                           {"memory", A_REAL(memory, 0.001, 1e6), PLAN_INPUT},
                           {"rate", A_REAL(rate, 1e-3, 1e15), PLAN_INPUT},
                           {"facts", A_TEXT(facts, "no file named"), ANY},
                           {"bits", A_REAL(bits, 1, 1e18), ANY},
                           {"universe", A_REAL(universe, 1, 1e300), FACTS},
                           {"law", A_TEXT(law, "paper or a law.json"), CHOICE},
                           {"vocab", A_COUNT(vocab, 3), BITS},
                           {"bits-per-token", A_REAL(bits_per_token, 1e-6, 1e3), BITS},
                           {"core-rate", A_REAL(core_rate, 1, 1e18), CHOICE},
                           {"show", A_COUNT(show, 0), ANY},
                           {"defaults", A_FLAG(defaults), ANY},
                           {"print", A_FLAG(print), ANY},
                           {"list", A_FLAG(list), ANY},
                           {"index", A_COUNT(index, 0), ANY},
                           {"missing", A_FLAG(missing), ANY},
                           {"status", A_FLAG(status), ANY},
                           {"farm", A_FLAG(farm), ANY},
                           {"ranks-per-point", A_COUNT(ranks_per_point, 1), FARM},
                           {"patience", A_REAL(patience, 1, 1e6), FARM},
                           {"json", A_FLAG(json), ANY}};

enum { N_ROWS = sizeof rows / sizeof *rows, FIRST_CODE = 256 };

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
    [KC_INIT] =
        {"init", "set out json",
         "usage: [mpirun -n R] kcap init INPUT.yaml --out DIR [--set section.key=value ...] "
         "[--json]\n"
         "\n"
         "Write the weights that kcap train would start from as the checkpoint of step 0, in\n"
         "DIR/checkpoints: to measure what a model stores that has learnt nothing, to give "
         "another\n"
         "program the same start, or to fill in weights from elsewhere (analysis/hf.py).\n"},
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
    [KC_EXPORT] =
        {"export", "json",
         "usage: [mpirun -n R] kcap export RUN_FOLDER|CHECKPOINT.h5 DIR [--json]\n"
         "\n"
         "Write a checkpoint's model into the new folder DIR as Hugging Face's transformers read\n"
         "it: model.safetensors, config.json, vocab.json. The class is the nearest that computes\n"
         "exactly this architecture, or kcap's own plain layout: see the README.\n"},
    [KC_IMPORT] =
        {"import", "out json",
         "usage: [mpirun -n R] kcap import DIR [INPUT.yaml] --out RUN_FOLDER [--json]\n"
         "\n"
         "Read such a folder back into RUN_FOLDER/checkpoints, bit for bit, for kcap measure.\n"
         "Moments are not in it: no training goes on from there.\n"
         "\n"
         "  INPUT.yaml   of a folder that kcap did not write: the model and the corpus\n"
         "  --out DIR    the run's folder to write; must be empty or not there\n"},
    [KC_VERBS] = {"", "",
                  "usage: [mpirun -n R] kcap VERB ...\n"
                  "\n"
                  "kcap measures how many bits of knowledge a language model stores.\n"
                  "\n"
                  "  kcap train INPUT.yaml      train, measure, record\n"
                  "  kcap init INPUT.yaml       the weights that training starts from\n"
                  "  kcap measure RUN           measure a checkpoint again\n"
                  "  kcap corpus INPUT.yaml     what the corpus holds, and sample documents\n"
                  "  kcap config --defaults     the keys of an input file\n"
                  "  kcap plan INPUT.yaml       memory, steps and operations of a run, in advance\n"
                  "  kcap bench INPUT.yaml      how fast it trains here, phase by phase\n"
                  "  kcap sweep SWEEP.yaml      many runs from one file\n"
                  "  kcap export RUN DIR        a checkpoint's model as transformers read it\n"
                  "  kcap import DIR --out RUN  and back\n"
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
        "%s: unknown verb; the verbs are train, init, measure, corpus, config, plan, bench, "
        "sweep, export, import",
        word);
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

static int parse_real(const row *r, const char *text, double *value, kc_error *e)
{
    char *end;
    *value = strtod(text, &end);
    if (*text == 0 || *end || !(*value >= r->least && *value <= r->most))
        return kc_fail(e, KC_EINPUT, "--%s %s: a number from %g to %g", r->name, text, r->least,
                       r->most);
    return KC_OK;
}

static int parse_count(const row *r, const char *text, int64_t *n, kc_error *e)
{
    char *end;
    *n = strtoll(text, &end, 10);
    if (*text == 0 || *end || (double)*n < r->least || (double)*n > r->most)
        return kc_fail(e, KC_EINPUT, "--%s %s: a whole number from %.0f to %.0f", r->name, text,
                       r->least, r->most);
    return KC_OK;
}

static int take_override(kc_options *o, const char *value, kc_error *e)
{
    if (o->n_sets == KC_SETS_MAX)
        return kc_fail(e, KC_EINPUT, "--set: at most %d overrides", KC_SETS_MAX);
    o->sets[o->n_sets++] = value;
    return KC_OK;
}

static int take_option(kc_options *o, const row *r, const char *value, kc_error *e)
{
    void *field = (char *)o + r->field;
    switch (r->kind) {
    case OVERRIDE:
        return take_override(o, value, e);
    case TIME:
        return parse_time(value, field, e);
    case REAL:
        return parse_real(r, value, field, e);
    case COUNT:
        return parse_count(r, value, field, e);
    case TEXT:
        *(const char **)field = value;
        return *value ? KC_OK : kc_fail(e, KC_EINPUT, "--%s: %s", r->name, r->empty);
    default:
        *(int *)field = 1;
        return KC_OK;
    }
}

/* Does what was asked for use the option? */
static int has_use(const kc_options *o, use u)
{
    switch (u) {
    case PLAN_INPUT:
        return o->verb != KC_PLAN || (!o->facts && o->bits == 0);
    case CHOICE:
        return o->facts || o->bits > 0;
    case FACTS:
        return o->facts != NULL;
    case BITS:
        return o->bits > 0;
    case FARM:
        return o->farm;
    case RUNS:
        return o->verb != KC_SWEEP || o->farm || o->index >= 0;
    default:
        return 1;
    }
}

/* Nothing that was given is passed over. */
static int check_uses(const kc_options *o, const char given[N_ROWS], kc_error *e)
{
    for (int i = 0; i < N_ROWS; ++i)
        if (given[i] && !has_use(o, rows[i].use))
            return kc_fail(e, KC_EINPUT, "%s: --%s goes with %s", verbs[o->verb].name, rows[i].name,
                           use_texts[rows[i].use]);
    return KC_OK;
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
    if (o->verb == KC_EXPORT && o->input && !o->second)
        return kc_fail(e, KC_EINPUT,
                       "export: the folder to write is missing; see kcap export --help");
    if ((o->verb == KC_IMPORT || o->verb == KC_INIT) && o->input && !o->out)
        return kc_fail(e, KC_EINPUT, "%s: --out is missing; see kcap %s --help", name, name);
    if (o->verb == KC_BENCH && o->max_seconds == 0)
        o->max_seconds = 5;
    const int chooses = o->facts || o->bits > 0;
    if (o->facts && o->bits > 0)
        return kc_fail(e, KC_EINPUT, "plan: one of --facts and --bits");
    if (chooses && o->input)
        return kc_fail(e, KC_EINPUT, "plan: %s or --%s, not both", o->input,
                       o->facts ? "facts" : "bits");
    if (!o->input && !o->defaults && !chooses && o->verb != KC_BENCH)
        return kc_fail(e, KC_EINPUT, "%s: what to read is missing; see kcap %s --help", name, name);
    return KC_OK;
}

/* The rows as getopt_long takes them. */
static void list_options(struct option list[N_ROWS + 3])
{
    for (int i = 0; i < N_ROWS; ++i)
        list[i] =
            (struct option){rows[i].name, rows[i].kind == FLAG ? no_argument : required_argument,
                            NULL, FIRST_CODE + i};
    list[N_ROWS] = (struct option){"help", no_argument, NULL, 'h'};
    list[N_ROWS + 1] = (struct option){"version", no_argument, NULL, 'V'};
    list[N_ROWS + 2] = (struct option){0};
}

/* A word that is no option: the verb, its input, and of some verbs a second one. */
static int take_word(kc_options *o, const char *word, kc_error *e)
{
    if (o->verb == KC_VERBS)
        return find_verb(word, o, e);
    const char **at = &o->input;
    if (o->input && (o->verb == KC_EXPORT || o->verb == KC_IMPORT))
        at = &o->second;
    if (*at)
        return kc_fail(e, KC_EINPUT, "%s: one input at a time, %s is given already", word, *at);
    *at = word;
    return KC_OK;
}

static int take_row(kc_options *o, const row *r, const char *value, kc_error *e)
{
    if (o->verb == KC_VERBS)
        return kc_fail(e, KC_EINPUT, "--%s: name a verb first; see kcap --help", r->name);
    if (!takes(o->verb, r->name))
        return kc_fail(e, KC_EINPUT, "--%s: not an option of %s; see kcap %s --help", r->name,
                       verbs[o->verb].name, verbs[o->verb].name);
    return take_option(o, r, value, e);
}

int kc_options_parse(int argc, char **argv, kc_options *o, kc_error *e)
{
    *o = (kc_options){
        .verb = KC_VERBS, .resume = "never", .index = -1, .ranks_per_point = 1, .patience = 1800};
    struct option list[N_ROWS + 3];
    char given[N_ROWS] = {0};
    int option;
    list_options(list);
    opterr = 0;
    optind = 1;
    while (e->code == KC_OK && (option = getopt_long(argc, argv, "-:hV", list, NULL)) != -1) {
        if (option == 'h')
            o->help = 1;
        else if (option == 'V')
            o->version = 1;
        else if (option == ':')
            kc_fail(e, KC_EINPUT, "%s: its value is missing", argv[optind - 1]);
        else if (option == '?')
            kc_fail(e, KC_EINPUT, "%s: unknown option; see kcap --help", argv[optind - 1]);
        else if (option == 1)
            take_word(o, optarg, e);
        else {
            given[option - FIRST_CODE] = 1;
            take_row(o, &rows[option - FIRST_CODE], optarg, e);
        }
    }
    if (e->code != KC_OK || o->help || o->version)
        return e->code;
    if (o->verb == KC_VERBS)
        return kc_fail(
            e, KC_EINPUT,
            "name a verb: train, init, measure, corpus, config, plan, bench, sweep, export or "
            "import; see kcap --help");
    if (check_input(o, e) == KC_OK)
        check_uses(o, given, e);
    return e->code;
}
