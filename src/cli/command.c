/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/command.h"

#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kcap/base/text.h"

enum { OPTIONS_MAX = 32, FIRST_CODE = 256 };

static void list_verbs(char *text, size_t size)
{
    size_t used = 0;
    for (int i = 0; i < kc_n_verbs && used < size; ++i)
        used +=
            (size_t)snprintf(text + used, size - used, "%s%s", i ? ", " : "", kc_verbs[i]->name);
}

static int parse_time(const kc_option *o, const char *text, double *seconds, kc_error *e)
{
    int h = 0, m = 0, s = 0, end = 0;
    if (sscanf(text, "%d:%d:%d%n", &h, &m, &s, &end) != 3 || text[end] || h < 0 || m < 0 ||
        m > 59 || s < 0 || s > 59 || h + m + s == 0)
        return kc_fail(e, KC_EINPUT, "--%s %s: a time is HH:MM:SS and not zero", o->name, text);
    *seconds = h * 3600.0 + m * 60 + s;
    return KC_OK;
}

static int parse_number(const kc_option *o, const char *text, double *value, kc_error *e)
{
    char *end;
    *value = strtod(text, &end);
    if (*text == 0 || *end || !(*value >= o->least && *value <= o->most))
        return kc_fail(e, KC_EINPUT, "--%s %s: a number from %g to %g", o->name, text, o->least,
                       o->most);
    return KC_OK;
}

static int parse_count(const kc_option *o, const char *text, int64_t *n, kc_error *e)
{
    char *end;
    *n = strtoll(text, &end, 10);
    if (*text == 0 || *end || (double)*n < o->least || (double)*n > o->most)
        return kc_fail(e, KC_EINPUT, "--%s %s: a whole number from %.0f to %.0f", o->name, text,
                       o->least, o->most);
    return KC_OK;
}

static int add_set(kc_sets *sets, const char *value, kc_error *e)
{
    if (sets->n == KC_SETS_MAX)
        return kc_fail(e, KC_EINPUT, "--set: at most %d overrides", KC_SETS_MAX);
    sets->set[sets->n++] = value;
    return KC_OK;
}

/* `field` is where the verb's options have it. */
static int take_value(const kc_option *o, void *field, const char *value, kc_error *e)
{
    switch (o->kind) {
    case KC_FLAG:
        *(int *)field = 1;
        return KC_OK;
    case KC_COUNT:
        return parse_count(o, value, field, e);
    case KC_NUMBER:
        return parse_number(o, value, field, e);
    case KC_TIME:
        return parse_time(o, value, field, e);
    case KC_SET:
        return add_set(field, value, e);
    default:
        *(const char **)field = value;
        if (kc_path_fault(value))
            return kc_fail(e, KC_EINPUT, "--%s %.200s: %s", o->name, value, kc_path_fault(value));
        return *value ? KC_OK : kc_fail(e, KC_EINPUT, "--%s: %s is missing", o->name, o->value);
    }
}

/* Is an option that this names, `--farm or --index`, among those given? */
static int is_given(const kc_verb *v, const char *given, const char *names)
{
    for (int i = 0; i < v->n_options; ++i) {
        const char *at = v->options[i].kind == KC_WORD ? NULL : strstr(names, v->options[i].name);
        if (given[i] && at && strncmp(at - 2, "--", 2) == 0 &&
            strchr(" ,", at[strlen(v->options[i].name)]))
            return 1;
    }
    return 0;
}

static int check_one_of(const kc_verb *v, const char *given, kc_error *e)
{
    char names[256] = "";
    int n = 0, left = 0;
    for (int i = 0; i < v->n_options; ++i)
        left += v->options[i].one_of;
    for (int i = 0, last = left; i < v->n_options; ++i) {
        if (!v->options[i].one_of)
            continue;
        n += given[i];
        const size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, "%s--%s",
                 left == last ? ""
                 : left == 1  ? " and "
                              : ", ",
                 v->options[i].name);
        --left;
    }
    return *names && n != 1 ? kc_fail(e, KC_EINPUT, "%s: one of %s", v->name, names) : KC_OK;
}

/* Nothing that was given is passed over, nothing that is needed is missing. */
static int check_together(const kc_verb *v, const char *given, const void *options, kc_error *e)
{
    KC_TRY(check_one_of(v, given, e));
    for (int i = 0; i < v->n_options; ++i) {
        const kc_option *o = &v->options[i];
        if (given[i] && o->with && !is_given(v, given, o->with))
            return kc_fail(e, KC_EINPUT, "%s: %s%s goes with %s", v->name,
                           o->kind == KC_WORD ? "" : "--", o->name, o->with);
        if (!given[i] && o->kind == KC_WORD && !o->optional)
            return kc_fail(e, KC_EINPUT, "%s: what to read is missing: %s; see kcap %s --help",
                           v->name, o->name, v->name);
    }
    if (v->check)
        v->check(options, e);
out:
    return e->code;
}

/* A word that is no option: the next that the verb takes. */
static int take_word(const kc_verb *v, char *given, void *options, const char *word, kc_error *e)
{
    const char *last = "none";
    for (int i = 0; i < v->n_options; ++i) {
        const char **field = (const char **)((char *)options + v->options[i].at);
        if (v->options[i].kind != KC_WORD)
            continue;
        if (!given[i]) {
            if (!v->options[i].is_text && kc_path_fault(word))
                return kc_fail(e, KC_EINPUT, "%.200s: %s", word, kc_path_fault(word));
            given[i] = 1;
            *field = word;
            return KC_OK;
        }
        last = *field;
    }
    return kc_fail(e, KC_EINPUT, "%.200s: one input at a time, %s is given already", word, last);
}

/* What getopt_long does not know. */
static int refuse(const kc_verb *v, const char *word, kc_error *e)
{
    const size_t n = strcspn(word, "=");
    for (int i = 0; i < kc_n_verbs; ++i)
        for (int k = 0; k < kc_verbs[i]->n_options; ++k) {
            const char *name = kc_verbs[i]->options[k].name;
            if (n > 2 && strncmp(word + 2, name, n - 2) == 0 && strlen(name) == n - 2)
                return kc_fail(e, KC_EINPUT, "--%s: not an option of %s; see kcap %s --help", name,
                               v->name, v->name);
        }
    return kc_fail(e, KC_EINPUT, "%s: unknown option; see kcap %s --help", word, v->name);
}

/* The options as getopt_long takes them; words have no row. */
static void list_options(const kc_verb *v, struct option list[OPTIONS_MAX + 3])
{
    int n = 0;
    for (int i = 0; i < v->n_options; ++i)
        if (v->options[i].kind != KC_WORD)
            list[n++] = (struct option){
                v->options[i].name, v->options[i].kind == KC_FLAG ? no_argument : required_argument,
                NULL, FIRST_CODE + i};
    list[n++] = (struct option){"help", no_argument, NULL, 'h'};
    list[n++] = (struct option){"version", no_argument, NULL, 'V'};
    list[n] = (struct option){0};
}

static int parse_options(int argc, char **argv, kc_command *c, kc_error *e)
{
    const kc_verb *v = c->verb;
    struct option list[OPTIONS_MAX + 3];
    char given[OPTIONS_MAX] = {0};
    int option;
    KC_CHECK(v->n_options <= OPTIONS_MAX, "%s has %d options", v->name, v->n_options);
    list_options(v, list);
    opterr = 0;
    optind = 1;
    while (e->code == KC_OK && (option = getopt_long(argc, argv, "-:hV", list, NULL)) != -1) {
        if (option == 'h')
            c->help = 1;
        else if (option == 'V')
            c->version = 1;
        else if (option == ':')
            kc_fail(e, KC_EINPUT, "%s: its value is missing", argv[optind - 1]);
        else if (option == '?')
            refuse(v, argv[optind - 1], e);
        else if (option == 1)
            take_word(v, given, c->options, optarg, e);
        else {
            const kc_option *o = &v->options[option - FIRST_CODE];
            given[option - FIRST_CODE] = 1;
            take_value(o, (char *)c->options + o->at, optarg, e);
        }
    }
    if (e->code == KC_OK && !c->help && !c->version)
        check_together(v, given, c->options, e);
    return e->code;
}

int kc_command_parse(int argc, char **argv, kc_command *c, kc_error *e)
{
    const char *word = argc > 1 ? argv[1] : "";
    char verbs[256];
    *c = (kc_command){.help = !strcmp(word, "--help") || !strcmp(word, "-h"),
                      .version = !strcmp(word, "--version") || !strcmp(word, "-V")};
    if (c->help || c->version)
        return KC_OK;
    list_verbs(verbs, sizeof verbs);
    if (argc < 2)
        return kc_fail(e, KC_EINPUT, "name a verb: %s; see kcap --help", verbs);
    if (word[0] == '-')
        return kc_fail(e, KC_EINPUT, "%s: name a verb first; see kcap --help", word);
    c->verb = kc_verb_find(word);
    if (!c->verb)
        return kc_fail(e, KC_EINPUT, "%s: unknown verb; the verbs are %s", word, verbs);
    c->options = calloc(1, c->verb->bytes);
    KC_ROOM(c->options, "out of memory");
    if (c->verb->defaults)
        memcpy(c->options, c->verb->defaults, c->verb->bytes);
    return parse_options(argc - 1, argv + 1, c, e);
}
