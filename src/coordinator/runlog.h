/* runlog.h - RUN/log.jsonl: what happened, one JSON object a line, appended and flushed at once. */
#ifndef PS_COORDINATOR_RUNLOG_H
#define PS_COORDINATOR_RUNLOG_H

#include "common/base.h"

struct ps_runlog;

/* Opens RUN/log.jsonl for appending. */
int ps_runlog_open(const char *run_dir, struct ps_runlog **log, struct ps_error *err);
void ps_runlog_close(struct ps_runlog *log);
/* Writes the object that `format` makes ("{...}") with "time" (UTC, to the millisecond) put first. A NULL log takes nothing. Strings from outside
 * are put in by ps_json_text. */
void ps_runlog(struct ps_runlog *log, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* How often something has happened since the log was opened: the events by name, NULL behind the last one. */
const char *ps_runlog_count(const struct ps_runlog *log, int number, uint64_t *times);

/* The inside of a JSON string: escaped, and cut off where it is too long. Returns out. */
enum { PS_JSON_TEXT = 1024 };
const char *ps_json_text(const char *text, char out[PS_JSON_TEXT]);

#endif
