/* living.h - ids that come and go: a row is made when its id has been seen often enough, and goes when nobody has used it for long, or for want
 * of memory (docs/models.md, "Ids that come and go").
 *
 * Where a table's ids live so (spec.sightings), an id of it is in one of three states, and each is told by where it stands:
 * - nowhere: it was never pushed to;
 * - in the table of sightings, a few bytes: in how many micro-batches of which training epoch it was seen, and no row. A count of an epoch
 *   that is over counts for nothing: epochs repeat the same data. An id whose row has gone stands there too, with a count of 0;
 * - in its own table: it has a row, with the number of micro-batches that it was seen in, and the epoch of the last one, behind it.
 *
 * Once an id stands in one of the two, it never stands nowhere again. So both tables are written, moved and copied as all are, and of files that
 * build upon each other the newest that names an id in either says which it is: nothing else is needed for rows that have gone. What becomes of an id follows, but for the limit of memory, from what was
 * pushed to it alone, and so does not depend on the servers that there are.
 *
 * A gradient for an id without a row is counted and dropped; pulls read the initial value. A row that comes back is a new one.
 */
#ifndef PS_SERVER_LIVING_H
#define PS_SERVER_LIVING_H

#include "common/table.h"
#include "common/wire.h"

struct ps_shard;
struct ps_rows;

/* Whether tables that came over the wire go together: each that has sightings names a table of them, which is its alone. */
bool ps_living_check(const struct ps_table_spec *spec, uint32_t tables, const struct ps_optimizer_spec *optimizer);
/* Of a table, that of its sightings, and the other way round; `tables` where there is none. */
uint32_t ps_living_partner(const struct ps_table_spec *spec, uint32_t tables, uint32_t table);

/* n <= PS_ROWS_BATCH distinct ids of a table with sightings are in the push at hand, in seen[i] micro-batches of it (NULL: in one). row[k] is the row, about
 * to be changed, of the k-th one that has a row, or has it from now on, and index[k] which that is, ascending; returns how many. */
uint32_t ps_living_admit(struct ps_shard *shard, uint32_t table, const uint64_t *id, const float *seen, uint32_t n, float **row,
                         uint32_t *index);
/* At the beginning of a training epoch: rows that were not used for so long go. Asked again in the epoch it changes nothing. */
void ps_living_age(struct ps_shard *shard);
/* After a change: where rows take more memory than they may, some go: those that were last used in the oldest epoch, of these those seen in
 * the fewest micro-batches, and of these the smallest table and id. A sixteenth of the limit becomes free, so that this is rare. */
void ps_living_limit(struct ps_shard *shard);

/* What the primary's log says has gone; false where it makes no sense. */
bool ps_living_take(struct ps_shard *shard, const struct ps_data *data, const struct ps_message *message);
/* Rows of n ids have arrived in a table of rows or sightings: from now on they stand there, and not in the other one. */
void ps_living_arrive(const struct ps_shard *shard, struct ps_rows *tables, uint32_t table, const uint64_t *id, uint32_t n);

/* How it stands with the shard's tables of such ids. */
void ps_living_count(const struct ps_shard *shard, struct ps_life *life);

#endif
