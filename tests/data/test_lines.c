/* SPDX-License-Identifier: BSD-3-Clause */
#include "corpora.h"

#include <sys/stat.h>
#include <unistd.h>

#include "data/text/pool.h"

static kc_lines lines_of(const char *text, int64_t limit, kc_error *e)
{
    const kc_source city = KC_SOURCE("pools/city", cities);
    texts t = small_texts();
    kc_config cfg = config_of(KC_corpus_kind_bios, 10);
    kc_files files;
    kc_lines lines;

    t.text[3] = text;
    cfg.corpus.cities = limit;
    files = files_of(&t);
    kc_lines_load(&cfg.corpus, &files, &city, &lines, e);
    kc_files_free(&files);
    return lines;
}

KC_TEST(lines_come_in_normal_form)
{
    static const char *const WANT[] = {"St. Paul, MN", "New York", "a,b! c", "Inc.,", "last"};
    kc_error e = {0};
    kc_lines lines = lines_of("St.  Paul , MN\r\n\t New York \na,b ! c\nInc. ,\nlast", 0, &e);

    assert_int_equal(e.code, KC_OK);
    assert_int_equal(lines.n, 5);
    for (int i = 0; i < 5; i++)
        assert_string_equal(kc_lines_at(&lines, i), WANT[i]);
    kc_lines_free(&lines);
}

KC_TEST(lines_are_cut)
{
    kc_error e = {0};
    kc_lines lines = lines_of("a\nb\nc\n", 2, &e);

    assert_int_equal(lines.n, 2);
    assert_string_equal(kc_lines_at(&lines, 1), "b");
    kc_lines_free(&lines);
}

KC_TEST(bad_lines_are_named)
{
    static const struct {
        const char *text;
        int64_t limit;
        const char *says;
    } CASE[] = {
        {"", 0, "/small/pools/city.txt: no lines; at least one entry is needed"},
        {"a\n\nb\n", 0, "/small/pools/city.txt:2: an empty line; each line holds one entry"},
        {"a\nb\n \t\n", 0, "/small/pools/city.txt:3: an empty line; each line holds one entry"},
        {"a, b\nc\na , b\n", 0,
         "/small/pools/city.txt:3: `a, b` stands in line 1 already; each entry once"},
        {"a\nb\nc\n", 4,
         "/small/pools/city.txt: 3 lines, but corpus.cities asks for 4; add lines or lower the "
         "key"},
        {"a\nthe <eos> b\n", 0,
         "/small/pools/city.txt:2: `<eos>` is the token that begins each document; use another "
         "word"},
    };

    for (size_t i = 0; i < sizeof CASE / sizeof CASE[0]; i++) {
        kc_error e = {0};
        kc_lines lines = lines_of(CASE[i].text, CASE[i].limit, &e);

        assert_int_equal(e.code, KC_EINPUT);
        assert_string_equal(e.text, CASE[i].says);
        kc_lines_free(&lines);
    }
}

KC_TEST(words_split_at_blanks_and_stops)
{
    static const char *const WANT[] = {"St", ".", "Paul", ",", "Texas", "A&M", "Inc",
                                       ".",  ",", "a,b",  "!", "St",    "."};
    int32_t tokens[64];
    kc_vocab vocab = {0};
    int32_t n = kc_vocab_tokens(&vocab, "St. Paul, Texas A&M Inc., a,b! St.", tokens);

    assert_int_equal(n, 13);
    for (int i = 0; i < n; i++)
        assert_string_equal(kc_vocab_word(&vocab, tokens[i]), WANT[i]);
    assert_int_equal(tokens[0], tokens[11]);
    assert_int_equal(tokens[1], tokens[7]);
    assert_int_equal(vocab.n, 9);
    kc_vocab_free(&vocab);
}

KC_TEST(interning_survives_growth)
{
    kc_vocab vocab = {0};
    char word[16];

    for (int i = 0; i < 5000; i++)
        assert_int_equal(kc_vocab_intern(&vocab, word, snprintf(word, sizeof word, "w%d", i)), i);
    for (int i = 0; i < 5000; i++)
        assert_int_equal(kc_vocab_intern(&vocab, word, snprintf(word, sizeof word, "w%d", i)), i);
    assert_string_equal(kc_vocab_word(&vocab, 4999), "w4999");
    assert_int_equal(kc_vocab_add(&vocab, "w7", 2), 5000);
    assert_int_equal(kc_vocab_intern(&vocab, "w7", 2), 7);
    kc_vocab_free(&vocab);
}

/* Mark the values of `text`, followed in the text by lines of `after`. */
static kc_pool marked(const char *text, const char *after, kc_error *e)
{
    kc_lines lines = lines_of(text, 0, e), next = lines_of(after, 0, e);
    kc_pool pool = {0}, follow = {0};
    const kc_pool *follows = &follow;
    kc_vocab vocab = {0};

    kc_pool_from_lines(&lines, &vocab, &pool);
    kc_pool_from_lines(&next, &vocab, &follow);
    kc_pool_mark(&pool, &lines, &follows, 1, &vocab, e);
    kc_pool_free(&follow);
    kc_vocab_free(&vocab);
    kc_lines_free(&lines);
    kc_lines_free(&next);
    return pool;
}

KC_TEST(values_that_open_others_are_marked)
{
    kc_error e = {0};
    kc_pool pool =
        marked("New York City\nNew York\nYork\nNew York City Hall\nNewer\n", ". He\n", &e);
    static const int WANT[] = {1, 1, 0, 0, 0};

    assert_int_equal(e.code, KC_OK);
    for (int i = 0; i < 5; i++)
        assert_int_equal(pool.opens[i], WANT[i]);
    assert_int_equal(kc_pool_shortest(&pool), 1);
    assert_int_equal(kc_pool_longest(&pool), 4);
    assert_float_equal(kc_pool_mean(&pool), 11.0 / 5, 1e-12);
    kc_pool_free(&pool);
}

KC_TEST(values_are_read_on_until_they_are_told_apart)
{
    kc_error e = {0};
    kc_pool pool = marked("Acme\nAcme and Sons\nAcme Ltd\n", "and more.\nLtd and Sons.\n", &e);

    /* `and more` against `and Sons`, but of `Ltd` nothing is left to tell by. */
    assert_int_equal(e.code, KC_EINPUT);
    assert_string_equal(e.text, "/small/pools/city.txt: `Acme` (line 1) and `Acme Ltd` (line 3) "
                                "cannot be told apart in a sentence that goes on with `Ltd`; "
                                "change a value or the sentence");
    kc_pool_free(&pool);
    e = (kc_error){0};
    pool = marked("Acme\nAcme and Sons\nAcme Ltd\n", "and more.\n", &e);
    assert_string_equal(e.text, "");
    assert_int_equal(pool.opens[0], 2);
    kc_pool_free(&pool);
}

KC_TEST(values_that_cannot_be_told_apart_are_refused)
{
    kc_error e = {0};
    kc_pool pool = marked("Acme Corp.\nBolt\nAcme Corp\n", "today\n. He\n", &e);

    assert_int_equal(e.code, KC_EINPUT);
    assert_string_equal(e.text,
                        "/small/pools/city.txt: `Acme Corp` (line 3) and `Acme Corp.` (line 1) "
                        "cannot be told apart in a sentence that goes on with `.`; change a value "
                        "or the sentence");
    kc_pool_free(&pool);
}

KC_TEST(halves_need_one_mark)
{
    static const struct {
        const char *text, *says;
    } CASE[] = {
        {"a; b\nc d\n", "/small/pools/city.txt:2: `c d` has `; ` nowhere; a line reads `X; Y`"},
        {"a; b; c\n",
         "/small/pools/city.txt:1: `a; b; c` has `; ` more than once; a line reads `X; Y`"},
    };

    for (size_t i = 0; i < 2; i++) {
        kc_error e = {0};
        kc_lines lines = lines_of(CASE[i].text, 0, &e), left, right;

        kc_lines_halve(&lines, "; ", "X; Y", &left, &right, &e);
        assert_int_equal(e.code, KC_EINPUT);
        assert_string_equal(e.text, CASE[i].says);
        kc_lines_free(&lines);
        kc_lines_free(&left);
        kc_lines_free(&right);
    }
}

static void folder_write(const char *folder, const texts *t, int skip)
{
    char path[512];

    for (int i = 0; i < N_TEXTS; i++) {
        FILE *out;

        if (i == skip)
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, t->name[i]);
        *strrchr(path, '/') = 0;
        mkdir(path, 0700);
        snprintf(path, sizeof path, "%s/%s", folder, t->name[i]);
        out = fopen(path, "w");
        assert_non_null(out);
        fputs(t->text[i], out);
        fclose(out);
    }
}

static void folder_remove(const char *folder, const texts *t)
{
    char path[512];

    for (int i = 0; i < N_TEXTS; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, t->name[i]);
        unlink(path);
    }
    snprintf(path, sizeof path, "%s/pools", folder);
    rmdir(path);
    snprintf(path, sizeof path, "%s/templates", folder);
    rmdir(path);
    rmdir(folder);
}

KC_TEST(files_come_from_the_folder_named)
{
    char folder[] = "/tmp/kcap_lines_XXXXXX", want[600];
    kc_config cfg = config_of(KC_corpus_kind_bios, 10);
    texts t = small_texts();
    kc_error e = {0};
    kc_files files;

    assert_non_null(mkdtemp(folder));
    folder_write(folder, &t, -1);
    snprintf(cfg.corpus.pools, sizeof cfg.corpus.pools, "%s/pools", folder);
    snprintf(cfg.corpus.templates, sizeof cfg.corpus.templates, "%s/templates", folder);
    assert_int_equal(kc_files_load(&cfg, NULL, &files, &e), KC_OK);
    assert_int_equal(files.n, N_TEXTS);
    for (int i = 0; i < N_TEXTS; i++) {
        snprintf(want, sizeof want, "%s/%s", folder, t.name[i]);
        assert_string_equal(files.file[i].name, t.name[i]);
        assert_string_equal(files.file[i].path, want);
        assert_int_equal(files.file[i].bytes, strlen(t.text[i]));
        assert_string_equal(files.text + files.file[i].begin, t.text[i]);
    }
    kc_files_free(&files);
    cfg.corpus.kind = KC_corpus_kind_biod;
    assert_int_equal(kc_files_load(&cfg, NULL, &files, &e), KC_OK);
    assert_int_equal(files.n, 3);
    kc_files_free(&files);
    folder_remove(folder, &t);
}

KC_TEST(a_missing_file_is_named)
{
    char folder[] = "/tmp/kcap_lines_XXXXXX", want[700];
    kc_config cfg = config_of(KC_corpus_kind_bios, 10);
    texts t = small_texts();
    kc_error e = {0};
    kc_files files;

    assert_non_null(mkdtemp(folder));
    folder_write(folder, &t, 5);
    snprintf(cfg.corpus.pools, sizeof cfg.corpus.pools, "%s/pools", folder);
    assert_int_equal(kc_files_load(&cfg, NULL, &files, &e), KC_EINPUT);
    snprintf(want, sizeof want,
             "%s/pools/field.txt: No such file or directory; corpus.pools names a folder that must "
             "hold this file",
             folder);
    assert_string_equal(e.text, want);
    assert_null(files.text);
    folder_remove(folder, &t);
}

KC_TEST(the_environment_replaces_the_shipped_files)
{
    char folder[] = "/tmp/kcap_lines_XXXXXX", path[100], want[300];
    kc_config cfg = config_of(KC_corpus_kind_bios, 10);
    texts t = small_texts();
    kc_error e = {0};
    kc_files files;

    assert_non_null(mkdtemp(folder));
    folder_write(folder, &t, -1);
    setenv("KCAP_INPUTS", folder, 1);
    assert_int_equal(kc_files_load(&cfg, NULL, &files, &e), KC_OK);
    assert_memory_equal(files.file[12].path, folder, strlen(folder));
    kc_files_free(&files);
    snprintf(path, sizeof path, "%s/pools/last_name.txt", folder);
    unlink(path);
    assert_int_equal(kc_files_load(&cfg, NULL, &files, &e), KC_EINPUT);
    snprintf(want, sizeof want,
             "last_name.txt: not found in %s/pools; set KCAP_INPUTS to the folder that holds pools "
             "and templates",
             folder);
    assert_string_equal(e.text, want);
    e.code = KC_OK;
    setenv("KCAP_INPUTS", "/nowhere", 1);
    assert_int_equal(kc_files_load(&cfg, NULL, &files, &e), KC_EINPUT);
    assert_non_null(strstr(e.text, "not found in /nowhere/pools; set KCAP_INPUTS"));
    e.code = KC_OK;
    unsetenv("KCAP_INPUTS");
    assert_int_equal(kc_files_load(&cfg, NULL, &files, &e), KC_OK);
    assert_null(strstr(files.file[12].path, folder));
    kc_files_free(&files);
    folder_remove(folder, &t);
}

KC_TEST_MAIN(NULL, NULL)
