/* backup.c - a copy of a shard follows its primary's log, and becomes the primary; see replica.h. */
#include <string.h>

#include "server/living.h"
#include "server/parts.h"
#include "server/replica.h"

void ps_backup_follow(struct ps_shard *s, const struct ps_slot_map *map)
{
    const struct ps_shard_entry *entry = &map->entry[s->number];
    s->follows = (struct ps_follows){.log = entry->log, .from = entry->incarnation};
}

void ps_backup_begin(struct ps_shard *s, uint32_t era, uint32_t epoch, const struct ps_slot_map *map, uint32_t number)
{
    ps_shard_forget(s, era, epoch);
    ps_shard_map(s, map, number);
    ps_backup_follow(s, map);
    s->backup = true;
    s->loaded = true;
}

void ps_backup_promote(struct ps_shard *s, const struct ps_slot_map *map)
{
    ps_shard_map(s, map, s->number);
    s->backup = false;
    s->follows = (struct ps_follows){0};
    ps_living_age(s); /* its primary may not have come to tell of it */
    ps_living_limit(s);
}

static void answer(struct ps_shard *s, uint64_t to, enum ps_message_kind kind, uint64_t log, uint64_t number, uint32_t code,
                   uint64_t state)
{
    struct ps_data out = {.kind = kind, .run = s->run, .from = s->incarnation, .to = to, .era = s->era, .map = s->map, .lease = log,
                          .request = number, .code = code, .state = state};
    struct ps_message message;
    ps_message_init(&message);
    ps_message_add(&message);
    s->send(s->ctx, to, &out, &message);
}

void ps_backup_confirm(struct ps_shard *s)
{
    if (s->follows.owes)
        answer(s, s->follows.from, PS_REPL_ACK, s->follows.log, s->follows.next - 1, 0, 0);
    s->follows.owes = false;
}

/* The log begins here, on the rows that have been loaded, or without any. */
static void begin(struct ps_shard *s, const struct ps_data *data)
{
    struct ps_follows follows = s->follows;
    if (data->flags & PS_FLAG_EMPTY)
        ps_shard_forget(s, s->era, data->epoch);
    s->follows = follows;
    s->follows.next = data->request;
    s->loaded = true;
    s->epoch = data->epoch;
    s->v = data->state;
    s->steps = data->count;
}

static bool take_push(struct ps_shard *s, const struct ps_data *data, struct ps_message *message)
{
    struct ps_lane_state *lane = data->lane < s->lanes ? &s->lane[data->lane] : NULL;
    if (!lane || lane->ended || data->epoch != s->epoch || data->position != lane->hwm ||
        (s->mode == PS_SYNC && data->position >= s->v + PS_DEPTH))
        return false;
    struct ps_request *push = ps_request_take(s, data, message);
    push->data.kind = PS_PUSH;
    if (ps_request_decode(s, push)) {
        ps_request_drop(s, push);
        return false;
    }
    ps_shard_mark(s, &push->data);
    ps_commit_take(s, push);
    return true;
}

static bool take_lane(struct ps_shard *s, const struct ps_data *data)
{
    if (data->lane >= s->lanes)
        return false;
    struct ps_lane_state *lane = &s->lane[data->lane];
    lane->hwm = data->position;
    lane->ended = data->flags & PS_FLAG_END;
    lane->account = (struct ps_account){.applied = data->count, .trail = data->state};
    return true;
}

static bool take_entry(struct ps_shard *s, const struct ps_data *data, struct ps_message *message)
{
    uint64_t hwm;
    switch (data->code) {
    case PS_ENTRY_BEGIN:
    case PS_ENTRY_END: return true;
    case PS_ENTRY_LANE: return take_lane(s, data);
    case PS_ENTRY_ROWS: return ps_parts_take(s, s->rows, data, message, s->owns, &s->encode);
    case PS_ENTRY_PUSH: return take_push(s, data, message);
    case PS_ENTRY_FENCE: return ps_shard_fence(s, data->lane, data->state, &hwm) == 0;
    case PS_ENTRY_EPOCH: return ps_shard_epoch(s, data->epoch);
    case PS_ENTRY_EVICT: return ps_living_take(s, data, message);
    default: return false;
    }
}

/* Why an entry is not taken in now: of another time, of another log, or out of turn. */
static enum ps_refusal check_names(struct ps_shard *s, const struct ps_data *data)
{
    if (data->era != s->era)
        return PS_REFUSE_ERA;
    if (!s->backup || data->map < s->map)
        return PS_REFUSE_MAP; /* a primary that has been deposed meets this */
    if (!s->loaded)
        return PS_REFUSE_ERA;
    if (data->lease != s->follows.log || data->from != s->follows.from)
        return PS_REFUSE_WHO;
    if (!s->follows.next && data->code != PS_ENTRY_BEGIN)
        return PS_REFUSE_NOT_YET;
    if (!s->follows.next)
        begin(s, data);
    return data->request > s->follows.next ? PS_REFUSE_GAP : 0;
}

int ps_backup_take(struct ps_shard *s, const struct ps_data *data, struct ps_message *message, struct ps_error *err)
{
    if (data->run != s->run || data->to != s->incarnation)
        return 0;
    enum ps_refusal refusal = check_names(s, data);
    if (refusal) {
        s->counters.refused[refusal]++;
        answer(s, data->from, PS_REFUSE, data->lease, data->request, refusal, s->follows.next);
        return 0;
    }
    s->follows.owes = true;
    if (data->request < s->follows.next)
        return 0; /* a repeat */
    if (!take_entry(s, data, message))
        return ps_fail(err, PS_EXIT_NET, "entry %llu (code %u) of the log of shard %u cannot be taken in by its backup: a broken "
                       "invariant; please report it with both logs", (unsigned long long)data->request, data->code, s->number);
    s->follows.next++;
    return 0;
}
