/* SPDX-License-Identifier: BSD-3-Clause */
/* parity_moe OUT V SEED [section.key=value ...]: a lane of a mixture of experts, for parity_moe.py.
 *
 * OUT is a sequence of records, see records.h. */
#include "experts.h"
#include "records.h"

/* The pairs that chose each expert since the room was made, and what the lane reports. */
static void write_routing(FILE *out, const tiny *m)
{
    const int64_t n = m->model.shape.l * m->model.shape.E, *load = kc_work_load(m->work);
    const kc_routing *r = kc_work_routing(m->work);
    double *as_double = test_room(n, sizeof *as_double);
    for (int64_t i = 0; i < n; ++i)
        as_double[i] = (double)load[i];
    record(out, "load", "f8", 2, (int64_t[]){m->model.shape.l, m->model.shape.E}, as_double);
    scalar(out, "balance", r->balance);
    scalar(out, "entropy", r->entropy);
    scalar(out, "layers_of_windows", (double)r->windows);
    scalar(out, "sent", (double)r->sent);
    scalar(out, "dropped", (double)r->dropped);
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: parity_moe OUT V SEED [section.key=value ...]\n");
        return 2;
    }
    tiny m;
    experts_create(&m, atoll(argv[2]), (uint64_t)atoll(argv[3]), (const char *const *)argv + 4,
                   argc - 4);
    FILE *out = fopen(argv[1], "wb");
    const kc_shape *s = &m.model.shape;
    if (!out)
        return 4;
    record(out, "tokens", "i4", 2, (int64_t[]){m.windows, s->T}, m.tokens);
    record(out, "targets", "i4", 2, (int64_t[]){m.windows, s->T}, m.targets);
    scalar(out, "loss", tiny_grad(&m));
    write_routing(out, &m);
    tensors(out, &m.model.layout, "weight", m.w);
    tensors(out, &m.model.layout, "grad", m.grad);
    float *logits = tiny_logits(&m);
    record(out, "logits", "f4", 3, (int64_t[]){m.windows, s->T, s->V}, logits);
    kc_test_end(NULL);
    return fclose(out) == 0 ? 0 : 4;
}
