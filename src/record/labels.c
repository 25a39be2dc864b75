/* SPDX-License-Identifier: BSD-3-Clause */
#include "record/labels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kcap/base/memory.h"
#include "kcap/io/attribute.h"
#include "kcap/io/text.h"

enum { PATH = 128 };

static void path_of(const kc_schema *s, char path[PATH])
{
    snprintf(path, PATH, "%s/attribute_names", s->group);
}

int kc_labels_write(kc_h5 *f, const kc_schema *s, kc_error *e)
{
    char path[PATH];
    size_t size = 1;
    if (s->n_labels == 0)
        return KC_OK;
    path_of(s, path);
    for (int i = 0; i < s->n_labels; ++i)
        size = strlen(s->labels[i]) >= size ? strlen(s->labels[i]) + 1 : size;
    char *texts = kc_alloc(s->n_labels, size, "names");
    for (int i = 0; i < s->n_labels; ++i)
        memcpy(texts + (size_t)i * size, s->labels[i], strlen(s->labels[i]));
    if (kc_h5_text_write(f, path, texts, (int64_t)size, s->n_labels, e) == KC_OK)
        kc_h5_describe(f, path, "text", "the attributes, 0 the name", e);
    free(texts);
    return e->code;
}

int kc_labels_check(kc_h5 *f, const kc_schema *s, kc_error *e)
{
    char path[PATH], *texts = NULL;
    int64_t size = 0, n = 0;
    path_of(s, path);
    if (s->n_labels == 0 || !kc_h5_has(f, path))
        return KC_OK;
    KC_TRY(kc_h5_text_read(f, path, &texts, &size, &n, e));
    if (n != s->n_labels)
        kc_fail(e, KC_EINPUT, "%s: a run with %lld attributes; this one has %d", f->path,
                (long long)n, s->n_labels);
    for (int i = 0; i < s->n_labels && e->code == KC_OK; ++i) {
        const char *found = texts + i * size;
        if (strlen(s->labels[i]) != strnlen(found, (size_t)size) ||
            strncmp(s->labels[i], found, (size_t)size) != 0)
            kc_fail(e, KC_EINPUT, "%s: attribute %d is %.*s; in this run it is %s", f->path, i,
                    (int)size, found, s->labels[i]);
    }
out:
    free(texts);
    return e->code;
}
