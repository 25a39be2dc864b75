/* SPDX-License-Identifier: BSD-3-Clause */
#include "data/kind/kind.h"

const kc_kind_ops *kc_kind_of(int64_t kind)
{
#define KC_KIND_AT(key, kind, ...) &kc_kind_##kind,
    static const kc_kind_ops *const rows[] = {KC_KINDS(KC_KIND_AT, )};
    return rows[kind];
}

const kc_source *kc_kind_sources(const kc_corpus_keys *keys)
{
    static const kc_source none[] = {{NULL, NULL, 0}};
    const int by_name = keys->kind == KC_corpus_kind_questions && keys->file[0];

    return by_name ? none : kc_kind_of(keys->kind)->sources;
}

int kc_kind_numbered(const kc_config *settled, const kc_origin *o, kc_error *e)
{
    char text[KC_SAID_MAX];

    if (settled->vocab.kind == KC_vocab_kind_words)
        return KC_OK;
    return kc_fail_key(e, o, KC_AT_vocab_kind,
                       "byte pairs are made of text, and %s has numbered tokens; words would do",
                       kc_key_said(settled, o, KC_AT_corpus_kind, text));
}
