/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/print/report_stored.h"

void kc_report_stored(FILE *out, const kc_stamp *stamp, const kc_capacity_row *row, double stored)
{
    if (stamp->quantized_by[0]) {
        char groups[48] = "a scale an output";
        if (stamp->quantized_group)
            snprintf(groups, sizeof groups, "groups of %lld", (long long)stamp->quantized_group);
        fprintf(out, "quantized\n  %s, %lld bits, %s%s; %snorms and biases as they were\n",
                stamp->quantized_by, (long long)stamp->quantized_bits,
                stamp->quantized_asymmetric ? "asymmetric, " : "", groups,
                stamp->quantized_embeddings ? "embeddings too; " : "embeddings, ");
    }
    if (row && stored > 0 && stored < 32)
        fprintf(out, "  %-17s %15.4f  (%.4f bits a parameter in the file)\n", "bits a stored bit",
                row->bits_per_param / stored, stored);
}
