/* given.h - sessions that somebody is in right now, as lines of text: what comes next is asked for, and not known.
 *
 * A line is a session, oldest first, its events parted by blanks: an item's name, or ITEM:OPERATION. Without an operation it is the
 * dataset's first one. Items and operations that the dataset does not know are passed over; of a long session the last events count.
 */
#ifndef PS_DATA_GIVEN_H
#define PS_DATA_GIVEN_H

#include "data/dataset.h"

struct ps_given {
    uint64_t count;   /* sessions with an item that is known */
    uint64_t *line;   /* owned: of each session in the file, from 1 */
    uint64_t unknown; /* events passed over */
    uint64_t empty;   /* lines without any known item */
    /* Owned; what a dataset shows as its sessions and cases. */
    uint64_t *begin, *offset;
    uint32_t *item;
    uint8_t *operation;
    struct ps_case *cases;
};

/* Reads all lines of a file that is called `name`. Errors: PS_EXIT_DATA. */
int ps_given_read(struct ps_given *given, const struct ps_dataset *dataset, FILE *file, const char *name, struct ps_error *err);
void ps_given_fini(struct ps_given *given);
/* The dataset's cases become the given sessions, case k session k, as long as `given` is there. What its training sessions were can
 * no longer be read. */
void ps_given_show(const struct ps_given *given, struct ps_dataset *dataset);

#endif
