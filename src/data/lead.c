/* SPDX-License-Identifier: BSD-3-Clause */
#include "data/lead.h"

#include "data/word/tokens.h"

#include <string.h>

static int is_one_token(const char *tag)
{
    return tag[0] == '<' && tag[strlen(tag) - 1] == '>' && !strchr(tag, ' ');
}

int kc_lead_check(const kc_config *cfg, const kc_origin *o, kc_error *e)
{
    const char *tag = cfg->corpus.tag, *wrong = NULL;
    const size_t n = strlen(tag);

    if (!n)
        return KC_OK;
    if (tag[0] == ' ' || tag[n - 1] == ' ' || strstr(tag, "  "))
        wrong = "blanks at an end or side by side";
    else if (strpbrk(tag, "\n\r\t"))
        wrong = "more than one line";
    else if (!strcmp(tag, "<eos>"))
        wrong = "<eos> parts the documents";
    else if (n > KC_LEAD_MAX)
        wrong = "more than 64 bytes";
    return wrong ? kc_fail_key(e, o, KC_AT_corpus_tag,
                               "'%.80s': %s; words parted by one blank, or one <word>, would do",
                               tag, wrong)
                 : KC_OK;
}

/* The same in each part that has this tag. */
static int32_t one_token(kc_vocab *vocab, const char *tag, int32_t *tokens)
{
    const int32_t known = vocab->is_fixed ? -1 : kc_vocab_group(vocab, tag, 1);

    if (known < 0)
        return kc_vocab_mark(vocab, tag, tokens);
    *tokens = known;
    return 1;
}

void kc_lead_create(const char *tag, kc_vocab *vocab, kc_lead *lead)
{
    lead->n = 0;
    if (!tag[0])
        return;
    if (is_one_token(tag))
        lead->n = one_token(vocab, tag, lead->tokens);
    else
        lead->n = kc_vocab_tokens(vocab, tag, lead->tokens);
}

void kc_lead_put(const kc_lead *lead, kc_doc *doc)
{
    if (!lead->n)
        return;
    memmove(doc->tokens + 1 + lead->n, doc->tokens + 1,
            (size_t)(doc->n_tokens - 1) * sizeof *doc->tokens);
    memcpy(doc->tokens + 1, lead->tokens, (size_t)lead->n * sizeof *doc->tokens);
    doc->n_tokens += lead->n;
    for (int32_t i = 0; i < doc->n_spans; i++) {
        doc->spans[i].begin += lead->n;
        doc->spans[i].head_end += lead->n;
        doc->spans[i].end += lead->n;
    }
}
