/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/h5_internal.h"
#include "kcap/base/crc.h"
#include "kcap/base/memory.h"
#include "kcap/io/attribute.h"

enum { DIGITS = 8, NAME = 128 };

static const char seal[] = "seal", holds[] = "holds", root[] = "/";

/* Add name and value of an attribute of either kind to the sum. */
static int add(kc_h5 *f, const char *name, uint32_t *crc, kc_error *e)
{
    hid_t id = kc_h5_has_attribute(f, root, name)
                   ? H5Aopen_by_name(f->id, root, name, H5P_DEFAULT, H5P_DEFAULT)
                   : -1;
    if (id < 0)
        return kc_fail(e, KC_EINPUT, "%s: attribute %s of / is missing: damaged", f->path, name);
    hid_t type = H5Aget_type(id);
    const int is_text = H5Tis_variable_str(type) > 0;
    int64_t number = 0;
    char *text = NULL;
    *crc = kc_crc32(*crc, name, strlen(name));
    if (is_text) {
        if (kc_h5_get_text(f, root, name, &text, e) == KC_OK)
            *crc = kc_crc32(*crc, text, strlen(text));
    } else if (H5Tget_size(type) != sizeof number || H5Aread(id, type, &number) < 0)
        kc_h5_fail(f, e, "attribute %s of /: cannot read it", name);
    else
        *crc = kc_crc32(*crc, &number, sizeof number);
    free(text);
    H5Tclose(type);
    H5Aclose(id);
    return e->code;
}

/* The sum over all attributes that `names` lists. */
static int sum(kc_h5 *f, const char *names, uint32_t *crc, kc_error *e)
{
    char name[NAME];
    int n = 0;
    *crc = 0;
    for (; sscanf(names, " %127s%n", name, &n) == 1; names += n)
        KC_TRY(add(f, name, crc, e));
out:
    return e->code;
}

/* One text that grows. */
typedef struct list {
    char *text;
    int64_t used, room;
} list;

static void add_name(list *names, const char *before, const char *name)
{
    const int64_t bytes = (int64_t)(strlen(before) + strlen(name));
    names->text = kc_grow(names->text, &names->room, names->used + bytes + 1, 1);
    names->used += sprintf(names->text + names->used, "%s%s", before, name);
}

static herr_t add_attribute(hid_t object, const char *name, const H5A_info_t *info, void *to)
{
    (void)object;
    (void)info;
    add_name(to, " ", name);
    return 0;
}

static herr_t add_link(hid_t group, const char *name, const H5L_info_t *info, void *to)
{
    (void)group;
    (void)info;
    add_name(to, ((list *)to)->used ? " /" : "/", name);
    return 0;
}

/* In an attribute, for the seal to cover. */
static int list_all(kc_h5 *f, kc_error *e)
{
    list paths = {.text = NULL};
    if (H5Lvisit(f->id, H5_INDEX_NAME, H5_ITER_INC, add_link, &paths) < 0)
        kc_h5_fail(f, e, "what it holds cannot be listed");
    else
        kc_h5_set_text(f, root, holds, paths.text ? paths.text : "", e);
    free(paths.text);
    return e->code;
}

int kc_h5_seal(kc_h5 *f, kc_error *e)
{
    list names = {.text = kc_alloc(DIGITS + 1, 1, "names"), .used = DIGITS, .room = DIGITS + 1};
    uint32_t crc = 0;
    char digits[DIGITS + 1];
    KC_TRY(kc_h5_usable(f, e));
    KC_TRY(list_all(f, e));
    if (H5Aiterate_by_name(f->id, root, H5_INDEX_NAME, H5_ITER_INC, NULL, add_attribute, &names,
                           H5P_DEFAULT) < 0)
        kc_h5_fail(f, e, "/: its attributes cannot be listed");
    KC_TRY(e->code);
    KC_TRY(sum(f, names.text + DIGITS, &crc, e));
    snprintf(digits, sizeof digits, "%08x", crc);
    memcpy(names.text, digits, DIGITS);
    kc_h5_set_text(f, root, seal, names.text, e);
out:
    free(names.text);
    return e->code;
}

static int check_attributes(kc_h5 *f, kc_error *e)
{
    char *said = NULL, digits[DIGITS + 1];
    uint32_t crc = 0;
    if (!kc_h5_has_attribute(f, root, seal))
        return KC_OK;
    KC_TRY(kc_h5_get_text(f, root, seal, &said, e));
    if (strlen(said) > DIGITS)
        KC_TRY(sum(f, said + DIGITS, &crc, e));
    snprintf(digits, sizeof digits, "%08x", crc);
    if (strncmp(said, digits, DIGITS) != 0)
        kc_fail(e, KC_EINPUT, "%s: the attributes of / do not fit their checksum: damaged",
                f->path);
out:
    free(said);
    return e->code;
}

static int check_contents(kc_h5 *f, kc_error *e)
{
    char *paths = NULL, *rest = NULL;
    if (!kc_h5_has_attribute(f, root, holds))
        return KC_OK;
    KC_TRY(kc_h5_get_text(f, root, holds, &paths, e));
    for (char *path = strtok_r(paths, " ", &rest); path; path = strtok_r(NULL, " ", &rest))
        if (!kc_h5_has(f, path))
            kc_fail(e, KC_EINPUT, "%s: %s is missing, which the file was made with: damaged",
                    f->path, path);
out:
    free(paths);
    return e->code;
}

int kc_h5_check_seal(kc_h5 *f, kc_error *e)
{
    KC_TRY(check_attributes(f, e));
    KC_TRY(check_contents(f, e));
out:
    return e->code;
}
