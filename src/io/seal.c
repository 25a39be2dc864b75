/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/h5_internal.h"
#include "kcap/base/crc.h"
#include "kcap/base/memory.h"
#include "kcap/io/attribute.h"

enum { DIGITS = 8, NAME = 128 };

static const char seal[] = "seal";

/* Add name and value of an attribute of either kind to the sum. */
static int add(kc_h5 *f, const char *object, const char *name, uint32_t *crc, kc_error *e)
{
    hid_t id = kc_h5_has_attribute(f, object, name)
                   ? H5Aopen_by_name(f->id, object, name, H5P_DEFAULT, H5P_DEFAULT)
                   : -1;
    if (id < 0)
        return kc_fail(e, KC_EINPUT, "%s: attribute %s of %s is missing: damaged", f->path, name,
                       object);
    hid_t type = H5Aget_type(id);
    const int is_text = H5Tis_variable_str(type) > 0;
    int64_t number = 0;
    char *text = NULL;
    *crc = kc_crc32(*crc, name, strlen(name));
    if (is_text) {
        if (kc_h5_get_text(f, object, name, &text, e) == KC_OK)
            *crc = kc_crc32(*crc, text, strlen(text));
    } else if (H5Tget_size(type) != sizeof number || H5Aread(id, type, &number) < 0)
        kc_h5_fail(f, e, "attribute %s of %s: cannot read it", name, object);
    else
        *crc = kc_crc32(*crc, &number, sizeof number);
    free(text);
    H5Tclose(type);
    H5Aclose(id);
    return e->code;
}

/* The sum over all attributes that `names` lists. */
static int sum(kc_h5 *f, const char *object, const char *names, uint32_t *crc, kc_error *e)
{
    char name[NAME];
    int n = 0;
    *crc = 0;
    for (; sscanf(names, " %127s%n", name, &n) == 1; names += n)
        KC_TRY(add(f, object, name, crc, e));
out:
    return e->code;
}

/* One text that grows. */
typedef struct list {
    char *text;
    int64_t used, room;
} list;

static herr_t add_name(hid_t object, const char *name, const H5A_info_t *info, void *to)
{
    list *names = to;
    const int64_t bytes = (int64_t)strlen(name) + 1;
    (void)object;
    (void)info;
    names->text = kc_grow(names->text, &names->room, names->used + bytes + 1, 1);
    sprintf(names->text + names->used, " %s", name);
    names->used += bytes;
    return 0;
}

int kc_h5_seal(kc_h5 *f, const char *object, kc_error *e)
{
    list names = {.text = kc_alloc(DIGITS + 1, 1, "names"), .used = DIGITS, .room = DIGITS + 1};
    uint32_t crc = 0;
    char digits[DIGITS + 1];
    KC_TRY(kc_h5_usable(f, e));
    if (H5Aiterate_by_name(f->id, object, H5_INDEX_NAME, H5_ITER_INC, NULL, add_name, &names,
                           H5P_DEFAULT) < 0)
        kc_h5_fail(f, e, "%s: its attributes cannot be listed", object);
    KC_TRY(e->code);
    KC_TRY(sum(f, object, names.text + DIGITS, &crc, e));
    snprintf(digits, sizeof digits, "%08x", crc);
    memcpy(names.text, digits, DIGITS);
    kc_h5_set_text(f, object, seal, names.text, e);
out:
    free(names.text);
    return e->code;
}

int kc_h5_check_seal(kc_h5 *f, const char *object, kc_error *e)
{
    char *said = NULL, digits[DIGITS + 1];
    uint32_t crc = 0;
    if (!kc_h5_has_attribute(f, object, seal))
        return KC_OK;
    KC_TRY(kc_h5_get_text(f, object, seal, &said, e));
    if (strlen(said) > DIGITS)
        KC_TRY(sum(f, object, said + DIGITS, &crc, e));
    snprintf(digits, sizeof digits, "%08x", crc);
    if (strncmp(said, digits, DIGITS) != 0)
        kc_fail(e, KC_EINPUT, "%s: the attributes of %s do not fit their checksum: damaged",
                f->path, object);
out:
    free(said);
    return e->code;
}
