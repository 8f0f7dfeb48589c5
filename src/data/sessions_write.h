/* sessions_write.h - writes the files of a dataset of sessions, session by session; docs/data.md has their layout.
 *
 * Memory: one block of events, counters by item, and 40 bytes for each case.
 */
#ifndef PS_DATA_SESSIONS_WRITE_H
#define PS_DATA_SESSIONS_WRITE_H

#include "data/dataset_files.h"
#include "data/sessions.h"

struct ps_sessions_writer;

struct ps_sessions_shape {
    uint64_t items, visitors; /* 0 visitors: nobody knows who */
    uint32_t operations, feedbacks;
    bool times;
    char operation[PS_MAX_BEHAVIOURS][32], feedback[PS_MAX_FEEDBACKS][32];
};

/* A session that is held out, or the end of it. Its cases are the steps from `first` on that have a step before them: those before
 * event `test` are validation's, the others the test's. */
struct ps_held_session {
    uint64_t first, test;
    const char *name; /* borrowed until the writer's end */
    size_t length;
};

/* `files` is borrowed. Counts go to *stats as far as the writer knows them. */
int ps_sessions_writer_new(struct ps_sessions_writer **writer, struct ps_dataset_files *files,
                           const struct ps_sessions_shape *shape, struct ps_session_stats *stats, struct ps_error *err);
/* The next session: first those of training (`held` is NULL), then the others. Records have dense item ids and operations, oldest
 * first. */
int ps_sessions_writer_add(struct ps_sessions_writer *writer, const struct ps_record *record, uint64_t count, uint32_t visitor,
                           const struct ps_held_session *held, struct ps_error *err);
/* After the last session: everything but the names of items and visitors, and dataset.yaml. */
int ps_sessions_writer_end(struct ps_sessions_writer *writer, struct ps_error *err);
/* dataset.yaml, last, with `more` of the caller's own. */
int ps_sessions_writer_describe(struct ps_sessions_writer *writer, const char *more, struct ps_error *err);
/* Frees the writer; files that are not complete are removed. NULL is allowed. */
void ps_sessions_writer_free(struct ps_sessions_writer *writer);

#endif
