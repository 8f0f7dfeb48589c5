/* story.h - what happened in a run, by RUN/log.jsonl: its epochs, its speed over time, where its processes' time went, and what its cluster went
 * through. It can be read while the run goes on, and after a crash: lines that are no whole JSON objects are passed over and counted.
 */
#ifndef PS_CLI_PAGE_STORY_H
#define PS_CLI_PAGE_STORY_H

#include "common/phases.h"
#include "common/table.h"

/* NaN: not known. Of an epoch that was gone through again, the last time counts. */
struct ps_story_epoch {
    uint32_t epoch;
    double at; /* when it was over: seconds since the run began */
    double loss, samples, seconds, rate, staleness;
    double value, hr, ndcg, mrr; /* of its validation */
    double rows; /* on the servers, where ids come and go */
    bool best;
    double worker[PS_PHASES], server[PS_PHASES]; /* seconds, summed over the processes */
    double task[PS_MAX_TASKS];                   /* each task's part of the loss */
};

struct ps_story_rate {
    double at, rate; /* samples a second until then */
    int workers, servers;
};

enum ps_story_kind { PS_STORY_JOIN, PS_STORY_LEAVE, PS_STORY_LOSS, PS_STORY_BACK, PS_STORY_NOTE };

struct ps_story_event {
    double at;
    enum ps_story_kind kind;
    char text[320];
};

struct ps_story {
    double begun;      /* seconds since 1970, by the first line; 0: there is none */
    double paused;     /* seconds in which nobody worked on it, between an end and a resumption: no times below count them */
    double last;       /* the last line, in seconds since the beginning */
    double started;    /* when training first began */
    bool ended;        /* the last start has ended, with this exit code */
    int code;
    int starts, unread; /* starts and takeovers; lines that could not be read */
    char metric[32];   /* of the validations, "" without */
    int tasks;
    char task[PS_MAX_TASKS][PS_NAME_SIZE];
    struct ps_story_epoch *epoch; /* owned, ascending */
    size_t epochs, epoch_capacity;
    struct ps_story_rate *rate; /* owned, in order of time */
    size_t rates, rate_capacity;
    struct ps_story_event *event; /* owned, in order of time */
    size_t events, event_capacity;
    uint64_t handovers, micro_batches, repeated, lost, twice; /* micro-batches by the accounts of the epochs */
    double handover_longest;
    uint64_t checkpoints, checkpoint_bytes; /* bytes: of the last */
    double checkpoint_seconds, checkpoint_pause; /* all of them; the longest */
};

/* Reads RUN/log.jsonl. Errors: PS_EXIT_DATA where there is no such file. *story is the caller's to free. */
int ps_story_read(struct ps_story *story, const char *run, struct ps_error *err);
void ps_story_free(struct ps_story *story);

/* story_events.c: what a line of the log says of the cluster, as a sentence; false: nothing that belongs in a report. */
struct ps_yaml;
bool ps_story_tell(const struct ps_yaml *line, const char *event, struct ps_story_event *out);

#endif
