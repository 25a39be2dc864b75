/* SPDX-License-Identifier: BSD-3-Clause */
#include "run/past.h"

#include <string.h>

#include "kcap/record/reader.h"

void kc_past_folder(const char *where, char folder[KC_PATH_MAX])
{
    const size_t n = strlen(where);
    snprintf(folder, KC_PATH_MAX, "%s", where);
    for (int up = 0; n > 3 && strcmp(where + n - 3, ".h5") == 0 && up < 2; ++up) {
        char *slash = strrchr(folder, '/');
        if (slash)
            *slash = 0;
        else
            snprintf(folder, KC_PATH_MAX, up ? ".." : ".");
    }
}

/* By rank 0 alone; p->unreadable says what keeps it. */
static void look(kc_past *p)
{
    kc_reader r;
    kc_error why = {0}, ignored = {0};
    if (kc_reader_open(&r, p->folder, &p->unreadable) == KC_OK && r.there)
        kc_reader_reach(&r, &p->reach, &why, &p->unreadable);
    p->there = r.there || p->unreadable.code;
    p->first_step = r.first_step;
    memcpy(p->run_id, r.run_id, sizeof p->run_id);
    memcpy(p->config_hash, r.config_hash, sizeof p->config_hash);
    if (why.code)
        fprintf(stderr, "kcap: warning: %s\n", why.text);
    kc_reader_close(&r, &ignored);
}

void kc_past_look(const kc_grid *g, const char *where, kc_past *p)
{
    *p = (kc_past){.first_step = 1};
    kc_past_folder(where, p->folder);
    if (g->rank == 0)
        look(p);
    kc_bcast(g, p, sizeof *p);
}

int kc_past_replaceable(const kc_past *p, const kc_config *cfg, kc_error *e)
{
    char hash[17];
    kc_config_hash(cfg, hash);
    if (p->unreadable.code)
        kc_fail(e, KC_EINPUT, "%.700s; no checkpoint is beside it: choose another --out",
                p->unreadable.text);
    else if (p->there && strcmp(p->config_hash, hash) != 0)
        kc_fail(e, KC_EINPUT,
                "%s/run.h5: holds rows of another experiment (config_hash %s, this input's is %s) "
                "and no checkpoint is beside it: choose another --out",
                p->folder, p->config_hash, hash);
    return e->code;
}

int kc_past_check(const kc_past *p, const kc_checkpoint_info *from, kc_error *e)
{
    if (!p->there)
        kc_fail(e, KC_EINPUT, "%s/run.h5: missing, and with it the rows up to step %lld; %s",
                p->folder, (long long)from->step, KC_PAST_INSTEAD);
    else if (p->unreadable.code)
        kc_fail(e, KC_EINPUT, "%.700s; %s", p->unreadable.text, KC_PAST_INSTEAD);
    else if (strcmp(p->run_id, from->stamp.run_id) != 0)
        kc_fail(e, KC_EINPUT, "%s/run.h5: of run %s, the checkpoint %s is of run %s; %s", p->folder,
                p->run_id, from->path, from->stamp.run_id, KC_PAST_INSTEAD);
    else if (p->reach < from->step)
        kc_fail(e, KC_EINPUT, "%s/run.h5: its whole rows end after step %lld, before %s; %s",
                p->folder, (long long)p->reach, from->path, KC_PAST_INSTEAD);
    return e->code;
}
