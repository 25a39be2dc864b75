/* SPDX-License-Identifier: BSD-3-Clause */
/* What kcap ask is asked, in words and byte pairs: a text that is read is that of its tokens, and what is found of it
 * begins so. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "kcap/base/memory.h"
#include "kcap/data/find.h"

static const char table[] =
    "name\tattribute\tvalue\nRome\tcountry\tItaly\nRome\tpopulation\t2.8 million\n"
    "Oslo\tcountry\tNorway\nRome, Georgia\tcountry\tUS\nBern\tcountry\tUS of A\n"
    "Z\xc3\xbcrich \xe6\xbc\xa2\tcountry\tSwitzerland!\n";

static const char *const texts[] = {"Rome country:",
                                    "Rome, Georgia country: US",
                                    "Bern country: US of A",
                                    "Oslo population:",
                                    "Z\xc3\xbcrich \xe6\xbc\xa2 country: Switzerland!",
                                    NULL};
static const char *const words[] = {"Rome",    " ",        "country:",    "<eos>", ":",
                                    "Georgia", "?!",       " . ",         "\t",    "\xc2\xa0",
                                    "\xff",    "\xe6\xbc", "population:", NULL};

enum { ROOM = 64 };

static void check_found(const kc_corpus *corpus, const int32_t *tokens, int32_t n)
{
    const kc_corpus_info *info = kc_corpus_about(corpus);
    const kc_place place = kc_corpus_find(corpus, tokens, n);
    kc_span spans[KC_ATTRIBUTES_MAX];
    kc_doc doc = {.tokens = kc_alloc(info->max_doc_tokens, sizeof *doc.tokens, "tokens"),
                  .spans = spans};

    if (place.part >= 0) {
        kc_corpus_document(corpus, place.document, place.exposure, &doc);
        KC_CHECK(place.begin == n && memcmp(doc.tokens, tokens, (size_t)n * sizeof *tokens) == 0,
                 "document %lld does not begin so", (long long)place.document);
    }
    free(doc.tokens);
}

static int check_text(const kc_corpus *corpus, const char *text, kc_error *e)
{
    int32_t tokens[ROOM], again[ROOM], n, m;
    kc_error other = {0};

    if (kc_corpus_read(corpus, text, ROOM, tokens, &n, e) != KC_OK)
        return e->code;
    char *said = kc_corpus_text(corpus, tokens + 1, n - 1);
    KC_CHECK(kc_corpus_read(corpus, said, ROOM, again, &m, &other) == KC_OK, "`%s`: %s", said,
             other.text);
    KC_CHECK(m == n && memcmp(tokens, again, (size_t)n * sizeof *tokens) == 0,
             "`%s`: %d tokens, then %d", said, n, m);
    check_found(corpus, tokens, n);
    free(said);
    return KC_OK;
}

static kc_corpus *corpus_of(int64_t vocab)
{
    kc_config cfg;
    kc_files files = {0};
    kc_corpus *corpus = NULL;
    kc_error e = {0};

    kc_config_defaults(&cfg);
    cfg.corpus.kind = KC_corpus_kind_facts;
    cfg.vocab.kind = vocab;
    cfg.vocab.size = 300;
    strcpy(cfg.corpus.file, kc_fuzz_file(table, sizeof table - 1));
    KC_CHECK(kc_files_load(&cfg, NULL, &files, &e) == KC_OK &&
                 kc_corpus_create(&cfg, &files, &corpus, &e) == KC_OK,
             "%s", e.text);
    kc_files_free(&files);
    return corpus;
}

static int read(const char *text, size_t bytes, kc_error *e)
{
    static kc_corpus *corpus[2]; /* of all cases */
    kc_error other = {0};

    (void)bytes;
    if (!corpus[0]) {
        corpus[0] = corpus_of(KC_vocab_kind_words);
        corpus[1] = corpus_of(KC_vocab_kind_bpe);
    }
    check_text(corpus[1], text, &other);
    return check_text(corpus[0], text, e);
}

const kc_fuzz kc_fuzz_target = {texts, words, read};
