/* SPDX-License-Identifier: BSD-3-Clause */
#include "data/mix.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kcap/base/memory.h"

static int has_names(const kc_config *cfg)
{
    const kc_source *first = kc_kind_sources(&cfg->corpus);

    return first->name && !strcmp(first->name, "pools/first_name.txt");
}

static int same_names(const kc_config *cfg, const kc_config *other, int part, const kc_origin *o,
                      kc_error *e)
{
    const kc_corpus_keys *a = &cfg->corpus, *b = &other->corpus;
    const int64_t counts[3][2] = {{a->first_names, b->first_names},
                                  {a->middle_names, b->middle_names},
                                  {a->last_names, b->last_names}};

    for (int i = 0; i < 3; i++)
        if (counts[i][0] != counts[i][1])
            return kc_fail_key(e, o, kc_key_of_part(KC_AT_corpus_first_names + i, part),
                               "%lld, but parts with people share their names: %lld, as an earlier "
                               "part has, would do",
                               (long long)counts[i][0], (long long)counts[i][1]);
    return KC_OK;
}

/* Questions have the keys of the first part: others of their own would say nothing. */
static int check_own_keys(const kc_config *settled, int part, const kc_origin *o, kc_error *e)
{
    static const int own[] = {KC_AT_corpus_kind,     KC_AT_corpus_share, KC_AT_corpus_tag,
                              KC_AT_corpus_windows,  KC_AT_corpus_skew,  KC_AT_corpus_held_out,
                              KC_AT_corpus_exposures};
    char said[KC_SAID_MAX], usual[KC_SAID_MAX];
    kc_config plain;

    kc_config_defaults(&plain);
    plain.parts = settled->parts;
    plain = kc_config_settled(&plain);
    for (int i = 0; i < KC_N_corpus; i++) {
        const int key = kc_key_of_part(KC_FIRST_corpus + i, part);
        int is_own = 0;

        for (size_t k = 0; k < sizeof own / sizeof *own; k++)
            is_own |= KC_FIRST_corpus + i == own[k];
        is_own |= KC_FIRST_corpus + i == KC_AT_corpus_templates &&
                  settled->corpus.kind == KC_corpus_kind_facts;
        if (!is_own && strcmp(kc_key_said(settled, NULL, key, said),
                              kc_key_said(&plain, NULL, key, usual)) != 0)
            return kc_fail_key(e, o, key,
                               "questions have the first part's; leave it out, or set it there");
    }
    return KC_OK;
}

int kc_mix_check(const kc_config *settled, int part, const kc_origin *o, kc_error *e)
{
    const kc_config one = kc_config_of_part(settled, part);
    char text[KC_SAID_MAX];

    if (one.corpus.kind == KC_corpus_kind_questions &&
        (part == 0 || !kc_kind_of(settled->corpus.kind)->name))
        return kc_fail_key(
            e, o, kc_key_of_part(KC_AT_corpus_kind, part),
            "questions are about a first part of bios or facts; a list of parts that begins with "
            "one would do");
    if (one.corpus.kind == KC_corpus_kind_questions)
        KC_TRY(check_own_keys(settled, part, o, e));
    if (settled->parts > 1 && settled->train.mix == KC_train_mix_documents &&
        one.corpus.windows == KC_corpus_windows_single)
        return kc_fail_key(e, o, kc_key_of_part(KC_AT_corpus_windows, part),
                           "a document alone in its window, with %s; train.mix: windows would do",
                           kc_key_said(settled, o, KC_AT_train_mix, text));
    for (int other = 0; other < part && has_names(&one); other++) {
        const kc_config earlier = kc_config_of_part(settled, other);

        if (has_names(&earlier))
            KC_TRY(same_names(&one, &earlier, part, o, e));
    }
out:
    return e->code;
}

/* Are the lists of names of two parts the same? */
static int same_lists(const kc_files *a, const kc_files *b)
{
    const kc_source *lists = kc_kind_of(KC_corpus_kind_bios)->sources; /* first the names' */

    for (int i = 0; i < 3; i++) {
        int64_t n = 0, m = 0;
        const char *x = kc_files_find(a, lists[i].name, &n);
        const char *y = kc_files_find(b, lists[i].name, &m);

        if (!x || !y || n != m || memcmp(x, y, (size_t)n) != 0)
            return 0;
    }
    return 1;
}

int kc_mix_lists(const kc_config *cfg, int part, const kc_files *files, kc_error *e)
{
    const kc_config one = kc_config_of_part(cfg, part);
    kc_files *own = kc_alloc(2, sizeof *own, "files");

    kc_files_of_part(files, part, own);
    for (int other = 0; other < part && has_names(&one) && e->code == KC_OK; other++) {
        const kc_config earlier = kc_config_of_part(cfg, other);

        kc_files_of_part(files, other, own + 1);
        if (has_names(&earlier) && !same_lists(own, own + 1))
            kc_fail(e, KC_EINPUT,
                    "corpus.%d.pools: other names than those of part %d; parts with people share "
                    "their names, and with them the lists of first, middle and last names",
                    part + 1, other + 1);
    }
    free(own);
    return e->code;
}

int kc_mix_names(const kc_corpus *part, int number, kc_error *e)
{
    const double names = exp2(part->info.attribute[0].log2_pool);
    const int64_t people = part->first + part->info.n_people;

    if (!part->kind->by_index || (double)people < names + 0.5)
        return KC_OK;
    return kc_fail(
        e, KC_EINPUT,
        "corpus.%d.people: with those of the parts before it %lld %s, but there are names "
        "for %.0f; fewer would do",
        number + 1, (long long)people, part->info.many, floor(names + 0.5));
}

/* The last part that has tokens. */
static int last_of(const kc_corpus *whole)
{
    int part = whole->n_parts - 1;

    while (part > 0 && !(whole->part[part]->info.share > 0))
        part--;
    return part;
}

/* The first part takes window j of its lane where j x share + lane / lanes passes a whole number. Over
 * all lanes this rounds lanes x windows x share once (Hermite's identity). What is left is shared by
 * the others in the same way. */
int kc_mix_window(const kc_corpus *corpus, int64_t lane, int64_t n_lanes, int64_t context,
                  const kc_cursor *cursors)
{
    const kc_corpus *whole = corpus->whole;
    const double phase = (double)lane / (double)n_lanes;
    const int last = last_of(whole);
    double left = 1;
    int64_t j = 0;
    int part = 0;

    for (int i = 0; i < whole->n_parts; i++)
        j += cursors[i].used / context;
    for (; part < last; part++) {
        const double share = whole->part[part]->info.share / left;
        const double taken = floor((double)j * share + phase);

        if (floor((double)(j + 1) * share + phase) > taken)
            break;
        j -= (int64_t)taken;
        left -= whole->part[part]->info.share;
    }
    return part;
}

int kc_mix_document(const kc_corpus *corpus, const kc_cursor *cursors)
{
    const kc_corpus *whole = corpus->whole;
    double all = 0, most = -INFINITY;
    int next = 0;

    for (int i = 0; i < whole->n_parts; i++)
        all += (double)cursors[i].used;
    for (int i = 0; i < whole->n_parts; i++) {
        const double share = whole->part[i]->info.share;
        const double lacks = share * all - (double)cursors[i].used;

        if (cursors[i].offset)
            return i;
        if (share > 0 && lacks > most) {
            most = lacks;
            next = i;
        }
    }
    return next;
}
