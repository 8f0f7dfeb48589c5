/* shard.c - a shard's life: set up, loaded, through fences and epochs; see shard.h and docs/protocol.md. */
#include <stdlib.h>
#include <string.h>

#include "server/living.h"
#include "server/replica.h"

static int check_welcome(const struct ps_control *w, struct ps_error *err)
{
    if (!w->lanes || w->lanes > PS_MAX_LANES)
        return ps_fail(err, PS_EXIT_NET, "the coordinator speaks of %u lanes; 1 to %d are possible", w->lanes,
                       PS_MAX_LANES);
    if (w->slots != PS_SLOTS)
        return ps_fail(err, PS_EXIT_NET, "the coordinator speaks of %u slots, this program of %d", w->slots, PS_SLOTS);
    if (w->table_count > PS_MAX_TABLES) /* a rule has none */
        return ps_fail(err, PS_EXIT_NET, "the coordinator speaks of %u tables; at most %d are possible", w->table_count,
                       PS_MAX_TABLES);
    if (w->shard >= w->shard_count && w->shard != PS_NO_SHARD)
        return ps_fail(err, PS_EXIT_NET, "this server is to be shard %u of %u", w->shard, w->shard_count);
    for (uint32_t t = 0; t < w->table_count; t++)
        if (!w->table[t].width)
            return ps_fail(err, PS_EXIT_NET, "table '%s' has rows of no width", w->table[t].name);
    if (!ps_living_check(w->table, w->table_count, &w->optimizer))
        return ps_fail(err, PS_EXIT_NET, "the coordinator speaks of tables of ids that come and go which do not go together");
    return ps_optimizer_check(&w->optimizer, err);
}

int ps_shard_init(struct ps_shard *s, const struct ps_control *w, uint64_t incarnation, ps_shard_send *send, void *ctx,
                  struct ps_error *err)
{
    struct ps_slot_map map;
    int status = check_welcome(w, err);
    if (!status)
        status = ps_slot_map_from_entries(&map, w->map, w->shards, w->shard_count, err);
    if (status)
        return status;
    memset(s, 0, sizeof *s);
    s->run = w->run;
    s->incarnation = incarnation;
    s->seed = w->seed;
    s->mode = w->mode;
    s->lanes = w->lanes;
    s->tables = w->table_count;
    s->optimizer = w->optimizer;
    s->row_memory = w->memory;
    s->send = send;
    s->ctx = ctx;
    ps_shard_map(s, &map, w->shard);
    uint32_t widest = 0;
    for (uint32_t t = 0; t < s->tables; t++) {
        s->spec[t] = w->table[t];
        uint32_t width = s->spec[t].width;
        widest = PS_MAX(widest, width);
        ps_rows_init(&s->rows[t], width + ps_table_state(&s->spec[t], &s->optimizer));
        ps_rows_init(&s->sum[t], width + (s->spec[t].sightings != 0));
        ps_rows_init(&s->kept[t], s->sum[t].width); /* they change places */
    }
    s->scratch = ps_malloc_aligned((size_t)PS_ROWS_BATCH * widest * sizeof *s->scratch);
    s->lane = ps_calloc(s->lanes, sizeof *s->lane);
    return 0;
}

void ps_shard_map(struct ps_shard *s, const struct ps_slot_map *map, uint32_t number)
{
    s->map = map->version;
    s->number = number;
    s->retain = s->mode == PS_SYNC && map->shards > 1;
    for (uint32_t slot = 0; slot < PS_SLOTS; slot++)
        s->owns[slot] = map->shard_of[slot] == number;
}

/* Refuses and drops what a lane has parked. */
static void drop_parked(struct ps_shard *s, struct ps_lane_state *lane, enum ps_refusal code, uint64_t state)
{
    for (int i = 0; i <= PS_DEPTH; i++) {
        struct ps_request **place = i < PS_DEPTH ? &lane->pull[i] : &lane->held;
        if (!*place)
            continue;
        s->parked -= i < PS_DEPTH;
        ps_shard_refuse(s, &(*place)->data, code, state);
        ps_request_drop(s, *place);
        *place = NULL;
    }
}

/* Forgets positions and requests of all lanes; leases stay. */
static void reset_lanes(struct ps_shard *s, enum ps_refusal code, uint64_t state)
{
    for (uint32_t l = 0; l < s->lanes; l++) {
        struct ps_lane_state *lane = &s->lane[l];
        drop_parked(s, lane, code, state);
        for (int i = 0; i < PS_DEPTH; i++) {
            ps_request_drop(s, lane->staged[i]);
            lane->staged[i] = NULL;
        }
        lane->hwm = 0;
        lane->ended = false;
        lane->limit = PS_NO_LIMIT;
    }
    s->v = 0;
    ps_shard_account_begin(s);
    ps_commit_reset(s);
}

void ps_shard_fini(struct ps_shard *s)
{
    ps_shard_cut_cancel(s);
    ps_replica_drop(s);
    for (uint32_t l = 0; s->lane && l < s->lanes; l++) {
        struct ps_lane_state *lane = &s->lane[l];
        for (int i = 0; i < PS_DEPTH; i++) {
            ps_request_drop(s, lane->staged[i]);
            ps_request_drop(s, lane->pull[i]);
        }
        ps_request_drop(s, lane->held);
    }
    for (uint32_t t = 0; t < s->tables; t++) {
        ps_rows_fini(&s->rows[t]);
        ps_rows_fini(&s->sum[t]);
        ps_rows_fini(&s->kept[t]);
    }
    ps_request_free_all(s);
    ps_shares_free(s->shares);
    ps_buffer_fini(&s->encode);
    free(s->scratch);
    free(s->lane);
    memset(s, 0, sizeof *s);
}

void ps_shard_forget(struct ps_shard *s, uint32_t era, uint32_t epoch)
{
    s->loaded = false;
    ps_replica_drop(s);
    s->follows = (struct ps_follows){0};
    s->era = era;
    ps_shard_cut_cancel(s);
    reset_lanes(s, PS_REFUSE_ERA, era);
    s->cut = (struct ps_cut){0};
    s->steps = 0;
    s->epoch = epoch;
    for (uint32_t t = 0; t < s->tables; t++) {
        uint32_t width = s->rows[t].width;
        ps_rows_fini(&s->rows[t]);
        ps_rows_init(&s->rows[t], width);
    }
    s->clock = 1;
    s->clocks++;
    memset(s->cut_of, 0, sizeof s->cut_of);
    for (uint32_t l = 0; l < s->lanes; l++)
        s->lane[l].lease = 0;
}

int ps_shard_load(struct ps_shard *s, uint32_t era, uint32_t epoch, const char *folder,
                  const struct ps_lane_entry *lane, uint32_t lanes, struct ps_error *err)
{
    if (era < s->era || (s->loaded && era == s->era))
        return 0;
    ps_shard_forget(s, era, epoch);
    if (*folder) {
        struct ps_marks marks = {.seed = s->seed, .mode = s->mode, .lanes = s->lanes};
        int status = ps_checkpoint_load(folder, s->owns, s->spec, s->tables, &s->optimizer, s->rows, &marks, err);
        if (status)
            return status;
        s->epoch = marks.epoch;
        s->v = marks.v;
        s->steps = marks.steps;
        for (uint32_t l = 0; l < s->lanes; l++) {
            s->lane[l].hwm = marks.lane[l].hwm;
            s->lane[l].ended = marks.lane[l].ended;
        }
        ps_marks_fini(&marks);
        ps_shard_account_begin(s);
    }
    for (uint32_t i = 0; i < lanes; i++)
        if (lane[i].lane < s->lanes)
            s->lane[lane[i].lane].lease = lane[i].lease;
    ps_commit_begin(s);
    s->loaded = true;
    return 0;
}

void ps_shard_adopt(struct ps_shard *s, uint32_t era, uint32_t epoch, uint32_t map, uint64_t steps,
                    const struct ps_lane_entry *lane, uint32_t lanes)
{
    ps_shard_forget(s, era, epoch);
    s->map = map;
    s->number = PS_NO_SHARD;
    memset(s->owns, 0, sizeof s->owns);
    s->steps = steps;
    for (uint32_t i = 0; i < lanes; i++) {
        if (lane[i].lane >= s->lanes)
            continue;
        struct ps_lane_state *to = &s->lane[lane[i].lane];
        to->hwm = lane[i].position;
        to->ended = lane[i].lease;
        if (s->mode == PS_SYNC) /* every step that a lane contributed to is committed */
            s->v = PS_MAX(s->v, to->hwm - to->ended);
    }
    ps_shard_account_begin(s);
    s->loaded = true;
}

struct owner {
    const struct ps_shard *shard;
    uint32_t table;
};

static bool is_owned(void *ctx, uint64_t key)
{
    const struct owner *o = ctx;
    return o->shard->owns[ps_slot_of(&o->shard->spec[o->table], o->table, key)];
}

/* Rows that are not here: from another server, which had them until now. */
static void add_rows(struct ps_rows *to, struct ps_rows *from)
{
    float *row[1];
    uint32_t fresh[1];
    if (!ps_rows_held(to)) {
        struct ps_rows empty = *to;
        *to = *from;
        *from = empty;
        to->clock = empty.clock;
        for (uint32_t i = 0; i < to->count; i++)
            if (ps_rows_has(to, i))
                *ps_rows_stamp(to, i) = to->clock;
        return;
    }
    for (uint32_t i = 0; i < from->count; i++) {
        if (!ps_rows_has(from, i))
            continue;
        uint64_t key = ps_rows_key(from, i);
        ps_rows_change(to, &key, 1, row, fresh);
        memcpy(row[0], ps_rows_at(from, i), to->width * sizeof *row[0]);
    }
}

void ps_shard_move(struct ps_shard *s, const struct ps_slot_map *map, uint32_t number, struct ps_rows *arrived)
{
    ps_shard_map(s, map, number);
    for (uint32_t l = 0; l < s->lanes; l++)
        drop_parked(s, &s->lane[l], PS_REFUSE_MAP, s->map);
    ps_commit_reset(s); /* nothing below the hold is asked for any more */
    ps_shard_cut_cancel(s);
    for (uint32_t t = 0; t < s->tables; t++) {
        ps_rows_keep(&s->rows[t], is_owned, &(struct owner){s, t});
        add_rows(&s->rows[t], &arrived[t]);
    }
    ps_shard_cut_end(s, s->cut.id);
}

bool ps_shard_closed(const struct ps_shard *s)
{
    for (uint32_t l = 0; l < s->lanes; l++)
        if (!s->lane[l].ended)
            return false;
    return true;
}

uint64_t ps_shard_low(const struct ps_shard *s)
{
    uint64_t low = PS_NO_LIMIT;
    for (uint32_t l = 0; l < s->lanes; l++)
        if (!s->lane[l].ended)
            low = PS_MIN(low, s->lane[l].hwm);
    return low;
}

int ps_shard_fence(struct ps_shard *s, uint32_t number, uint64_t lease, uint64_t *hwm)
{
    if (!s->loaded || number >= s->lanes)
        return -1;
    struct ps_lane_state *lane = &s->lane[number];
    if (lease > lane->lease) {
        lane->lease = lease;
        drop_parked(s, lane, PS_REFUSE_FENCED, lease);
        ps_replica_fence(s, number, lease);
    }
    *hwm = lane->hwm;
    return 0;
}

bool ps_shard_fence_holds(const struct ps_shard *s, uint32_t lane)
{
    return ps_replica_covers(s, s->lane[lane].entry);
}

bool ps_shard_epoch_holds(const struct ps_shard *s)
{
    return ps_replica_covers(s, s->epoch_entry);
}

bool ps_shard_epoch(struct ps_shard *s, uint32_t epoch)
{
    if (!s->loaded || epoch <= s->epoch)
        return s->loaded && epoch == s->epoch;
    bool untouched = true;
    for (uint32_t l = 0; l < s->lanes; l++)
        untouched &= s->lane[l].hwm == 0;
    if (!untouched && !ps_shard_closed(s))
        return false;
    reset_lanes(s, PS_REFUSE_NOT_YET, 0);
    ps_shard_cut_end(s, s->cut.id);
    s->epoch = epoch;
    s->counters.admitted = s->counters.evicted = 0;
    ps_replica_epoch(s, epoch);
    ps_living_age(s);
    return true;
}

void ps_shard_marks(const struct ps_shard *s, uint64_t cut, struct ps_marks *marks)
{
    *marks = (struct ps_marks){.run = s->run,
                               .seed = s->seed,
                               .cut = cut,
                               .v = s->v,
                               .steps = s->steps,
                               .era = s->era,
                               .shard = s->number,
                               .mode = s->mode,
                               .epoch = s->epoch,
                               .lanes = s->lanes,
                               .lane = ps_calloc(s->lanes, sizeof *marks->lane)};
    for (uint32_t l = 0; l < s->lanes; l++)
        marks->lane[l] = (struct ps_lane_mark){s->lane[l].lease, s->lane[l].hwm, s->lane[l].ended};
}
