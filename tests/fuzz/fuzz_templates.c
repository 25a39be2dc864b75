/* SPDX-License-Identifier: BSD-3-Clause */
/* Sentences, companies and names: what is read makes documents whose spans stand in their text. */
#include "fuzz.h"

#include "../data/corpora.h"

#include "data/text/lines.h"
#include "kcap/base/plain.h"

static const char *const good[] = {
    "{subject} was born on {value}.\n{subject} has|have the birthday {value}, by the way.\n",
    "Acme Corp.; Paul, ID\nBolt, Nut and Sons; New York, NY\nAcme; Rome, GA\nYahoo!; New York, "
    "NY\n",
    "Ada\nBen\nCleo\nDan\nEve Marie\nEve\n", NULL};

static const char *const words[] = {
    "{subject}", "{value}", " {value}.", "{subject} ", "; ",         ", ", ".",        "!?", "{",
    "}",         "<eos>",   "Acme",      "Ada\n",      "City, ST\n", "|",  "was|were", NULL};

/* Which file each good text is; another beginning chooses another. */
static const char *const names[] = {"templates/birth_date.txt", "pools/company.txt",
                                    "pools/first_name.txt"};

static void check_documents(const kc_corpus *c)
{
    const kc_corpus_info *info = kc_corpus_about(c);
    kc_doc doc = {.tokens = kc_alloc(info->max_doc_tokens, sizeof *doc.tokens, "tokens"),
                  .spans = kc_alloc(info->n_attributes, sizeof *doc.spans, "spans")};
    for (int64_t person = 0; person < info->n_people; person++) {
        kc_corpus_document(c, person, person % 3 - 1, &doc);
        KC_CHECK(doc.n_tokens <= info->max_doc_tokens, "%d tokens", doc.n_tokens);
        for (int32_t s = 0; s < doc.n_spans; s++)
            KC_CHECK(doc.spans[s].begin < doc.spans[s].end && doc.spans[s].end <= doc.n_tokens,
                     "a span to %d of %d tokens", doc.spans[s].end, doc.n_tokens);
        free(kc_corpus_text(c, doc.tokens, doc.n_tokens));
    }
    free(doc.tokens);
    free(doc.spans);
}

/* As they stand, with both forms of the sentences, and with names alone. */
static int make(const kc_files *files, kc_error *e)
{
    for (int variant = 0; variant < 3 && e->code == KC_OK; variant++) {
        kc_config cfg = config_of(KC_corpus_kind_bios, 12);
        kc_corpus *c = NULL;
        cfg.corpus.birth_years = 1;
        cfg.corpus.pronouns = variant == 1;
        cfg.corpus.fullname = variant == 2;
        if (kc_corpus_create(&cfg, files, &c, e) == KC_OK)
            check_documents(c);
        kc_corpus_destroy(c);
    }
    return e->code;
}

static int read(const char *text, size_t bytes, kc_error *e)
{
    const char *name = names[text[0] == '{' ? 0 : memchr(text, ';', bytes) ? 1 : 2];
    const texts all = small_texts();
    kc_files files = {0};
    char *plain = NULL;
    int64_t n;
    KC_TRY(kc_plain_read(kc_fuzz_file(text, bytes), 1 << 20, &plain, &n, e));
    n = kc_plain_blanks(plain);
    for (int i = 0; i < N_TEXTS; i++) {
        const int here = strcmp(all.name[i], name) == 0;
        KC_TRY(kc_files_add(&files, all.name[i], all.name[i], here ? plain : all.text[i],
                            here ? n : (int64_t)strlen(all.text[i]), e));
    }
    KC_TRY(make(&files, e));
out:
    free(plain);
    kc_files_free(&files);
    return e->code;
}

const kc_fuzz kc_fuzz_target = {good, words, read};
