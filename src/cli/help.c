/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/help.h"

#include <string.h>

#include "kcap/config/config.h"

enum { WIDTH = 80, OPTION_WIDTH = 27 };

/* Exit codes of every verb: kcap/base/err.h. */
static const struct {
    int code;
    const char *meaning;
} codes[] = {
    {KC_OK, "done (also: nothing was left to do)"},
    {KC_NOTHING, "kcap sweep --missing: no point is missing"},
    {KC_EINPUT, "bad input: what was found, what is allowed, where; nothing was written"},
    {KC_ENUMERIC,
     "a loss, gradient, weight, moment or logit is not finite; named, and never in a checkpoint"},
    {KC_EIO,
     "a file could not be written or read or was taken away, or no memory; older checkpoints "
     "stay"},
    {KC_EPEER,
     "MPI failed, as it does when a peer is lost, or nothing moved for too long: names the "
     "rank"},
    {KC_STOPPED,
     "stopped early by a signal (SIGUSR1, SIGTERM, Ctrl-C, ...) or --max-time, with a checkpoint: "
     "resume it"}};
enum { N_CODES = sizeof codes / sizeof *codes };

/* Words of a text from column `at` on, in lines that begin at column `indent`. */
static void put_words(FILE *out, const char *text, int at, int indent)
{
    while (*text) {
        const int n = (int)strcspn(text, " ");
        if (at > indent && at + 1 + n > WIDTH) {
            fprintf(out, "\n%*s", indent, "");
            at = indent;
        }
        at += fprintf(out, "%s%.*s", at > indent ? " " : "", n, text);
        text += n + strspn(text + n, " ");
    }
    fputc('\n', out);
}

/* `--out DIR` */
static int option_text(const kc_option *o, char *text, size_t size)
{
    return snprintf(text, size, "--%s%s%s", o->name, o->value ? " " : "", o->value ? o->value : "");
}

/* `INPUT.yaml --list | --index I [options]` */
static void usage_text(const kc_verb *v, char *text, size_t size)
{
    size_t used = 0;
    const char *between = "";
    int others = 0;
    text[0] = 0;
    for (int i = 0; i < v->n_options; ++i) {
        const kc_option *o = &v->options[i];
        char one[80];
        if (o->kind == KC_WORD)
            used +=
                (size_t)snprintf(text + used, size - used, o->optional ? " [%s]" : " %s", o->name);
        else if (o->one_of) {
            option_text(o, one, sizeof one);
            used += (size_t)snprintf(text + used, size - used, "%s %s", between, one);
            between = " |";
        } else
            ++others;
    }
    if (others)
        snprintf(text + used, size - used, " [options]");
}

static void print_option(FILE *out, const kc_option *o)
{
    char text[80], help[600];
    if (o->kind == KC_WORD && !o->help)
        return;
    if (o->kind == KC_WORD)
        snprintf(text, sizeof text, "%s", o->name);
    else
        option_text(o, text, sizeof text);
    snprintf(help, sizeof help, "%s%s%s%s", o->help, o->with ? " (with " : "",
             o->with ? o->with : "", o->with ? ")" : "");
    const int n = fprintf(out, "  %-*s", OPTION_WIDTH - 2, text);
    if (n > OPTION_WIDTH)
        fprintf(out, "\n%*s", OPTION_WIDTH, "");
    fputc(' ', out);
    put_words(out, help, OPTION_WIDTH + 1, OPTION_WIDTH + 1);
}

static void print_verb(FILE *out, const kc_verb *v)
{
    char usage[400];
    usage_text(v, usage, sizeof usage);
    fprintf(out, "usage: %skcap %s%s\n\n", v->alone ? "" : "[mpirun -n R] ", v->name, usage);
    put_words(out, v->about, 0, 0);
    if (v->n_options)
        fputc('\n', out);
    for (int i = 0; i < v->n_options; ++i)
        print_option(out, &v->options[i]);
    if (v->notes) {
        fputc('\n', out);
        put_words(out, v->notes, 0, 0);
    }
    if (v->more)
        v->more(out);
}

void kc_help_print(FILE *out, const kc_verb *v)
{
    if (v) {
        print_verb(out, v);
        return;
    }
    fputs("usage: [mpirun -n R] kcap VERB ...\n\n"
          "kcap measures how many bits of knowledge a language model stores.\n\n",
          out);
    for (int i = 0; i < kc_n_verbs; ++i)
        fprintf(out, "  kcap %-10s %s\n", kc_verbs[i]->name, kc_verbs[i]->summary);
    fputs("\n  kcap help VERB  what a verb does and its options (kcap VERB --help too)\n"
          "  kcap --version  version, commit, compiler, libraries\n\nexit codes\n",
          out);
    for (int i = 0; i < N_CODES; ++i)
        fprintf(out, "  %2d  %s\n", codes[i].code, codes[i].meaning);
}

/* Text for man: hyphens that are typed, backslashes, and no line that begins with a dot. */
static void put_man(FILE *out, const char *text)
{
    if (*text == '.' || *text == '\'')
        fputs("\\&", out);
    for (; *text; ++text)
        if (*text == '-')
            fputs("\\-", out);
        else if (*text == '\\')
            fputs("\\e", out);
        else
            fputc(*text, out);
    fputc('\n', out);
}

static void manual_verb(FILE *out, const kc_verb *v)
{
    char text[400];
    usage_text(v, text, sizeof text);
    fputs(".SS ", out);
    fprintf(out, "kcap %s", v->name);
    put_man(out, text);
    put_man(out, v->about);
    for (int i = 0; i < v->n_options; ++i) {
        const kc_option *o = &v->options[i];
        if (o->kind == KC_WORD && !o->help)
            continue;
        fputs(".TP\n.B ", out);
        if (o->kind != KC_WORD)
            option_text(o, text, sizeof text);
        put_man(out, o->kind == KC_WORD ? o->name : text);
        put_man(out, o->help);
        if (o->with) {
            fputs("With ", out);
            put_man(out, o->with);
        }
    }
    if (v->notes) {
        fputs(".PP\n", out);
        put_man(out, v->notes);
    }
}

void kc_help_manual(FILE *out)
{
    fputs(".TH KCAP 1\n.SH NAME\nkcap \\- how many bits of knowledge does a language model store?\n"
          ".SH SYNOPSIS\n.B kcap\n.I VERB\n[options]\n.br\n.B mpirun \\-n\n.I R\n.B kcap\n.I VERB\n"
          "[options]\n.SH DESCRIPTION\nkcap trains transformers from scratch on corpora whose "
          "knowledge is known to the bit, measures what the model kept, and records everything in "
          "HDF5.\n.SH VERBS\n",
          out);
    for (int i = 0; i < kc_n_verbs; ++i)
        manual_verb(out, kc_verbs[i]);
    fputs(".SH EXIT STATUS\n", out);
    for (int i = 0; i < N_CODES; ++i) {
        fprintf(out, ".TP\n.B %d\n", codes[i].code);
        put_man(out, codes[i].meaning);
    }
    fputs(".SH KEYS OF AN INPUT FILE\n.nf\n", out);
    kc_config_help(out);
    fputs(".fi\n", out);
}

void kc_help_completion(FILE *out)
{
    fputs(
        "# bash completion of kcap\n_kcap()\n{\n    local word=${COMP_WORDS[COMP_CWORD]} words=''\n"
        "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n        words='",
        out);
    for (int i = 0; i < kc_n_verbs; ++i)
        fprintf(out, "%s ", kc_verbs[i]->name);
    fputs("--help --version'\n    elif [[ $word == -* ]]; then\n        case ${COMP_WORDS[1]} in\n",
          out);
    for (int i = 0; i < kc_n_verbs; ++i) {
        const kc_verb *v = kc_verbs[i];
        fprintf(out, "        %s) words='", v->name);
        for (int k = 0; k < v->n_options; ++k)
            if (v->options[k].kind != KC_WORD)
                fprintf(out, "--%s ", v->options[k].name);
        fputs("--help' ;;\n", out);
    }
    fputs("        esac\n    fi\n    if [ -n \"$words\" ]; then\n"
          "        mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n    else\n"
          "        mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n    fi\n}\n"
          "complete -o filenames -F _kcap kcap\n",
          out);
}

typedef struct options {
    const char *verb;
    int manual, bash;
} options;

static int check(const void *given, kc_error *e)
{
    const options *o = given;
    if (o->verb && !kc_verb_find(o->verb))
        return kc_fail(e, KC_EINPUT, "help: %s: unknown verb; kcap help lists them", o->verb);
    if (o->manual + o->bash + (o->verb != NULL) > 1)
        return kc_fail(e, KC_EINPUT, "help: one of a verb, --man and --bash");
    return KC_OK;
}

static int run(kc_grid *g, const void *given, kc_error *e)
{
    const options *o = given;
    (void)g;
    if (o->manual)
        kc_help_manual(stdout);
    else if (o->bash)
        kc_help_completion(stdout);
    else
        kc_help_print(stdout, o->verb ? kc_verb_find(o->verb) : NULL);
    return e->code;
}

static const kc_option list[] = {
    {KC_OPTION("VERB", KC_WORD, verb), .optional = 1},
    {KC_OPTION("man", KC_FLAG, manual), .help = "the manual page, for man"},
    {KC_OPTION("bash", KC_FLAG, bash), .help = "completion for bash, to be sourced"}};

const kc_verb kc_verb_help = {.name = "help",
                              .summary = "the verbs, or the options of one",
                              .about = "Say what kcap does, or what one of its verbs does.",
                              KC_OPTIONS(list),
                              .bytes = sizeof(options),
                              .alone = 1,
                              .check = check,
                              .run = run};
