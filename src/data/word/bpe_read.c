/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "data/word/bpe.h"
#include "data/word/printable.h"

/* A line of merges: two symbols. */
typedef struct row {
    const char *path, *line, *symbol[2];
    int64_t number;
    int32_t n[2]; /* bytes of the symbols */
} row;

static int fail(const row *r, const char *what, kc_error *e)
{
    const size_t n = strcspn(r->line, "\r\n");

    return kc_fail(e, KC_EINPUT,
                   "%s:%lld: `%.*s` %s; a line holds two symbols with a blank between, such as "
                   "`\xc4\xa0t he`, below a line `#version: 0.2`",
                   r->path, (long long)r->number, (int)(n < 100 ? n : 100), r->line, what);
}

/* Characters that stand for bytes, up to any other. */
static int32_t symbol_bytes(const char *text)
{
    int32_t n = 0;
    int bytes;

    while (kc_printable_byte(text + n, &bytes) >= 0)
        n += bytes;
    return n;
}

/* Cut the line that begins at *at, and leave *at behind it. */
static int cut(const char **at, row *r, kc_error *e)
{
    const char *text = r->line = *at;

    r->number++;
    for (int side = 0; side < 2; side++) {
        r->symbol[side] = text;
        r->n[side] = symbol_bytes(text);
        text += r->n[side];
        if (!r->n[side] || (side == 0 && *text++ != ' '))
            return fail(r, "is no merge", e);
    }
    text += *text == '\r';
    if (*text && *text != '\n')
        return fail(r, "is no merge", e);
    *at = text + (*text == '\n');
    return KC_OK;
}

/* What the merge makes is a symbol from now on; its parts lie a blank apart. */
static int make(kc_bpe *bpe, const row *r, kc_error *e)
{
    char both[KC_SYMBOL_MOST];

    if (r->n[0] + r->n[1] > KC_SYMBOL_MOST)
        return fail(r, "makes a symbol that is too long", e);
    memcpy(both, r->symbol[0], (size_t)r->n[0]);
    memcpy(both + r->n[0], r->symbol[1], (size_t)r->n[1]);
    kc_vocab_intern(&bpe->symbols, both, r->n[0] + r->n[1]);
    return KC_OK;
}

static int add(kc_bpe *bpe, const row *r, kc_error *e)
{
    int32_t part[2];

    for (int side = 0; side < 2; side++) {
        part[side] = kc_vocab_find(&bpe->symbols, r->symbol[side], r->n[side]);
        if (part[side] < 0)
            return fail(r,
                        side ? "merges a second symbol that no line makes"
                             : "merges a first symbol that no line makes",
                        e);
    }
    if (kc_bpe_rank(bpe, part[0], part[1]) >= 0)
        return fail(r, "stands there already", e);
    kc_bpe_add(bpe, part[0], part[1]);
    return KC_OK;
}

/* A symbol may be made below a line that merges it, so lines are read twice. */
int kc_bpe_read(const char *path, const char *text, kc_bpe *bpe, kc_error *e)
{
    const int64_t head = strncmp(text, "#version", 8) == 0;

    const char *below = text + strcspn(text, "\n");

    below += *below == '\n';
    kc_bpe_create(bpe);
    for (int pass = 0; pass < 2; pass++) {
        row r = {.path = path, .number = head};

        for (const char *at = head ? below : text; *at;) {
            KC_TRY(cut(&at, &r, e));
            KC_TRY(pass ? add(bpe, &r, e) : make(bpe, &r, e));
        }
    }
out:
    return e->code;
}
