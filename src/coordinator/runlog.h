/* runlog.h - RUN/log.jsonl: what happened, one JSON object a line, appended and flushed at once. */
#ifndef PS_COORDINATOR_RUNLOG_H
#define PS_COORDINATOR_RUNLOG_H

#include "common/base.h"

struct ps_runlog;

/* Opens RUN/log.jsonl for appending. */
int ps_runlog_open(const char *run_dir, struct ps_runlog **log, struct ps_error *err);
void ps_runlog_close(struct ps_runlog *log);
/* Writes the object that `format` makes ("{...}") with "time" (UTC) put first. A NULL log takes nothing. Strings that
 * are put in must not need escaping (ps_json_escape). */
void ps_runlog(struct ps_runlog *log, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
