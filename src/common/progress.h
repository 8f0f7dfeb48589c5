/* progress.h - what a long command shows while it works: one bar on a terminal, a plain line now and then elsewhere. */
#ifndef PS_COMMON_PROGRESS_H
#define PS_COMMON_PROGRESS_H

#include "common/base.h"

struct ps_bar {
    char label[64];
    uint64_t total; /* 0: not known */
    bool terminal, drawn;
    double began, shown;
};

/* On stderr, so that stdout holds results only. */
void ps_bar_begin(struct ps_bar *bar, const char *label, uint64_t total);
/* `detail` is shown behind the numbers ("loss 0.123, 1.2 M samples/s"). Cheap: draws ten times a second at most on a
 * terminal, and elsewhere prints after 2, 4, 8, ... up to every 60 seconds. */
void ps_bar_update(struct ps_bar *bar, uint64_t done, const char *detail);
/* Ends the line of a terminal's bar; prints nothing elsewhere. */
void ps_bar_end(struct ps_bar *bar);

#endif
