/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_CLI_HF_META_H
#define KCAP_CLI_HF_META_H

#include "cli/safetensors.h"
#include "kcap/config/config.h"
#include "kcap/record/checkpoint.h"

/* What a checkpoint holds beside its tensors, as texts of a safetensors file's metadata, so that
 * the file can be measured alone: kcap.version, kcap.run_id, kcap.config (effective YAML),
 * kcap.config_hash, kcap.step, kcap.tokens, kcap.lanes (a line a lane: epoch next offset docs),
 * kcap.files (names of pools and templates, a line each), kcap.file.<name>, and format: pt, which
 * transformers wants. Nothing here is collective. */

/* The caller deletes the object. */
cJSON *kc_hf_meta(const kc_head *head, const char *version, const kc_state *state,
                  const kc_files *files);

/* Read them back: configuration, step, tokens, files.
 *   files       zeroed; the caller frees its text, after an error too
 *   errors      KC_EINPUT: missing or malformed */
int kc_hf_meta_read(const kc_st *st, kc_config *cfg, kc_state *state, kc_files *files, kc_error *e);

/* The cursors of state->n_lanes lanes into state->cursors.   errors: as above */
int kc_hf_meta_lanes(const kc_st *st, kc_state *state, kc_error *e);

#endif
