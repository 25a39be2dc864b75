/* SPDX-License-Identifier: BSD-3-Clause */
#include "data/text/sentences.h"

#include <string.h>

/* Check what surrounds the value, and drop the subject: any sentence has it first. */
static int sentence_check(kc_lines *before, const kc_lines *after, int32_t i, kc_error *e)
{
    static const char SUBJECT[] = "{subject} ";
    const char *left = kc_lines_at(before, i), *right = kc_lines_at(after, i);
    const char *behind = right + strspn(right, ",.;:!?"), *wrong = NULL;

    if (strncmp(left, SUBJECT, sizeof SUBJECT - 1) != 0)
        wrong = "must begin with `{subject}` and a blank";
    else if (strcspn(left + sizeof SUBJECT - 1, "{}") + sizeof SUBJECT - 1 != strlen(left) ||
             strpbrk(right, "{}"))
        wrong = "holds braces other than `{subject}` and `{value}`";
    else if (left[strlen(left) - 1] != ' ' || (*behind && *behind != ' '))
        wrong = "must have `{value}` as a word of its own";
    else if (strlen(left) == sizeof SUBJECT - 1)
        wrong = "needs a word between `{subject}` and `{value}`";
    else if (!right[0] || right[strlen(right) - 1] != '.')
        wrong = "must end with a full stop";
    if (wrong)
        return kc_fail(e, KC_EINPUT,
                       "%s:%d: the sentence %s; a line reads `{subject} was born on "
                       "{value}.`",
                       before->path, i + 1, wrong);
    before->begin[i] += (int32_t)sizeof SUBJECT - 1;
    return KC_OK;
}

int kc_sentences_halve(const kc_lines *said, kc_vocab *vocab, kc_pool *before, kc_pool *after,
                       kc_error *e)
{
    kc_lines left = {0}, right = {0};

    KC_TRY(kc_lines_halve(said, "{value}", "{subject} was born on {value}.", &left, &right, e));
    for (int32_t i = 0; i < said->n; i++)
        KC_TRY(sentence_check(&left, &right, i, e));
    kc_pool_from_lines(&left, vocab, before);
    kc_pool_from_lines(&right, vocab, after);
out:
    kc_lines_free(&left);
    kc_lines_free(&right);
    return e->code;
}
