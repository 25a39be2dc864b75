/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_CLI_TRAIN_H
#define KCAP_CLI_TRAIN_H

#include "kcap/run/run.h"

/* Print how a run went on stdout, as a table or one JSON object.   not collective: rank 0 */
void kc_train_report(const kc_run *run, int json);

#endif
