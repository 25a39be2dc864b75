/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/hf.h"
#include "kcap/io/json.h"
#include "kcap/io/file.h"

enum { SHOWN = 120, VOCAB_MOST = 1 << 28 };

typedef struct entry {
    const char *word;
    int32_t token;
} entry;

static int by_word(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    const int order = strcmp(x->word, y->word);
    return order ? order : (x->token > y->token) - (x->token < y->token);
}

/* A name for each token [n], in one piece of memory: its word, or word#token where a token before it
 * has the same, as a first and a middle name of biod can. */
static char **names_of(const kc_corpus *corpus)
{
    const int32_t n = (int32_t)kc_corpus_about(corpus)->n_vocab;
    entry *sorted = malloc((size_t)n * sizeof *sorted);
    KC_CHECK(sorted, "out of memory for %d words", n);
    size_t bytes = (size_t)n * (sizeof(char *) + 16);
    for (int32_t t = 0; t < n; ++t) {
        sorted[t] = (entry){kc_corpus_word(corpus, t), t};
        bytes += strlen(sorted[t].word);
    }
    qsort(sorted, (size_t)n, sizeof *sorted, by_word);
    char **name = malloc(bytes);
    KC_CHECK(name, "out of memory for %d names", n);
    char *at = (char *)(name + n), *end = (char *)name + bytes;
    for (int32_t i = 0; i < n; ++i) {
        const entry *x = &sorted[i];
        name[x->token] = at;
        at += snprintf(at, (size_t)(end - at), i && !strcmp(x[-1].word, x->word) ? "%s#%d" : "%s",
                       x->word, x->token) +
              1;
    }
    free(sorted);
    return name;
}

int kc_hf_vocab(const kc_corpus *corpus, cJSON **object, kc_error *e)
{
    const int32_t n = (int32_t)kc_corpus_about(corpus)->n_vocab;
    char **name = names_of(corpus);
    *object = cJSON_CreateObject();
    for (int32_t t = 0; t < n && e->code == KC_OK; ++t) {
        if (kc_json_utf8(name[t], strlen(name[t])) >= 0)
            kc_fail(e, KC_EINPUT, "vocab.json: word %d of the corpus is not UTF-8, as JSON demands",
                    t);
        cJSON_AddItemToObject(*object, name[t], cJSON_CreateNumber(t));
    }
    free(name);
    return e->code;
}

/* Names are distinct, so as many as there are tokens are one for each. */
static int check_words(const char *path, const cJSON *words, const kc_corpus *corpus,
                       const char *wanted, kc_error *e)
{
    const int64_t n = kc_corpus_about(corpus)->n_vocab, found = cJSON_GetArraySize(words);
    char **name = names_of(corpus);
    const char *twice = kc_json_twice(words);
    const cJSON *word;
    if (twice)
        kc_fail(e, KC_EINPUT, "%s: %.*s is there twice", path, SHOWN, twice);
    cJSON_ArrayForEach(word, words)
    {
        int64_t t;
        const char *right = kc_json_whole(word, &t) && t < n ? name[t] : NULL;
        if (e->code == KC_OK && (!right || strcmp(right, word->string) != 0))
            kc_fail(e, KC_EINPUT, "%s: %.*s is token %.15g; the corpus of %s has %s%.80s there",
                    path, SHOWN, word->string, cJSON_IsNumber(word) ? word->valuedouble : -1,
                    wanted, right ? "" : "no word", right ? right : "");
    }
    if (e->code == KC_OK && found != n)
        kc_fail(e, KC_EINPUT, "%s: %lld words; the corpus of %s has %lld", path, (long long)found,
                wanted, (long long)n);
    free(name);
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
