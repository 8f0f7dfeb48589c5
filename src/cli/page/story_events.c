/* story_events.c - lines of a run's log as sentences; see story.h. */
#include <string.h>

#include "cli/measured.h"
#include "cli/page/story.h"

struct tale {
    const char *event;
    enum ps_story_kind kind;
    const char *text; /* with {key}: that field of the line */
};

/* {who} is "worker, process 12 on host". */
static const struct tale tales[] = {
    {"start", PS_STORY_NOTE, "training begins with {servers} servers and {workers} workers"},
    {"takeover", PS_STORY_BACK,
     "another coordinator has taken over in {stage}, epoch {epoch}, with {servers} servers and {workers} workers, after {seconds} s"},
    {"member", PS_STORY_JOIN, "joined: {who}"},
    {"back", PS_STORY_JOIN, "back again: {who}"},
    {"leaving", PS_STORY_LEAVE, "wants to go: {who} ({why})"},
    {"left", PS_STORY_LEAVE, "left after {seconds} s: {who}"},
    {"lost", PS_STORY_LOSS, "lost: {who}: {why}"},
    {"replica", PS_STORY_NOTE, "the replica of shard {shard} is {state}"},
    {"promoted", PS_STORY_BACK, "the replica of shard {shard} goes on in its place: process {pid} on {host}"},
    {"rollback", PS_STORY_BACK,
     "back to {to}: {lost_servers} servers were lost, {steps_lost}{micro_batches_lost} steps are done again, after {seconds} s"},
    {"fallback", PS_STORY_BACK, "a damaged checkpoint was passed over for {to}: {why}"},
    {"alone", PS_STORY_LOSS, "there has been no worker for {seconds} s"},
    {"move", PS_STORY_NOTE, "{slots} slots move, to {servers} servers, in {seconds} s (held for {held} s)"},
    {"checkpoint_failed", PS_STORY_LOSS, "the checkpoint {name} could not be written: {why}"},
    {"strangers", PS_STORY_NOTE, "{refused} connections or messages of strangers have been refused"},
    {"end", PS_STORY_NOTE, "the end, with exit code {code}"}};

static size_t put_field(const struct ps_yaml *line, const char *key, size_t length, char *to, size_t room)
{
    char name[32];
    snprintf(name, sizeof name, "%.*s", (int)length, key);
    if (strcmp(name, "who"))
        return (size_t)snprintf(to, room, "%s", ps_measured_text(line, name));
    return (size_t)snprintf(to, room, "%s, process %s on %s", ps_measured_text(line, "role"), ps_measured_text(line, "pid"),
                            ps_measured_text(line, "host"));
}

bool ps_story_tell(const struct ps_yaml *line, const char *event, struct ps_story_event *out)
{
    const struct tale *tale = NULL;
    for (size_t i = 0; i < PS_COUNT(tales); i++)
        if (!strcmp(tales[i].event, event))
            tale = &tales[i];
    if (!tale)
        return false;
    out->kind = tale->kind;
    size_t used = 0, room = sizeof out->text;
    for (const char *at = tale->text; *at && used + 1 < room; at++) {
        const char *end = *at == '{' ? strchr(at, '}') : NULL;
        if (end)
            used += put_field(line, at + 1, (size_t)(end - at - 1), out->text + used, room - used);
        else
            out->text[used++] = *at;
        at = end ? end : at;
    }
    out->text[PS_MIN(used, room - 1)] = 0;
    return true;
}
