/* SPDX-License-Identifier: BSD-3-Clause */
#include "fuzz.h"

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 1 << 16, EDITS = 8, PATIENCE = 60, LONG_LINE = 20000 };

typedef struct text {
    char *at;
    size_t n;
} text;

/* For whoever ends the program. */
static struct {
    unsigned long long seed, number;
} now;

/* splitmix64, https://prng.di.unimi.it/splitmix64.c */
static uint64_t draw(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15U;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9U;
    z = (z ^ z >> 27) * 0x94D049BB133111EBU;
    return z ^ z >> 31;
}

static size_t below(uint64_t *state, size_t n)
{
    return n ? (size_t)(draw(state) % n) : 0;
}

/* Put `n` bytes in place of `gone` bytes. */
static void splice(text *t, size_t at, size_t gone, const char *bytes, size_t n)
{
    if (t->n - gone + n > MOST)
        return;
    memmove(t->at + at + n, t->at + at + gone, t->n - at - gone);
    memcpy(t->at + at, bytes, n);
    t->n += n - gone;
}

static size_t length(const char *const *list)
{
    size_t n = 0;
    while (list[n])
        n++;
    return n;
}

static const char *one_of(const char *const *list, uint64_t *state)
{
    return list[below(state, length(list))];
}

/* The same byte or a piece of the text again and again. */
static void repeat(text *t, uint64_t *state)
{
    const size_t at = below(state, t->n), n = 1 + below(state, 3);
    char *piece = malloc(LONG_LINE + 3);
    size_t bytes = 0;
    for (const size_t most = below(state, LONG_LINE); bytes < most && at + n <= t->n; bytes += n)
        memcpy(piece + bytes, t->at + at, n);
    splice(t, at, 0, piece, bytes);
    free(piece);
}

static void edit(const kc_fuzz *f, text *t, uint64_t *state)
{
    static const char *const odd[] = {"\xff",
                                      "\xc3",
                                      "\xf0\x9f\x98\x80",
                                      "e\xcc\x81",
                                      "\xe2\x80\x8d",
                                      "\xc2\xa0",
                                      "\t",
                                      "\n",
                                      "\r\n",
                                      "\r",
                                      "\"",
                                      "'",
                                      "\\",
                                      "-1",
                                      "0",
                                      "99999999999999999999",
                                      "1e309",
                                      " ",
                                      "",
                                      NULL};
    const size_t at = below(state, t->n + 1), gone = below(state, t->n - at < 40 ? t->n - at : 40);
    const char *other = one_of(f->texts, state);
    const size_t from = below(state, strlen(other));
    const char byte = (char)draw(state);
    switch (draw(state) % 8) {
    case 0:
        splice(t, at, at < t->n, &byte, 1);
        break;
    case 1:
        splice(t, at, gone, "", 0);
        break;
    case 2:
    case 3:
        other = one_of(odd, state);
        splice(t, at, gone / 8, other, strlen(other));
        break;
    case 4:
    case 5:
        other = one_of(f->words, state);
        splice(t, at, gone / 4, other, strlen(other));
        break;
    case 6:
        splice(t, at, gone, other + from, below(state, strlen(other) - from + 1));
        break;
    default:
        if (draw(state) % 16 == 0)
            repeat(t, state);
        else
            t->n = draw(state) % 16 == 0 ? at : t->n;
    }
}

/* Read one case; an error must be said in one line. */
static void try_case(const kc_fuzz *f)
{
    uint64_t state = now.seed * 0x9E3779B97F4A7C15U + now.number;
    const char *start = one_of(f->texts, &state);
    text t = {malloc(MOST + 1), strlen(start)};
    kc_error e = {0};
    memcpy(t.at, start, t.n);
    for (size_t edits = now.number ? 1 + below(&state, EDITS) : 0; edits > 0; edits--)
        edit(f, &t, &state);
    char *exact = malloc(t.n + 1); /* so that a byte too far is seen */
    memcpy(exact, t.at, t.n);
    exact[t.n] = 0;
    free(t.at);
    const int code = f->read(exact, t.n, &e);
    KC_CHECK(code == e.code && (code == KC_OK || code == KC_EINPUT), "code %d, error of %d", code,
             e.code);
    KC_CHECK((code == KC_OK) == !e.text[0] && !strchr(e.text, '\n'), "the message is `%s`", e.text);
    free(exact);
}

/* Says which case it was: only what may be called from a signal's handler. */
static void tell(void)
{
    char line[128];
    const int n =
        snprintf(line, sizeof line, "failed: seed %llu, case %llu\n", now.seed, now.number);
    if (write(STDERR_FILENO, line, (size_t)n) < 0)
        _exit(1);
}

static void on_signal(int sig)
{
    tell();
    signal(sig, SIG_DFL);
    raise(sig);
}

/* The sanitizers' own last word. */
void __asan_on_error(void);
void __asan_on_error(void)
{
    tell();
}

const char *kc_fuzz_file(const char *content, size_t bytes)
{
    static char path[64];
    static int fd = -1;
    if (fd < 0)
        fd = memfd_create("fuzz", 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    KC_CHECK(fd >= 0 && ftruncate(fd, 0) == 0 && pwrite(fd, content, bytes, 0) == (ssize_t)bytes,
             "no file of %zu bytes", bytes);
    return path;
}

int main(int argc, char **argv)
{
    const time_t end = time(NULL) + (argc > 1 ? atoll(argv[1]) : 2);
    now.seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    now.number = argc > 3 ? strtoull(argv[3], NULL, 10) : 0;
    signal(SIGABRT, on_signal);
    signal(SIGALRM, on_signal); /* a case that takes so long hangs */
    do {
        alarm(PATIENCE);
        try_case(&kc_fuzz_target);
        now.number++;
    } while (argc <= 3 && time(NULL) < end);
    printf("%llu cases of seed %llu\n", now.number, now.seed);
    return 0;
}
