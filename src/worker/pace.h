/* pace.h - how fast a worker works: samples a second over the last seconds, which decides how many lanes it is given.
 *
 * In `sync` and `bounded` only the time in which it computes counts: waiting for the others' steps is not its own slowness. In `async`
 * nobody waits for anybody, so all the time in which it holds work counts, and a slow link makes a slow worker.
 */
#ifndef PS_WORKER_PACE_H
#define PS_WORKER_PACE_H

#include <math.h>

#include "common/base.h"

struct ps_pace {
    double samples, seconds; /* sums that fade away */
    double at;               /* when something was last added */
};

#define PS_PACE_FADES 3.0   /* seconds of work after which a sum has fallen to 1/e */
#define PS_PACE_KNOWN 0.1   /* seconds of work that make a measurement */
#define PS_PACE_FORGOTTEN 30.0 /* without work: it may be faster or slower by now, and is tried again */

static inline void ps_pace_add(struct ps_pace *pace, double samples, double seconds, double now)
{
    if (now - pace->at > PS_PACE_FORGOTTEN)
        *pace = (struct ps_pace){0};
    double keep = exp(-seconds / PS_PACE_FADES);
    pace->samples = pace->samples * keep + samples;
    pace->seconds = pace->seconds * keep + seconds;
    pace->at = now;
}

/* Samples a second, or 0 where too little is known. */
static inline double ps_pace_speed(const struct ps_pace *pace, double now)
{
    bool known = pace->seconds >= PS_PACE_KNOWN && pace->samples > 0 && now - pace->at <= PS_PACE_FORGOTTEN;
    return known ? pace->samples / pace->seconds : 0;
}

#endif
