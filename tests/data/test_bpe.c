/* SPDX-License-Identifier: BSD-3-Clause */
/* Vocabularies of byte pairs: what is read, learnt and left out; texts are those of words, byte for
 * byte. bpe.py holds tokens and merges to GPT-2's own. */
#include "corpora.h"

#include "data/learn.h"
#include "data/word/bpe.h"
#include "data/word/encoder.h"
#include "data/word/pretoken.h"
#include "data/word/printable.h"
#include "data/word/tokens.h"
#include "kcap/base/text.h"

KC_TEST(each_byte_is_a_character_of_its_own)
{
    char all[KC_BYTES * KC_PRINTABLE_MOST + 1] = "", *at = all;
    uint32_t code;
    int n = 0;

    for (int byte = 0; byte < KC_BYTES; byte++)
        at += kc_printable((uint8_t)byte, at);
    *at = 0;
    at = all;
    for (int byte = 0; byte < KC_BYTES; byte++, at += n) {
        assert_int_equal(kc_printable_byte(at, &n), byte);
        assert_int_equal(kc_utf8(at, &code), n);
        assert_true(code > ' ' && code != 0x7F && (code < 0x80 || code > 0xA0));
    }
    assert_int_equal(kc_printable_byte(at, &n), -1);
    assert_int_equal(kc_printable_byte("\xc4\xa0", &n), ' '); /* U+0120 */
    assert_int_equal(kc_printable_byte("\xc5\x84", &n), -1);  /* U+0144, past the last */
    assert_int_equal(kc_printable_byte(" ", &n), -1);
    assert_int_equal(kc_printable_byte("\xff", &n), -1);
}

static void give_back(void *bpe)
{
    kc_bpe_free(bpe);
    free(bpe);
}

static kc_bpe *read_merges(const char *text, kc_error *e)
{
    kc_bpe *bpe = kc_test_owns(kc_alloc(1, sizeof *bpe, "merges"), give_back);

    kc_bpe_read("m.txt", text, bpe, e);
    return bpe;
}

static void bad(const char *text, const char *message)
{
    kc_error e = {0};
    char whole[400];

    read_merges(text, &e);
    assert_int_equal(e.code, KC_EINPUT);
    snprintf(whole, sizeof whole,
             "%s; a line holds two symbols with a blank between, such as `\xc4\xa0t he`, below a "
             "line `#version: 0.2`",
             message);
    assert_string_equal(e.text, whole);
}

KC_TEST(merges_are_read_or_refused_with_their_line)
{
    bad("#version: 0.2\na b\nab\n", "m.txt:3: `ab` is no merge");
    bad("a b\r\na b c\r\n", "m.txt:2: `a b c` is no merge");
    bad("a b\n\n", "m.txt:2: `` is no merge");
    bad("a \tb\n", "m.txt:1: `a \tb` is no merge");
    bad("a \xf0\x9f\x98\x80\n", "m.txt:1: `a \xf0\x9f\x98\x80` is no merge");
    bad("a b\nc d\na b\n", "m.txt:3: `a b` stands there already");
    bad("ab c\n", "m.txt:1: `ab c` merges a first symbol that no line makes");
    bad("a bc\n", "m.txt:1: `a bc` merges a second symbol that no line makes");
    kc_error e = {0};
    assert_int_equal(read_merges("#version: 0.2\n", &e)->n, 0);
    assert_int_equal(read_merges("", &e)->n, 0);
    assert_int_equal(e.code, KC_OK);
}

static void encodes(const kc_bpe *bpe, const char *text, const char *want)
{
    int32_t symbols[64];
    const int32_t n = kc_bpe_encode(bpe, text, (int32_t)strlen(text), symbols);
    char said[400] = "";

    for (int32_t i = 0; i < n; i++) {
        strcat(said, i ? " " : "");
        strcat(said, kc_vocab_word(&bpe->symbols, symbols[i]));
    }
    assert_string_equal(said, want);
}

KC_TEST(pairs_are_merged_by_rank_and_from_the_left)
{
    kc_error e = {0};
    const kc_bpe *bpe = read_merges("b c\na b\nab c\na a\naa aa\n\xc4\xa0 bc", &e);

    assert_int_equal(e.code, KC_OK);
    encodes(bpe, "abc", "a bc");
    encodes(bpe, "abd", "ab d");
    encodes(bpe, "aaa", "aa a");
    encodes(bpe, "aaaaaaa", "aaaa aa a");
    encodes(bpe, " bc",
            "\xc4\xa0"
            "bc");
    encodes(bpe, "\xff", "\xc3\xbf");
    encodes(bpe, "", "");
}

static void fixes(const char *merges, const char *tokens, const char *message, int32_t want)
{
    kc_error e = {0};
    kc_vocab vocab = {.split = KC_SPLIT_PAIRS};
    const kc_bpe *bpe = read_merges(merges, &e);
    int32_t found[8];

    kc_vocab_add(&vocab, "<eos>", 5);
    kc_pattern *pattern = kc_pattern_create("", &e);
    vocab.pattern = pattern;
    vocab.bpe = bpe;
    vocab.token_of = test_room(bpe->symbols.n, sizeof *vocab.token_of);
    kc_vocab_fix(&vocab, "t.txt", tokens, &e);
    assert_string_equal(e.text, message);
    if (!e.code) {
        assert_int_equal(kc_vocab_tokens(&vocab, "ab", found), 2);
        assert_int_equal(found[0], 3);
        assert_int_equal(found[1], want);
        assert_int_equal(kc_vocab_mark(&vocab, "m n:", found), 1);
        assert_int_equal(found[0], 4);
        assert_int_equal(vocab.missing, 0);
        assert_int_equal(kc_vocab_tokens(&vocab, "ax", found), 3);
        assert_string_equal(kc_vocab_word(&bpe->symbols, vocab.missing - 1), "x");
        assert_int_equal(vocab.n, 6);
    }
    kc_pattern_free(pattern);
    free(vocab.text);
    free(vocab.begin);
    free(vocab.slot);
}

KC_TEST(tokens_of_a_model_are_kept_in_their_order)
{
    fixes("a b", "<|endoftext|>\nab\na\n\xc4\xa0\n\xc4\xa0m\xc4\xa0n:\n<|x|>\n", "", 1);
    fixes("a b", "e\nab\n\na\n",
          "t.txt:3: ``: no token; a line holds a token as GPT-2's encoder.json has it", 0);
    fixes("a b", "e\nab\nab\n",
          "t.txt:3: `ab`: a token that stands there already; a line holds a token as GPT-2's "
          "encoder.json has it",
          0);
    fixes("a b", "e\na b\n",
          "t.txt:2: `a b`: a character that stands for no byte; a line holds a token as GPT-2's "
          "encoder.json has it",
          0);
}

/* The small texts with names that bytes cut in two. */
static texts odd_texts(void)
{
    texts t = small_texts();

    t.text[0] = "Zo\xc3\xab\ne\xcc\x81milie\n\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x9a\x80\n"
                "\xe0\xa4\xb9\xe0\xa4\xbf\xe0\xa4\xa8\n\xe6\x9d\xb1\xe4\xba\xac 12\n";
    t.text[1] = "O'Neill's\nd'\xc3\x89\n.NET\n";
    return t;
}

static kc_config bpe_config(int64_t people, int64_t size)
{
    kc_config cfg = config_of(KC_corpus_kind_bios, people);

    cfg.vocab.kind = KC_vocab_kind_bpe;
    cfg.vocab.size = size;
    return cfg;
}

static void files_give_back(void *files)
{
    kc_files_free(files);
    free(files);
}

/* The texts and the merges learnt of them. */
static kc_files *learnt(const kc_config *cfg, const texts *t, kc_error *e)
{
    kc_files *files = kc_test_owns(kc_alloc(1, sizeof *files, "files"), files_give_back);
    int64_t bytes = 0;
    char *merges = NULL;

    *files = files_of(t);
    if (kc_learn_merges(cfg, files, &merges, &bytes, e) != KC_OK)
        return files;
    kc_test_owns(merges, free);
    snprintf(files->file[files->n].name, sizeof files->file[0].name, "vocab/merges.txt");
    files->file[files->n].begin = files->bytes;
    files->file[files->n++].bytes = bytes;
    files->text = realloc(files->text, (size_t)(files->bytes + bytes + 1));
    memcpy(files->text + files->bytes, merges, (size_t)bytes + 1);
    files->bytes += bytes + 1;
    return files;
}

static kc_corpus *learnt_corpus(const kc_config *cfg, const texts *t)
{
    kc_error e = {0};
    const kc_files *files = learnt(cfg, t, &e);

    assert_string_equal(e.text, "");
    return corpus_with(cfg, files);
}

/* The text of a document up to a token, the name of <eos> left out. */
static char *begins(const kc_corpus *c, const kc_doc *doc, int32_t end)
{
    return kc_test_owns(kc_corpus_text(c, doc->tokens + 1, end - 1), free);
}

static void same_texts(const kc_corpus *words, const kc_corpus *pairs)
{
    kc_doc a = doc_for(words), b = doc_for(pairs);

    for (int64_t i = 0; i < 60; i++) {
        kc_corpus_document(words, i, i % 5 - 1, &a);
        kc_corpus_document(pairs, i, i % 5 - 1, &b);
        assert_string_equal(begins(words, &a, a.n_tokens), begins(pairs, &b, b.n_tokens));
        assert_int_equal(a.n_spans, b.n_spans);
        for (int32_t s = 0; s < a.n_spans; s++) {
            const kc_span *x = &a.spans[s], *y = &b.spans[s];

            assert_int_equal(x->attribute, y->attribute);
            assert_string_equal(begins(words, &a, x->begin), begins(pairs, &b, y->begin));
        }
        assert_in_range(b.n_tokens, 2, kc_corpus_about(pairs)->max_doc_tokens);
    }
}

/* Blanks in front of words are all that running text has besides them, so both say the same. */
KC_TEST(texts_are_those_of_words_byte_for_byte)
{
    static const int64_t sizes[] = {110, 180, 5000};
    const texts t = odd_texts();

    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        kc_config cfg = bpe_config(60, sizes[s]);
        kc_corpus *pairs = learnt_corpus(&cfg, &t);

        assert_in_range(kc_corpus_about(pairs)->n_vocab, 60, sizes[s]);
        cfg.vocab.kind = KC_vocab_kind_words;
        same_texts(small_corpus(&cfg, &t), pairs);
    }
}

/* Every token but <eos> is in a text that a document can have. */
KC_TEST(tokens_that_never_occur_are_left_out)
{
    const texts t = small_texts();
    const kc_config cfg = bpe_config(80, 300);
    kc_corpus *c = learnt_corpus(&cfg, &t);
    const int64_t V = kc_corpus_about(c)->n_vocab;
    char *seen = test_room(V, 1);
    kc_doc doc = doc_for(c);

    for (int64_t i = 0; i < 80 * 400; i++) {
        kc_corpus_document(c, i % 80, i / 80, &doc);
        for (int32_t at = 0; at < doc.n_tokens; at++)
            seen[doc.tokens[at]] = 1;
    }
    assert_int_equal(memchr(seen, 0, (size_t)V) == NULL, 1);
}

KC_TEST(sizes_that_do_not_hold_the_bytes_are_refused)
{
    texts t = small_texts();
    kc_config cfg = bpe_config(60, 20);
    kc_error e = {0};

    learnt(&cfg, &t, &e);
    assert_int_equal(e.code, KC_EINPUT);
    long long least = 0;
    assert_int_equal(sscanf(e.text,
                            "vocab.size: 20 tokens, but <eos>, markers and the different bytes of "
                            "the corpus are %lld; at least so many would do",
                            &least),
                     1);
    cfg.vocab.size = least;
    assert_int_equal(kc_corpus_about(learnt_corpus(&cfg, &t))->n_vocab, least);
    cfg.vocab.size = least - 1;
    e = (kc_error){0};
    learnt(&cfg, &t, &e);
    assert_int_equal(e.code, KC_EINPUT);
}

/* The 256 bytes and two merges, as OpenAI's encoder.json has them; `more` in front of the end. */
static char *encoder_text(const char *more)
{
    char *text = test_room(1 << 14, 1), *at = text;

    at += sprintf(at, "{");
    for (int byte = 0; byte < KC_BYTES; byte++) {
        char to[KC_PRINTABLE_MOST + 1] = "";
        int n = kc_printable((uint8_t)byte, to);

        if (n == 2)
            at += sprintf(at, "\"\\u%04x\": %d, ", (to[0] & 0x1f) << 6 | (to[1] & 0x3f), byte);
        else
            at += sprintf(at, "\"%s%s\": %d,\n", strchr("\"\\", *to) ? "\\" : "", to, byte);
    }
    sprintf(at, "\"\\u0120t\": 256%s, \"<|endoftext|>\" :257}\n", more);
    return text;
}

static void encoder_gives(const char *merges, const char *text, const char *says)
{
    kc_bpe bpe;
    kc_error e = {0};

    assert_int_equal(kc_bpe_read("vocab.bpe", merges, &bpe, &e), KC_OK);
    kc_encoder_check("encoder.json", text, "vocab.bpe", &bpe, &e);
    kc_bpe_free(&bpe);
    if (!strstr(e.text, says) || (!says[0] && e.text[0]))
        fail_msg("'%s' and not '%s'", e.text, says);
}

KC_TEST(an_encoder_is_that_of_its_merges)
{
    static const char merges[] = "#version: 0.2\n\xc4\xa0 t\n";

    encoder_gives(merges, encoder_text(""), "");
    encoder_gives(
        merges, encoder_text(", \"he\": 300"),
        "encoder.json:95: `he` is no byte, and made by no merge of vocab.bpe; both files must "
        "be of one tokenizer");
    encoder_gives("h e\n\xc4\xa0 t\n", encoder_text(""),
                  "encoder.json:95: `he` is not in it, but a symbol of vocab.bpe; both files");
    encoder_gives(merges, encoder_text(", \"<s>\": 257"),
                  "encoder.json:95: `<|endoftext|>` has the number 257 of an earlier token");
    encoder_gives(merges, "", "encoder.json:1: no JSON object; a file reads `{");
    encoder_gives(merges, "{\n\"a\": x}", "encoder.json:2: no token and its number");
    encoder_gives(merges, "{\"a\": 1\n \"b\": 2}", "encoder.json:2: no comma and no end behind an");
    encoder_gives(merges, "{\"a", "encoder.json:1: no token");
    encoder_gives(merges, "{\"\\", "encoder.json:1: no token");
    encoder_gives(merges, "{\"\\u12", "encoder.json:1: no token");
    encoder_gives(merges, "{\"a\":", "encoder.json:1: no token");
    encoder_gives(merges, "{\"a\": 1.5}", "encoder.json:1: no token");
    encoder_gives(merges, "{\"a\": -1}", "encoder.json:1: no token");
    encoder_gives(merges, "{\"a\": 16777216}", "encoder.json:1: no token");
    encoder_gives(merges, "{\"a\\u0000b\": 1}", "encoder.json:1: no token");
    encoder_gives(merges, "{\"a\": 1,\n\"a\": 2}", "encoder.json:2: `a` stands twice in this file");
    char *more = encoder_text("");
    encoder_gives(merges, strcat(more, "{"), "encoder.json:96: more behind the object's end");
}

/* 2^40 ways to fail: it ends, and what it leaves is no corpus. */
KC_TEST(patterns_that_never_end_are_given_up)
{
    texts t = small_texts();
    kc_config cfg = bpe_config(20, 300);
    kc_error e = {0};

    t.text[0] = "Ada\nabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz\nEve\n";
    snprintf(cfg.vocab.pattern, sizeof cfg.vocab.pattern, "(\\p{L}+)+\\d|\\s");
    learnt(&cfg, &t, &e);
    assert_int_equal(e.code, KC_EINPUT);
    assert_string_equal(e.text,
                        "vocab.pattern: cutting a text takes too many steps; an expression without "
                        "repeats of repeats, such as `(\\p{L}+)+`, would do");
}

/* A clock of the test's own: a second goes by with each look at it. */
static double look(void)
{
    static double now;

    return now += 1;
}

KC_TEST(long_learning_is_told)
{
    kc_config cfg = config_of(KC_corpus_kind_bios, 40);
    const texts t = small_texts();
    kc_files files = files_of(&t);
    char *merges = NULL, *said = NULL;
    int64_t bytes = 0;
    size_t n = 0;
    kc_error e = {0};
    kc_teller teller = {.out = open_memstream(&said, &n), .clock = look};

    cfg.vocab.kind = KC_vocab_kind_bpe;
    cfg.vocab.size = 200;
    files.teller = &teller;
    assert_int_equal(kc_learn_merges(&cfg, &files, &merges, &bytes, &e), KC_OK);
    fclose(teller.out);
    kc_files_free(&files);
    kc_test_owns(merges, free);
    kc_test_owns(said, free);
    assert_ptr_equal(strstr(said, "\rcounting pieces of documents: 0 of "), said);
    assert_non_null(strstr(said, "\rlearning byte pairs: 1 of "));
    assert_non_null(strstr(said, "\rlearning byte pairs: 9 of "));
    assert_string_equal(said + n - 4, "\r\033[K");
}

static void refused(const char *yaml, const char *message)
{
    kc_origin o = {.path = "x.yaml"};
    kc_error e = {0};
    kc_config cfg;

    assert_int_equal(kc_config_read(yaml, strlen(yaml), &o, &cfg, &e), KC_OK);
    assert_int_equal(kc_corpus_check(&cfg, &o, &e), KC_EINPUT);
    assert_string_equal(e.text, message);
}

KC_TEST(keys_that_make_no_vocabulary_are_refused)
{
    refused("corpus: {kind: random}\nvocab: {kind: bpe}",
            "x.yaml:2: vocab.kind: byte pairs are made of text, and corpus.kind random (x.yaml:1) "
            "has numbered tokens; words would do");
    refused("corpus: {kind: biod}\nvocab: {kind: gpt2, merges: m}",
            "x.yaml:2: vocab.kind: byte pairs are made of text, and corpus.kind biod (x.yaml:1) "
            "has numbered tokens; words would do");
    refused("vocab: {kind: bpe, pattern: 'a|(b'}",
            "x.yaml:1: vocab.pattern: `a|(b`: byte 4: missing closing parenthesis; a regular "
            "expression of PCRE2 such as `\\s?\\p{L}+` would do, or none: GPT-2's");
    refused("vocab: {kind: bpe, pattern: 'a*'}",
            "x.yaml:1: vocab.pattern: `a*`: byte 0: it takes an empty text, and no piece is empty; "
            "a regular expression of PCRE2 such as `\\s?\\p{L}+` would do, or none: GPT-2's");
    refused("vocab: {kind: gpt2}",
            "x.yaml:1: vocab.kind: gpt2 needs vocab.merges, the file of its merges: GPT-2's "
            "vocab.bpe, or the merges.txt of a tokenizer like it");
}

KC_TEST_MAIN(NULL, NULL)
