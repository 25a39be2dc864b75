/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/kind/questions.h"
#include "kcap/base/memory.h"

static const char form[] = "Where was {subject} born? Answer: {value}.";

int kc_questions_load(const kc_corpus_keys *keys, kc_files *files, kc_error *e)
{
    if (keys->file[0] && !keys->templates[0])
        return kc_fail(e, KC_EINPUT,
                       "corpus.templates: questions about a table want a folder with a file "
                       "ask_ATTRIBUTE.txt of each attribute");
    if (keys->file[0])
        kc_files_add_folder(files, keys->templates, "ask_", "ask", e);
    return e->code;
}

static int form_check(const kc_lines *lines, const kc_lines *middle, const kc_lines *after,
                      int32_t i, kc_error *e)
{
    const char *between = kc_lines_at(middle, i);

    if (between[0] && strspn(between, " ") < strlen(between) && kc_lines_at(after, i)[0])
        return KC_OK;
    return kc_fail(e, KC_EINPUT,
                   "%s:%d: the question needs words between `{subject}` and `{value}` and a mark "
                   "behind; a line reads `%s`",
                   lines->path, i + 1, form);
}

/* The lines of a form; *path is the file's. */
static int lines_read(const kc_corpus_keys *keys, const kc_files *files, const char *name,
                      kc_vocab *vocab, kc_form *f, char path[KC_PATH_MAX], kc_error *e)
{
    const kc_source source = {name, "corpus.sentences", offsetof(kc_corpus_keys, sentences)};
    kc_lines whole = {0}, left = {0}, before = {0}, middle = {0}, after = {0};
    kc_corpus_keys all_lines = *keys;

    all_lines.sentences = 0;
    KC_TRY(kc_lines_load(&all_lines, files, &source, &whole, e));
    KC_TRY(kc_lines_halve(&whole, "{value}", form, &left, &after, e));
    KC_TRY(kc_lines_halve(&left, "{subject}", form, &before, &middle, e));
    for (int32_t i = 0; i < whole.n; i++)
        KC_TRY(form_check(&whole, &middle, &after, i, e));
    kc_pool_from_lines(&before, vocab, &f->before);
    kc_pool_from_lines(&middle, vocab, &f->middle);
    kc_pool_from_lines(&after, vocab, &f->after);
    memcpy(path, whole.path, KC_PATH_MAX);
out:
    kc_lines_free(&whole);
    kc_lines_free(&left);
    kc_lines_free(&before);
    kc_lines_free(&middle);
    kc_lines_free(&after);
    return e->code;
}

/* Where an answer ends is told by what stands behind it here, not in the first part. */
static int answers_mark(kc_form *f, kc_values values, const char *path, const kc_vocab *vocab,
                        kc_error *e)
{
    const kc_pool *next = &f->after;
    kc_lines texts = {.no_numbers = 1};

    f->answer = (kc_pool){.n = (int32_t)values.n,
                          .begin = (int32_t *)values.begin,
                          .token = (int32_t *)values.token,
                          .opens = kc_alloc(values.n, sizeof *f->answer.opens, "answers")};
    memcpy(texts.path, path, sizeof texts.path);
    return kc_pool_mark(&f->answer, &texts, &next, 1, vocab, e);
}

int kc_questions_read(const kc_corpus_keys *keys, const kc_files *files, kc_vocab *vocab,
                      kc_questions *q, kc_error *e)
{
    const kc_corpus_info *info = kc_corpus_about(q->about);
    const int of_table = keys->file[0] != 0;
    char name[64], path[KC_PATH_MAX];

    for (int32_t a = 1; a < info->n_attributes; a++) {
        kc_form *f = &q->form[q->n_forms];
        int64_t bytes;

        snprintf(name, sizeof name, "%s%s.txt", of_table ? "ask/" : "templates/ask_",
                 info->attribute[a].name);
        if (!kc_files_find(files, name, &bytes) && of_table)
            return kc_fail(e, KC_EINPUT,
                           "corpus.templates: %s/ask_%s.txt is not there; there must be a question "
                           "of each attribute, such as `%s`",
                           keys->templates, info->attribute[a].name, form);
        if (!kc_files_find(files, name, &bytes))
            continue; /* of pronouns nothing is asked */
        q->n_forms++;
        f->attribute = a;
        KC_TRY(lines_read(keys, files, name, vocab, f, path, e));
        KC_TRY(answers_mark(f, kc_corpus_values(q->about, a), path, vocab, e));
    }
out:
    return e->code;
}
