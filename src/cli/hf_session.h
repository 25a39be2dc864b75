/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_CLI_HF_SESSION_H
#define KCAP_CLI_HF_SESSION_H

#include "kcap/record/checkpoint.h"
#include "kcap/run/input.h"
#include "kcap/run/signature.h"

/* What export and import have open. */
typedef struct kc_hf_options {
    const char *input, *second, *out;
    int json;
} options, kc_hf_options;

typedef struct kc_session {
    const kc_hf_options *options;
    kc_grid grid;
    kc_config cfg;
    kc_files files;
    kc_corpus *corpus;
    kc_host host;
    kc_signature sign;
    kc_stamp stamp;
} kc_session;

int kc_session_corpus(kc_session *s, kc_files *files, kc_error *e);
void kc_session_stamp(kc_session *s, const kc_layout *layout, const char *run_id);
void kc_session_end(kc_session *s);
int kc_weights_read(kc_session *s, const kc_head *head, kc_state *state, kc_error *e);
void kc_weights_free(kc_state *state);

#endif
