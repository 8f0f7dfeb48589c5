/* runlog.c - the log of a run; see runlog.h. */
#include "coordinator/runlog.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { EVENTS = 64 };

struct ps_runlog {
    FILE *file;
    bool failed; /* said once */
    struct {
        char name[32];
        uint64_t times;
    } event[EVENTS];
    int events;
};

int ps_runlog_open(const char *run_dir, struct ps_runlog **log, struct ps_error *err)
{
    char *path = ps_format("%s/log.jsonl", run_dir);
    FILE *file = fopen(path, "ae");
    int status = 0;
    if (file) {
        *log = ps_calloc(1, sizeof **log);
        (*log)->file = file;
    } else {
        status = ps_fail_errno(err, PS_EXIT_STORAGE, "cannot write %s", path);
    }
    free(path);
    return status;
}

void ps_runlog_close(struct ps_runlog *log)
{
    if (!log)
        return;
    fclose(log->file);
    free(log);
}

const char *ps_json_text(const char *text, char out[PS_JSON_TEXT])
{
    size_t n = 0;
    for (; *text && n + 3 < PS_JSON_TEXT; text++) {
        if (*text == '"' || *text == '\\')
            out[n++] = '\\';
        out[n++] = (unsigned char)*text < ' ' ? ' ' : *text;
    }
    out[n] = 0;
    return out;
}

static void count(struct ps_runlog *log, const char *format)
{
    static const char head[] = "{\"event\":\"";
    char name[sizeof log->event->name];
    PS_ASSERT(!strncmp(format, head, sizeof head - 1));
    const char *begin = format + sizeof head - 1;
    snprintf(name, sizeof name, "%.*s", (int)strcspn(begin, "\""), begin);
    int i = 0;
    while (i < log->events && strcmp(log->event[i].name, name))
        i++;
    if (i == EVENTS)
        return;
    if (i == log->events)
        snprintf(log->event[log->events++].name, sizeof name, "%s", name);
    log->event[i].times++;
}

const char *ps_runlog_count(const struct ps_runlog *log, int number, uint64_t *times)
{
    if (!log || number >= log->events)
        return NULL;
    *times = log->event[number].times;
    return log->event[number].name;
}

void ps_runlog(struct ps_runlog *log, const char *format, ...)
{
    if (!log)
        return;
    count(log, format);
    struct timespec now;
    struct tm utc;
    char day[32];
    va_list args;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &utc);
    fprintf(log->file, "{\"time\":\"%s.%03ldZ\",", day, now.tv_nsec / 1000000);
    va_start(args, format);
    vfprintf(log->file, format + 1, args);
    va_end(args);
    fputc('\n', log->file);
    if (fflush(log->file) && !log->failed) {
        ps_warn("cannot write to the run's log: %s", strerror(errno));
        log->failed = true;
    }
}
