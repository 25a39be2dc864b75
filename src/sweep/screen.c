/* SPDX-License-Identifier: BSD-3-Clause */
#include "sweep/screen.h"

#include <math.h>

#include "kcap/base/clock.h"

static const double live_period = 1, line_period = 10;
enum { SHOWN_MOST = 16 };

/* How much of a point's work is behind it. */
static double share_done(const kc_point_view *v)
{
    if (v->state == KC_POINT_DONE || v->state == KC_POINT_FAILED)
        return 1;
    return v->exposures > 0 && v->exposed > 0 ? v->exposed / (double)v->exposures : 0;
}

static double seconds_left(const kc_farm_screen *screen, const kc_sweep *sweep,
                           const kc_point_view *views)
{
    double done = -screen->flops_before, left = 0;
    for (int64_t i = 0; i < sweep->n; ++i) {
        done += views[i].flops * share_done(&views[i]);
        left += views[i].flops * (1 - share_done(&views[i]));
    }
    return done > 0 ? left / done * (kc_clock() - screen->begun) : NAN;
}

static void show_live(kc_farm_screen *screen, FILE *out, const kc_sweep *sweep,
                      const kc_point_view *views, const int64_t *n, const char *left)
{
    if (screen->lines)
        fprintf(out, "\033[%dA", screen->lines);
    fprintf(out, "%lld done, %lld running, %lld failed, %lld to come; %s s to go\033[K\n",
            (long long)n[KC_POINT_DONE], (long long)n[KC_POINT_RUNNING],
            (long long)n[KC_POINT_FAILED], (long long)(n[KC_POINT_MISSING] + n[KC_POINT_PARTIAL]),
            left);
    screen->lines = 1;
    for (int64_t i = 0; i < sweep->n && screen->lines <= SHOWN_MOST; ++i)
        if (views[i].state == KC_POINT_RUNNING) {
            fprintf(out, "  %-40s %5.1f %%  %7.4f bits/param\033[K\n", views[i].point->name,
                    100 * share_done(&views[i]), views[i].bits_per_param);
            ++screen->lines;
        }
    fputs("\033[J", out);
}

void kc_farm_show(kc_farm_screen *screen, FILE *out, const kc_sweep *sweep,
                  const kc_point_view *views, int now)
{
    int64_t n[KC_POINT_STATES];
    const double clock = kc_clock();
    if (screen->begun == 0) {
        *screen = (kc_farm_screen){.live = kc_progress_is_live(out), .begun = clock};
        for (int64_t i = 0; i < sweep->n; ++i)
            screen->flops_before += views[i].flops * share_done(&views[i]);
    }
    if (!now && clock - screen->shown < (screen->live ? live_period : line_period))
        return;
    screen->shown = clock;
    kc_point_count(sweep, views, n);
    const double seconds = seconds_left(screen, sweep, views);
    char left[32] = "unknown";
    if (isfinite(seconds))
        snprintf(left, sizeof left, "%.0f", seconds);
    if (screen->live)
        show_live(screen, out, sweep, views, n, left);
    else
        fprintf(out, "event=farm done=%lld running=%lld failed=%lld to_come=%lld eta_seconds=%s\n",
                (long long)n[KC_POINT_DONE], (long long)n[KC_POINT_RUNNING],
                (long long)n[KC_POINT_FAILED],
                (long long)(n[KC_POINT_MISSING] + n[KC_POINT_PARTIAL]), left);
    fflush(out);
}

void kc_farm_announce(kc_farm_screen *screen, FILE *out, const kc_point_view *v)
{
    if (screen->live)
        screen->lines = 0;
    fprintf(out, "%sevent=point state=%s name=%s bits_per_param=%.4f seconds=%.1f%s%s\n",
            screen->live ? "\r\033[J" : "", kc_point_word(v->state), v->point->name,
            v->bits_per_param, v->seconds, v->error[0] ? " error=" : "", v->error);
    fflush(out);
}
