/* SPDX-License-Identifier: BSD-3-Clause */
#include "measure/rounds.h"

#include <stdlib.h>

#include "kcap/base/clock.h"
#include "kcap/base/memory.h"
#include "kcap/base/team.h"

int kc_wants_to_stop(const kc_stopper *s)
{
    return s && s->stop ? s->stop(s->of) : 0;
}

int kc_goes_on(const kc_grid *ep, int mine)
{
    if (!ep)
        return mine;
    int *all = kc_alloc(ep->size, sizeof *all, "ranks");
    kc_allgather(ep, &mine, all, sizeof mine);
    for (int r = 0; r < ep->size; ++r)
        mine |= all[r];
    free(all);
    return mine;
}

/* What a rank says after a round. */
typedef struct news {
    double seconds;
    int why; /* it wants to stop; 0: it does not */
} news;

/* Of the slowest rank the seconds, and the largest reason to stop. */
static news share(const kc_grid *g, news mine)
{
    news *all = kc_alloc(g->size, sizeof *all, "ranks");
    kc_allgather(g, &mine, all, sizeof mine);
    for (int r = 0; r < g->size; ++r) {
        mine.seconds = all[r].seconds > mine.seconds ? all[r].seconds : mine.seconds;
        mine.why = all[r].why > mine.why ? all[r].why : mine.why;
    }
    free(all);
    return mine;
}

/* How much of it a round is: about a second's, so that a wish to stop is heard, and no rank waits long for
 * the others. */
static int64_t next_round(int64_t round, int at_once, double seconds)
{
    if (seconds < 0.5)
        return 2 * round;
    return seconds > 2 && round > at_once ? round / 2 : round;
}

int kc_rounds(const kc_grid *g, int64_t here, int at_once, const kc_stopper *stopper,
              void (*one)(void *of, int64_t i), void *of)
{
    news said = {.why = 0};
    for (int64_t first = 0, round = at_once, last; first < here && !said.why; first = last) {
        const double begun = kc_clock();
        last = first + round < here ? first + round : here;
        KC_EACH(at_once, dynamic, i, last - first, one(of, first + i));
        said = share(g, (news){kc_clock() - begun, kc_wants_to_stop(stopper)});
        if (stopper && stopper->seen)
            stopper->seen(stopper->of, (double)last / (double)here);
        round = next_round(round, at_once, said.seconds);
    }
    return said.why;
}
