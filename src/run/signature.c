/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/run/signature.h"

#include <stdlib.h>
#include <unistd.h>

#include "kcap/base/clock.h"
#include "kcap/io/h5.h"
#include "kcap/math/gemm.h"
#include "kcap/optim/masters.h"
#include "version.h"

/* Identity of a run: from the clock and the process, not from the seed, since two runs may share
 * it. */
static void new_run_id(const kc_grid *g, char run_id[40])
{
    uint64_t bits[2] = {0};
    FILE *f = fopen("/dev/urandom", "rb");
    if (!f || fread(bits, sizeof bits, 1, f) != 1) {
        bits[0] = (uint64_t)getpid();
        bits[1] = (uint64_t)(kc_clock() * 1e9);
    }
    if (f)
        fclose(f);
    snprintf(run_id, 40, "%016llx%016llx", (unsigned long long)bits[0],
             (unsigned long long)bits[1]);
    kc_bcast(g, run_id, 40);
}

static void take_texts(kc_signature *s, const kc_grid *g, const kc_config *cfg, const char *run_id)
{
    free(s->config);
    s->config = kc_config_yaml(cfg);
    kc_config_hash(cfg, s->config_hash);
    kc_grid_mpi_version(s->mpi, sizeof s->mpi);
    kc_gemm_version(s->products, sizeof s->products);
    kc_h5_version(s->hdf5, sizeof s->hdf5);
    kc_clock_utc(s->started);
    if (gethostname(s->host, sizeof s->host - 1) != 0)
        snprintf(s->host, sizeof s->host, "unknown");
    if (run_id)
        snprintf(s->run_id, sizeof s->run_id, "%s", run_id);
    else
        new_run_id(g, s->run_id);
}

void kc_sign(kc_signature *s, const kc_grid *g, const kc_config *cfg, const kc_corpus_info *info,
             const kc_host *host, const kc_layout *layout, const char *run_id)
{
    const int64_t L = cfg->train.lanes;
    take_texts(s, g, cfg, run_id);
    snprintf(s->kernel, sizeof s->kernel, "%s", host->kernel);
    s->stamp = (kc_stamp){.kcap_version = KC_VERSION,
                          .git_commit = KC_COMMIT,
                          .compiler = KC_COMPILER,
                          .compiler_flags = KC_FLAGS,
                          .mpi_version = s->mpi,
                          .blis_version = s->products,
                          .hdf5_version = s->hdf5,
                          .kernel = s->kernel,
                          .config = s->config,
                          .config_hash = s->config_hash,
                          .run_name = cfg->run.name,
                          .run_id = s->run_id,
                          .imported_from = "",
                          .transformed_by = "",
                          .quantized_by = "",
                          .finetuned_from = "",
                          .finetuned_hash = "",
                          .started_utc = s->started,
                          .host = s->host,
                          .first_step = 1,
                          .seed = cfg->run.seed,
                          .ranks = g->size,
                          .threads = host->threads,
                          .dp = g->size / kc_grid_ep(g),
                          .ep = kc_grid_ep(g),
                          .lanes_are_power_of_two = (L & (L - 1)) == 0,
                          .n_params = layout->n_params,
                          .n_params_used = layout->n_used,
                          .n_trained = kc_method_trained(cfg, layout),
                          .n_vocab = info->n_vocab,
                          .n_people = info->n_people,
                          .item_word = info->one,
                          .items_word = info->many,
                          .terms = info->terms,
                          .law_bits_per_param = info->law_bits_per_param,
                          .law = info->law,
                          .n_facts = info->table.n_facts,
                          .n_duplicates = info->table.n_duplicates,
                          .n_contradictions = info->table.n_contradictions,
                          .value_entropy_bits =
                              info->table.n_facts ? info->term[KC_READ_VALUES].max_bits : 0,
                          .value_uniform_bits = info->table.uniform_bits,
                          .corpus_bits = info->max_bits,
                          .max_bits_per_param = info->max_bits / (double)layout->n_params};
}

void kc_signature_free(kc_signature *s)
{
    free(s->config);
    *s = (kc_signature){.config = NULL};
}

void kc_version_print(FILE *out)
{
    char mpi[256], products[128], hdf5[32], pcre2[160];
    kc_grid_mpi_version(mpi, sizeof mpi);
    kc_gemm_version(products, sizeof products);
    kc_h5_version(hdf5, sizeof hdf5);
    kc_text_version(pcre2, sizeof pcre2);
    fprintf(out,
            "kcap %s\ncommit    %s\ncompiler  %s\nflags     %s\nMPI       %s\nmpirun    %s\n%s\n"
            "HDF5      %s\nPCRE2     %s\n",
            KC_VERSION, KC_COMMIT, KC_COMPILER, KC_FLAGS, mpi, KC_MPIRUN, products, hdf5, pcre2);
}
