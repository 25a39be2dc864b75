/* SPDX-License-Identifier: BSD-3-Clause */
#include "data/text/fact_twins.h"

#include <stdlib.h>

#include "kcap/base/alike.h"
#include "kcap/base/memory.h"

typedef struct kc_odd_text {
    const kc_vocab *among;
    int32_t number, line;
} odd_text;

void kc_odd_texts_add(kc_odd_texts *odd, const kc_vocab *among, int32_t number, int32_t line)
{
    odd->text = kc_grow(odd->text, &odd->room, odd->n + 1, sizeof *odd->text);
    odd->text[odd->n++] = (odd_text){among, number, line};
}

/* Of the odd texts of one list those that look like others of it. */
static void find_twins(const char *path, const kc_odd_texts *texts, const kc_vocab *among,
                       kc_fact_table *t)
{
    uint64_t *all = kc_alloc(among->n, sizeof *all, "texts");
    uint64_t *odd = kc_alloc(texts->n, sizeof *odd, "texts");
    const odd_text **which = kc_alloc(texts->n, sizeof *which, "texts");
    int64_t n = 0, first = 0;
    char shown[120];

    for (const odd_text *it = texts->text; it < texts->text + texts->n; it++)
        if (it->among == among) {
            odd[n] = kc_alike_key(kc_vocab_word(among, it->number));
            which[n++] = it;
        }
    for (int32_t i = 0; i < among->n && n; i++)
        all[i] = kc_alike_key(kc_vocab_word(among, i));
    const int64_t twins = kc_alike_twins(all, among->n, odd, n, &first);

    if (twins && !t->n_twins)
        snprintf(t->twin, sizeof t->twin, "%.150s:%d: `%s`", path, which[first]->line,
                 kc_alike_show(kc_vocab_word(among, which[first]->number), shown, sizeof shown));
    t->n_twins += twins;
    free(which);
    free(odd);
    free(all);
}

void kc_fact_table_twins(const char *path, const kc_odd_texts *odd, kc_fact_table *t)
{
    if (odd->n == 0)
        return;
    find_twins(path, odd, &t->name, t);
    find_twins(path, odd, &t->attribute, t);
    for (int a = 0; a < t->attribute.n; a++)
        find_twins(path, odd, &t->value[a], t);
}
