/* progress.c - a progress bar or plain lines; see progress.h. */
#include "common/progress.h"

#include <string.h>
#include <unistd.h>

enum { WIDTH = 24 };

void ps_bar_begin(struct ps_bar *bar, const char *label, uint64_t total)
{
    *bar = (struct ps_bar){.total = total, .terminal = isatty(STDERR_FILENO), .began = ps_now()};
    bar->shown = bar->began;
    snprintf(bar->label, sizeof bar->label, "%s", label);
}

static double next_line(const struct ps_bar *bar)
{
    double since = bar->shown - bar->began;
    return bar->shown + PS_MIN(PS_MAX(since, 2), 60);
}

void ps_bar_update(struct ps_bar *bar, uint64_t done, const char *detail)
{
    double now = ps_now();
    if (now < (bar->terminal ? bar->shown + 0.1 : next_line(bar)))
        return;
    double part = bar->total ? PS_MIN((double)done / (double)bar->total, 1) : 0;
    char left[32] = "";
    if (part > 0.01) {
        double seconds = (now - bar->began) * (1 - part) / part;
        snprintf(left, sizeof left, ", %.0f:%02d left", (double)(int)(seconds / 60), (int)seconds % 60);
    }
    if (bar->terminal) {
        char drawn[WIDTH + 1];
        memset(drawn, '.', WIDTH);
        memset(drawn, '#', (size_t)(part * WIDTH));
        drawn[WIDTH] = 0;
        fprintf(stderr, "\r\033[K%s [%s] %3.0f %%%s  %s", bar->label, drawn, 100 * part, left, detail);
        bar->drawn = true;
    } else {
        fprintf(stderr, "%s: %.0f %%%s  %s\n", bar->label, 100 * part, left, detail);
    }
    fflush(stderr);
    bar->shown = now;
}

void ps_bar_end(struct ps_bar *bar)
{
    if (bar->drawn)
        fprintf(stderr, "\r\033[K");
    bar->drawn = false;
}
