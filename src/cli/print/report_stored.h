/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_CLI_PRINT_REPORT_STORED_H
#define KCAP_CLI_PRINT_REPORT_STORED_H

#include <stdio.h>

#include "kcap/measure/capacity.h"

/* What kcap quantize did to the weights, and what a bit of the file then holds: nothing where neither is to
 * be said.
 *   row         NULL: not measured
 *   stored      bits of a parameter in the file, in the mean; 0: not known */
void kc_report_stored(FILE *out, const kc_stamp *stamp, const kc_capacity_row *row, double stored);

#endif
