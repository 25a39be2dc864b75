/* SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/print/report.h"
#include "cli/verb.h"
#include "kcap/base/memory.h"
#include "kcap/measure/ask.h"
#include "kcap/run/open.h"

typedef struct options {
    const char *input, *text;
    int64_t person, tokens;
    int json;
} options;

/* Bytes of a line of standard input, as of all texts. */
enum { LINE_MOST = 1 << 20 };

/* The next line into LINE_MOST + 1 bytes, of a longer one its beginning; how long it is, -1: there is
 * none. */
static int64_t read_line(char *line)
{
    static const char mark[] = "\xef\xbb\xbf"; /* of byte order, as files of questions may have */
    int64_t n = 0;
    int c;
    while ((c = getc(stdin)) != EOF && c != '\n')
        if (n++ < LINE_MOST)
            line[n - 1] = (char)c;
    if (c == EOF && n == 0)
        return -1;
    n -= n > 0 && n <= LINE_MOST && line[n - 1] == '\r';
    line[n <= LINE_MOST ? n : LINE_MOST] = 0;
    if (n <= LINE_MOST && strncmp(line, mark, sizeof mark - 1) == 0) {
        n -= sizeof mark - 1;
        memmove(line, line + sizeof mark - 1, (size_t)n + 1);
    }
    return n;
}

/* The next line, the same on all ranks; 0: there is none. */
static int next_line(const kc_grid *g, char *line, int64_t *n)
{
    if (g->rank == 0) {
        if (isatty(STDIN_FILENO)) {
            fputs("? ", stdout);
            fflush(stdout);
        }
        *n = read_line(line);
    }
    kc_bcast(g, n, sizeof *n);
    if (*n < 0)
        return 0;
    kc_bcast(g, line, (size_t)(*n < LINE_MOST ? *n : LINE_MOST) + 1);
    return 1;
}

static int check_line(const char *line, int64_t n, kc_error *e)
{
    if (n > LINE_MOST)
        return kc_fail(e, KC_EINPUT, "a line of more than %d bytes", LINE_MOST);
    if ((int64_t)strlen(line) < n)
        return kc_fail(e, KC_EINPUT, "byte %zu of the text is a zero byte", strlen(line) + 1);
    return KC_OK;
}

static int ask_once(kc_asker *asker, const kc_grid *g, const options *o, const char *text,
                    kc_error *e)
{
    kc_answer a;
    if (kc_ask(asker, text, &a, e) != KC_OK)
        return e->code;
    if (g->rank == 0)
        (o->json ? kc_report_answer_json : kc_report_answer)(stdout, &a);
    kc_answer_free(&a);
    return KC_OK;
}

/* A script is told by the exit code that it got no answer at all; a person has seen it. */
static void check_answered(int64_t questions, int64_t answers, kc_error *e)
{
    if (ferror(stdin))
        kc_fail(e, KC_EINPUT, "standard input cannot be read");
    else if (isatty(STDIN_FILENO))
        return;
    else if (questions == 0)
        kc_fail(e, KC_EINPUT, "standard input: no question in it; write one a line, or give TEXT");
    else if (answers == 0)
        kc_fail(e, KC_EINPUT,
                "standard input: %lld question%s, and none could be answered; standard output says "
                "why",
                (long long)questions, questions == 1 ? "" : "s");
}

/* Line by line; a line that cannot be answered says why, and the next one is read. */
static int ask_lines(kc_asker *asker, const kc_grid *g, const options *o, kc_error *e)
{
    char *line = kc_alloc(LINE_MOST + 1, 1, "bytes of a line");
    int64_t questions = 0, answers = 0;
    for (int64_t n; next_line(g, line, &n);) {
        kc_error why = {0};
        if (line[strspn(line, " \t")] == 0 && n == (int64_t)strlen(line))
            continue;
        if (check_line(line, n, &why) == KC_OK)
            ask_once(asker, g, o, line, &why);
        if (why.code && g->rank == 0)
            kc_report_unanswered(stdout, why.text, o->json);
        fflush(stdout);
        ++questions;
        answers += why.code == KC_OK;
    }
    if (g->rank == 0)
        check_answered(questions, answers, e);
    free(line);
    return kc_agree(g, e);
}

static int ask_person(kc_asker *asker, const kc_grid *g, const options *o, kc_error *e)
{
    const kc_corpus_info *info = kc_asker_people(asker);
    kc_answer a;
    if (o->person >= info->n_people)
        return kc_fail(e, KC_EINPUT, "--person %lld: the corpus has %lld %s, 0 to %lld",
                       (long long)o->person, (long long)info->n_people, info->many,
                       (long long)info->n_people - 1);
    char *name = kc_asker_name(asker, o->person);
    if (g->rank == 0 && !o->json)
        printf("%s %lld, %s\n", info->one, (long long)o->person, name);
    free(name);
    for (int64_t i = 0; kc_ask_person(asker, o->person, i, &a); ++i) {
        if (g->rank == 0)
            (o->json ? kc_report_answer_json : kc_report_fact)(stdout, &a);
        kc_answer_free(&a);
    }
    return KC_OK;
}

static int ask(kc_grid *g, const void *given, kc_error *e)
{
    const options *o = given;
    kc_opened opened = {.part = KC_PART_PACE};
    kc_asker *asker = NULL;
    KC_TRY(kc_open(&opened, g, o->input, e));
    asker = kc_asker_create(&opened.subject, o->tokens);
    if (o->person >= 0)
        KC_TRY(ask_person(asker, g, o, e));
    else if (o->text)
        KC_TRY(ask_once(asker, g, o, o->text, e));
    else
        KC_TRY(ask_lines(asker, g, o, e));
out:
    if (asker)
        kc_asker_destroy(asker);
    kc_opened_close(&opened, g);
    return e->code;
}

static int check(const void *given, kc_error *e)
{
    const options *o = given;
    return o->text && o->person >= 0
               ? kc_fail(e, KC_EINPUT, "ask: a text and --person are two questions; give one")
               : KC_OK;
}

static const options defaults = {.person = -1, .tokens = 32};

static const kc_option list[] = {
    {KC_OPTION("RUN|CHECKPOINT.h5", KC_WORD, input)},
    {KC_OPTION("TEXT", KC_WORD, text), .optional = 1, .is_text = 1},
    {KC_OPTION("person", KC_COUNT, person), .least = 0, .most = 9e15, .value = "N",
     .help = "what the model says of the N-th person of the corpus, beside the truth"},
    {KC_OPTION("tokens", KC_COUNT, tokens), .least = 1, .most = 1e6, .value = "N",
     .help = "of an answer at most; 32"},
    {KC_OPTION("json", KC_FLAG, json), .help = "one JSON object a line for each answer"}};

const kc_verb kc_verb_ask = {
    .name = "ask",
    .summary = "ask a model what it knows",
    .about =
        "Continue a text, a question or the beginning of a sentence, by the most likely "
        "tokens up to "
        "<eos>; where a text of the corpus begins so, say the truth, how likely it is, and "
        "its rank "
        "among all values. Without a text, lines of standard input are asked, blank ones passed "
        "over; one that cannot be answered says why, and where none can, as where there is "
        "none, the exit code is 2, but not at a terminal.",
    KC_OPTIONS(list),
    .bytes = sizeof(options),
    .defaults = &defaults,
    .check = check,
    .run = ask};
