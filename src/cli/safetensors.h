/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_CLI_SAFETENSORS_H
#define KCAP_CLI_SAFETENSORS_H

#include <stdint.h>

#include <cjson/cJSON.h>

#include "kcap/base/err.h"

/* The format of github.com/huggingface/safetensors, tensors of float32 alone: 8 bytes,
 * little-endian, the header's length; the header, a JSON object {name: {dtype, shape, data_offsets:
 * [begin, end]}, ..., "__metadata__": {text: text}}; the data, which the tensors cover once and
 * without a hole. Offsets count from the data's first byte. Nothing here is collective. */

enum { KC_ST_DIMS = 8, KC_ST_HEADER_MOST = 100000000, KC_ST_PIECE = 1 << 18 };

/* One tensor of a file. When it is read its name belongs to the file's header. */
typedef struct kc_st_tensor {
    const char *name;
    int n_dims;
    int64_t dims[KC_ST_DIMS];
    int64_t begin, end; /* bytes of the data; the writer sets them */
} kc_st_tensor;

/* A file's header, checked. */
typedef struct kc_st {
    char path[1024];
    int64_t data_at;      /* of the data's first byte in the file   */
    int64_t n;            /* tensors, by name                       */
    kc_st_tensor *tensor; /* [n]                                    */
    cJSON *header;
} kc_st;

/* The first bytes of a file, length and header.
 *   text        malloc'ed, `bytes` bytes, 8 of length first; the caller frees it
 *   file_bytes  size of the file
 *   errors      KC_EINPUT: missing, unreadable, too short for a header or for the one it announces,
 *               or a header of more than KC_ST_HEADER_MOST bytes */
int kc_st_head(const char *path, char **text, int64_t *bytes, int64_t *file_bytes, kc_error *e);

/* Check these bytes and take them apart; a function of its arguments alone.
 *   owns        release with kc_st_free, after an error too
 *   errors      KC_EINPUT, what was found and what is allowed: lengths that disagree, no UTF-8, no
 *               JSON object, a name that is there twice, a member that a tensor does not have, a
 *               dtype other than F32, a shape that is not up to KC_ST_DIMS whole numbers or whose
 *               product overflows, offsets that are not 0 <= begin <= end <= size of the data or do
 *               not fit the shape, tensors that overlap, a hole between them or after them,
 *               metadata that is not text */
int kc_st_parse(const char *path, const char *text, int64_t bytes, int64_t file_bytes, kc_st *st,
                kc_error *e);
void kc_st_free(kc_st *st);

/* The tensor, or the text of the metadata, of this name; or NULL. */
const kc_st_tensor *kc_st_find(const kc_st *st, const char *name);
const char *kc_st_meta(const kc_st *st, const char *name);

/* "[2, 3]" */
void kc_st_shape(int n_dims, const int64_t *dims, char *text, size_t size);

/* Values on their way to or from a file: n values of tensor `index`, the first of which is its
 * element `at`, in row-major order. */
typedef void (*kc_st_move)(void *context, int64_t index, int64_t at, int64_t n, float *values);

/* Give the values of these tensors to `take`, KC_ST_PIECE at most at a time.
 *   errors      KC_EIO: the file cannot be read to the end of a tensor */
int kc_st_read(const kc_st *st, const kc_st_tensor *const *tensors, int64_t n, kc_st_move take,
               void *context, kc_error *e);

/* Write a file: the tensors in their order, whose values `give` fills in piece by piece, and see it
 * onto the disk. No file of this name may be there.
 *   tensors     their begin and end are set
 *   metadata    an object of texts
 *   errors      KC_EINPUT: a header larger than allowed, or not UTF-8. KC_EIO */
int kc_st_write(const char *path, kc_st_tensor *tensors, int64_t n, const cJSON *metadata,
                kc_st_move give, void *context, kc_error *e);

#endif
