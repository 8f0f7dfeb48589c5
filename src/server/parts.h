/* parts.h - rows with their optimiser state on the way from one server to another, in parts of bounded size. */
#ifndef PS_SERVER_PARTS_H
#define PS_SERVER_PARTS_H

#include "server/shard.h"

enum { PS_PARTS_AHEAD = 8 }; /* parts that are on their way to one server at a time */

/* Where reading goes on; zero at first, at its end when tables == shard->tables: as many have been read, the last one first, so that sightings come
 * before the rows of their ids (living.h). For a log that rows are added to while they change (replica.h) that is the order in which none is
 * missed: what becomes of an id that has no row when its sighting is looked for, the log itself says. */
struct ps_parts {
    uint32_t tables, row;
};

/* The next rows in the slots wanted[] with stamps from `since` on, of one table and ascending by key: a section, and frames for keys and
 * rows, which are added to the message. False where there are no more. */
bool ps_parts_make(const struct ps_shard *shard, struct ps_parts *parts, const bool wanted[PS_SLOTS], uint8_t since,
                   struct ps_buffer *scratch, struct ps_section *section, struct ps_message *message);
/* Takes in such rows, which must be in the slots wanted[], into those of the tables; false where they make no sense. */
bool ps_parts_take(const struct ps_shard *shard, struct ps_rows *tables, const struct ps_data *data, const struct ps_message *message,
                   const bool wanted[PS_SLOTS], struct ps_buffer *scratch);

#endif
