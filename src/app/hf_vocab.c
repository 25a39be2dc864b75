/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <string.h>

#include "kcap/app/hf.h"
#include "kcap/app/json.h"
#include "kcap/io/file.h"

enum { SHOWN = 120, VOCAB_MOST = 1 << 28 };

int kc_hf_vocab(const kc_corpus *corpus, cJSON **object, kc_error *e)
{
    const int32_t n = (int32_t)kc_corpus_about(corpus)->n_vocab;
    *object = cJSON_CreateObject();
    for (int32_t t = 0; t < n; ++t) {
        const char *word = kc_corpus_word(corpus, t);
        if (kc_json_utf8(word, strlen(word)) >= 0)
            return kc_fail(e, KC_EINPUT,
                           "vocab.json: word %d of the corpus is not UTF-8, as JSON demands", t);
        cJSON_AddItemToObject(*object, word, cJSON_CreateNumber(t));
    }
    return KC_OK;
}

static int check_word(const char *path, const cJSON *word, const kc_corpus *corpus, char *seen,
                      const char *wanted, kc_error *e)
{
    const double shown = cJSON_IsNumber(word) ? word->valuedouble : -1;
    int64_t t;
    const int there = kc_json_whole(word, &t) && t < kc_corpus_about(corpus)->n_vocab;
    const char *right = there ? kc_corpus_word(corpus, (int32_t)t) : NULL;
    if (!right || strcmp(right, word->string) != 0)
        return kc_fail(e, KC_EINPUT, "%s: %.*s is token %.15g; the corpus of %s has %s%.80s there",
                       path, SHOWN, word->string, shown, wanted, right ? "" : "no word",
                       right ? right : "");
    if (seen[t]++)
        return kc_fail(e, KC_EINPUT, "%s: %.*s is there twice as token %lld; leave one", path,
                       SHOWN, word->string, (long long)t);
    return KC_OK;
}

static int check_words(const char *path, const cJSON *words, const kc_corpus *corpus,
                       const char *wanted, kc_error *e)
{
    const int64_t n = kc_corpus_about(corpus)->n_vocab, found = cJSON_GetArraySize(words);
    char *seen = calloc((size_t)n, 1);
    const cJSON *word;
    KC_CHECK(seen, "out of memory for %lld words", (long long)n);
    cJSON_ArrayForEach(word, words)
    {
        KC_TRY(check_word(path, word, corpus, seen, wanted, e));
    }
    if (found != n)
        kc_fail(e, KC_EINPUT, "%s: %lld words; the corpus of %s has %lld", path, (long long)found,
                wanted, (long long)n);
out:
    free(seen);
    return e->code;
}

int kc_hf_vocab_check(const char *path, const kc_corpus *corpus, const char *wanted, kc_error *e)
{
    const int64_t bytes = kc_file_size(path);
    cJSON *words = NULL;
    char *text = NULL;
    if (bytes < 0)
        return KC_OK;
    if (bytes >= VOCAB_MOST)
        return kc_fail(e, KC_EINPUT, "%s: larger than 256 MiB", path);
    text = malloc((size_t)bytes + 1);
    KC_CHECK(text, "out of memory for a vocabulary");
    KC_TRY(kc_file_read(path, text, bytes + 1, e));
    words = cJSON_ParseWithOpts(text, NULL, 1);
    if (cJSON_IsObject(words))
        check_words(path, words, corpus, wanted, e);
    else
        kc_fail(e, KC_EINPUT, "%s: is not one JSON object", path);
out:
    cJSON_Delete(words);
    free(text);
    return e->code;
}
