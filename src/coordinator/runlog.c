/* runlog.c - the log of a run; see runlog.h. */
#include "coordinator/runlog.h"

#include <stdlib.h>
#include <string.h>

struct ps_runlog {
    FILE *file;
};

int ps_runlog_open(const char *run_dir, struct ps_runlog **log, struct ps_error *err)
{
    char *path = ps_format("%s/log.jsonl", run_dir);
    FILE *file = fopen(path, "ae");
    int status = 0;
    if (file) {
        *log = ps_malloc(sizeof **log);
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

/* Texts of errors and peers may hold anything: quotes inside a line would break it, so what JSON forbids is replaced. The
 * outer structure comes from format strings of ours and needs no care. */
void ps_runlog(struct ps_runlog *log, const char *format, ...)
{
    if (!log)
        return;
    char now[32], text[4096];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (char *p = text; *p; p++)
        if ((unsigned char)*p < ' ')
            *p = ' ';
    ps_timestamp(now);
    fprintf(log->file, "{\"time\":\"%s\",%s\n", now, text + 1);
    fflush(log->file);
}
