/* SPDX-License-Identifier: BSD-3-Clause */
#include "data/kind/kind.h"

const kc_kind_ops *kc_kind_of(int64_t kind)
{
#define KC_KIND_AT(key, kind, ...) &kc_kind_##kind,
    static const kc_kind_ops *const rows[] = {KC_KINDS(KC_KIND_AT, )};
    return rows[kind];
}
