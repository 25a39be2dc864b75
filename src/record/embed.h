/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_RECORD_EMBED_H
#define KCAP_RECORD_EMBED_H

#include "kcap/io/h5.h"
#include "kcap/types/files.h"

#define KC_WORDS_PATH "/vocab/words"

/* Put pools and templates into a file: /files/<name>, one text dataset each; their names, in order
 * and a line each, are the attribute `order` of /files. The words, where there are any:
 * /vocab/words.
 *   errors      KC_EIO */
int kc_embed_write(kc_h5 *f, const kc_files *files, kc_error *e);

/* Restore them: names, order and texts as they were; paths say <file>:<name>.
 *   files       its text is malloc'ed; the caller frees it. Zeroed on error
 *   errors      KC_EINPUT */
int kc_embed_read(kc_h5 *f, kc_files *files, kc_error *e);

#endif
