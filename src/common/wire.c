/* wire.c - headers to protobuf and back; see wire.h. The only place that knows the generated code. */
#include "common/wire.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "penstock.pb-c.h"

enum { HEADER_LIMIT = 4 << 20 };

static void pack(const ProtobufCMessage *message, struct ps_frame *frame)
{
    ps_frame_alloc(frame, protobuf_c_message_get_packed_size(message));
    protobuf_c_message_pack(message, ps_frame_data(frame));
}

void ps_data_pack(const struct ps_data *data, struct ps_frame *frame)
{
    Penstock__Section section[PS_MAX_TABLES];
    Penstock__Section *pointer[PS_MAX_TABLES];
    Penstock__Data m = PENSTOCK__DATA__INIT;
    m.version = PS_WIRE_VERSION;
    m.kind = data->kind;
    m.run = data->run;
    m.from = data->from;
    m.to = data->to;
    m.era = data->era;
    m.map = data->map;
    m.epoch = data->epoch;
    m.lane = data->lane;
    m.lease = data->lease;
    m.position = data->position;
    m.request = data->request;
    m.flags = data->flags;
    m.code = data->code;
    m.state = data->state;
    m.count = data->count;
    PS_ASSERT(data->sections <= PS_MAX_TABLES);
    for (uint32_t i = 0; i < data->sections; i++) {
        penstock__section__init(&section[i]);
        section[i].table = data->section[i].table;
        section[i].rows = data->section[i].rows;
        section[i].key_codec = data->section[i].key_codec;
        section[i].value_codec = data->section[i].value_codec;
        pointer[i] = &section[i];
    }
    m.n_section = data->sections;
    m.section = pointer;
    pack(&m.base, frame);
}

int ps_data_unpack(const struct ps_message *message, struct ps_data *data, struct ps_error *err)
{
    if (message->count < 1 || ps_frame_size(&message->frame[0]) > HEADER_LIMIT)
        return ps_fail(err, PS_EXIT_NET, "a data message without a sensible header");
    Penstock__Data *m = penstock__data__unpack(NULL, ps_frame_size(&message->frame[0]),
                                               ps_frame_data(&message->frame[0]));
    if (!m)
        return ps_fail(err, PS_EXIT_NET, "a data header that cannot be read");
    int status = 0;
    if (m->version != PS_WIRE_VERSION)
        status = ps_fail(err, PS_EXIT_NET, "a peer speaks version %u of the protocol, this program version %d",
                         m->version, PS_WIRE_VERSION);
    else if (m->kind < PS_PULL || m->kind > PS_REPL_ACK)
        status = ps_fail(err, PS_EXIT_NET, "a data message of unknown kind %u", m->kind);
    else if (m->n_section > PS_MAX_TABLES || message->count != (int)(1 + 2 * m->n_section))
        status = ps_fail(err, PS_EXIT_NET, "a data message with %zu sections and %d frames", m->n_section,
                         message->count);
    if (!status) {
        data->kind = (enum ps_message_kind)m->kind;
        data->run = m->run;
        data->from = m->from;
        data->to = m->to;
        data->era = m->era;
        data->map = m->map;
        data->epoch = m->epoch;
        data->lane = m->lane;
        data->lease = m->lease;
        data->position = m->position;
        data->request = m->request;
        data->flags = m->flags;
        data->code = m->code;
        data->state = m->state;
        data->count = m->count;
        data->sections = (uint32_t)m->n_section;
        for (size_t i = 0; i < m->n_section; i++)
            data->section[i] = (struct ps_section){m->section[i]->table, m->section[i]->rows, m->section[i]->key_codec,
                                                   m->section[i]->value_codec};
    }
    penstock__data__free_unpacked(m, NULL);
    return status;
}

static void fill_life(Penstock__Life *out, const struct ps_life *life)
{
    penstock__life__init(out);
    out->rows = life->rows;
    out->waiting = life->waiting;
    out->admitted = life->admitted;
    out->evicted = life->evicted;
}

static struct ps_life take_life(const Penstock__Life *life)
{
    return life ? (struct ps_life){life->rows, life->waiting, life->admitted, life->evicted} : (struct ps_life){0};
}

/* Protobuf wants arrays of pointers: one block for the submessages, one for the pointers to them. */
#define POINTERS(type, init, count, block, pointers)                                                                   \
    type *block = ps_calloc((count), sizeof *block);                                                                   \
    type **pointers = ps_calloc((count), sizeof *pointers);                                                            \
    for (uint32_t i_ = 0; i_ < (count); i_++) {                                                                        \
        init(&block[i_]);                                                                                              \
        pointers[i_] = &block[i_];                                                                                     \
    }

static void fill_lanes(Penstock__Lane *out, const struct ps_lane_entry *lane, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        out[i].lane = lane[i].lane;
        out[i].lease = lane[i].lease;
        out[i].position = lane[i].position;
    }
}

static void fill_table(Penstock__Table *out, Penstock__Field *field, Penstock__Field **pointers,
                       const struct ps_table_spec *spec)
{
    out->name = (char *)spec->name;
    out->kind = spec->kind;
    out->rows = spec->rows;
    out->width = spec->width;
    out->tensor_rows = spec->tensor_rows;
    out->tensor_cols = spec->tensor_cols;
    out->update = spec->update;
    out->sightings = spec->sightings;
    out->admit_after = spec->admit_after;
    out->evict_after = spec->evict_after;
    out->counts = spec->counts;
    for (uint32_t i = 0; i < spec->fields; i++) {
        field[i].name = (char *)spec->field[i].name;
        field[i].first = spec->field[i].first;
        field[i].width = spec->field[i].width;
        field[i].init = spec->field[i].init;
        field[i].scale = spec->field[i].scale;
    }
    out->n_field = spec->fields;
    out->field = pointers;
}

void ps_control_pack(const struct ps_control *c, struct ps_frame *frame)
{
    Penstock__Control m = PENSTOCK__CONTROL__INIT;
    m.version = PS_WIRE_VERSION;
    m.kind = c->kind;
    m.run = c->run;
    m.from = c->from;
    m.to = c->to;
    m.term = c->term;
    m.era = c->era;
    m.map = c->map;
    m.epoch = c->epoch;
    m.request = c->request;
    m.role = c->role;
    m.host = c->host ? c->host : "";
    m.endpoint = c->endpoint ? c->endpoint : "";
    m.pid = c->pid;
    m.text = c->text ? c->text : "";
    m.kernel = c->kernel ? c->kernel : "";
    m.seed = c->seed;
    m.lanes = c->lanes;
    m.slots = c->slots;
    m.mode = c->mode;
    m.shard = c->shard;
    m.code = c->code;
    m.first = c->first;
    m.count = c->count;
    m.split = c->split;

    POINTERS(Penstock__Lane, penstock__lane__init, c->lane_count, lane, lane_pointers);
    fill_lanes(lane, c->lane, c->lane_count);
    m.n_lane = c->lane_count;
    m.lane = lane_pointers;

    POINTERS(Penstock__Table, penstock__table__init, c->table_count, table, table_pointers);
    POINTERS(Penstock__Field, penstock__field__init, c->table_count * PS_MAX_FIELDS, field, field_pointers);
    for (uint32_t i = 0; i < c->table_count; i++)
        fill_table(&table[i], field + i * PS_MAX_FIELDS, field_pointers + i * PS_MAX_FIELDS, &c->table[i]);
    m.n_table = c->table_count;
    m.table = table_pointers;

    Penstock__Optimizer optimizer = PENSTOCK__OPTIMIZER__INIT;
    optimizer.kind = c->optimizer.kind;
    optimizer.lr = c->optimizer.lr;
    optimizer.momentum = c->optimizer.momentum;
    optimizer.initial_accumulator = c->optimizer.initial_accumulator;
    optimizer.beta1 = c->optimizer.beta1;
    optimizer.beta2 = c->optimizer.beta2;
    optimizer.epsilon = c->optimizer.epsilon;
    optimizer.weight_decay = c->optimizer.weight_decay;
    optimizer.decay = c->optimizer.decay;
    optimizer.decay_every = c->optimizer.decay_every;
    if (c->optimizer.kind)
        m.optimizer = &optimizer;

    POINTERS(Penstock__Shard, penstock__shard__init, c->shard_count, shard, shard_pointers);
    for (uint32_t i = 0; i < c->shard_count; i++) {
        shard[i].shard = c->shards[i].shard;
        shard[i].incarnation = c->shards[i].incarnation;
        shard[i].endpoint = c->shards[i].endpoint;
        shard[i].slots.data = c->shards[i].slots;
        shard[i].slots.len = sizeof c->shards[i].slots;
        shard[i].backup = c->shards[i].backup;
        shard[i].backup_endpoint = c->shards[i].backup_endpoint;
        shard[i].log = c->shards[i].log;
        shard[i].synced = c->shards[i].synced;
    }
    m.n_shards = c->shard_count;
    m.shards = shard_pointers;

    POINTERS(Penstock__File, penstock__file__init, c->file_count, file, file_pointers);
    for (uint32_t i = 0; i < c->file_count; i++) {
        file[i].name = c->file[i].name;
        file[i].bytes = c->file[i].bytes;
        file[i].checksum = c->file[i].checksum;
    }
    m.n_file = c->file_count;
    m.file = file_pointers;

    POINTERS(Penstock__Held, penstock__held__init, c->held_count, held, held_pointers);
    for (uint32_t i = 0; i < c->held_count; i++) {
        held[i].lane = c->held[i].lane;
        held[i].lease = c->held[i].lease;
        held[i].position = c->held[i].position;
        held[i].done = c->held[i].done;
        held[i].samples = c->held[i].samples;
        held[i].measured = c->held[i].measured;
        held[i].loss = c->held[i].loss;
    }
    m.n_held = c->held_count;
    m.held = held_pointers;

    Penstock__Progress progress = PENSTOCK__PROGRESS__INIT;
    POINTERS(Penstock__Lane, penstock__lane__init, c->progress.entries, entry, entry_pointers);
    fill_lanes(entry, c->progress.entry, c->progress.entries);
    progress.samples = c->progress.samples;
    progress.loss = c->progress.loss;
    progress.turns = c->progress.turns;
    progress.speed = c->progress.speed;
    progress.queue = c->progress.queue;
    progress.stale = c->progress.stale;
    progress.wait = (char *)(uintptr_t)c->progress.wait;
    progress.rows = c->progress.rows;
    progress.bytes = c->progress.bytes;
    progress.refused = c->progress.refused;
    progress.strangers = c->progress.strangers;
    progress.steps = c->progress.steps;
    progress.n_phase = PS_PHASES;
    progress.phase = (double *)(uintptr_t)c->progress.phase;
    Penstock__Life life, its_life;
    fill_life(&life, &c->life);
    fill_life(&its_life, &c->progress.life);
    progress.life = &its_life;
    progress.memory = c->progress.memory;
    progress.held = c->progress.held;
    progress.n_task_loss = PS_MAX_TASKS;
    progress.task_loss = (double *)(uintptr_t)c->progress.task_loss;
    progress.task_samples = c->progress.task_samples;
    progress.n_lane = c->progress.entries;
    progress.lane = entry_pointers;
    bool tells = c->kind == PS_LANE_DONE || c->kind == PS_RETURN || c->kind == PS_GRANT_ACK || c->kind == PS_EPOCH_ACK || c->kind == PS_ACCOUNT_ACK;
    if (c->kind == PS_BEAT || tells)
        m.progress = &progress;

    Penstock__Cost cost = PENSTOCK__COST__INIT;
    cost.pause = c->cost.pause;
    cost.memory = c->cost.memory;
    cost.copies = c->cost.copies;
    cost.waits = c->cost.waits;
    if (c->kind == PS_CUT_DONE)
        m.cost = &cost;
    m.since = c->since;
    m.memory = c->memory;
    if (c->kind == PS_ACCOUNT_ACK)
        m.life = &life;
    m.clock = c->clock;

    pack(&m.base, frame);
    free(lane), free(lane_pointers), free(table), free(table_pointers), free(field), free(field_pointers);
    free(shard), free(shard_pointers), free(file), free(file_pointers), free(entry), free(entry_pointers);
    free(held), free(held_pointers);
}

/* Copies a name of bounded length; false where it does not fit. */
static bool take_name(char *to, size_t size, const char *from)
{
    size_t length = strlen(from);
    if (length >= size)
        return false;
    memcpy(to, from, length + 1);
    return true;
}

static struct ps_lane_entry *take_lanes(Penstock__Lane *const *lane, size_t count)
{
    struct ps_lane_entry *entry = ps_calloc(count, sizeof *entry);
    for (size_t i = 0; i < count; i++)
        entry[i] = (struct ps_lane_entry){lane[i]->lane, lane[i]->lease, lane[i]->position};
    return entry;
}

static bool take_table(const Penstock__Table *from, struct ps_table_spec *to)
{
    if (!take_name(to->name, sizeof to->name, from->name) || from->n_field > PS_MAX_FIELDS || !from->width ||
        from->width > (1u << 20) || from->kind < PS_TABLE_USER || from->kind >= PS_TABLE_KINDS || from->update > PS_UPDATE_ASSIGN ||
        from->sightings >= PS_MAX_TABLES || from->counts >= PS_TABLE_KINDS)
        return false;
    to->kind = (enum ps_table_kind)from->kind;
    to->rows = from->rows;
    to->width = from->width;
    to->tensor_rows = from->tensor_rows;
    to->tensor_cols = from->tensor_cols;
    to->update = (enum ps_update)from->update;
    to->sightings = from->sightings;
    to->admit_after = from->admit_after;
    to->evict_after = from->evict_after;
    to->counts = (enum ps_table_kind)from->counts;
    to->fields = (uint32_t)from->n_field;
    for (uint32_t i = 0; i < to->fields; i++) {
        const Penstock__Field *f = from->field[i];
        struct ps_field *t = &to->field[i];
        if (!take_name(t->name, sizeof t->name, f->name) || f->first > to->width || f->width > to->width - f->first ||
            f->init > PS_INIT_UNIFORM)
            return false;
        t->first = f->first;
        t->width = f->width;
        t->init = (enum ps_init)f->init;
        t->scale = f->scale;
    }
    return true;
}

/* Sums of what is never negative; a peer of another version may have more or fewer of them. */
static void take_sums(double *to, size_t most, const double *from, size_t count)
{
    for (size_t i = 0; i < PS_MIN(count, most); i++)
        to[i] = isfinite(from[i]) ? PS_MAX(from[i], 0) : 0;
}

static int take_arrays(const Penstock__Control *m, struct ps_control *c, struct ps_error *err)
{
    if (m->n_lane > PS_MAX_LANES || m->n_table > PS_MAX_TABLES || m->n_shards > PS_MAX_SHARDS || m->n_file > 4096 ||
        m->n_held > PS_MAX_LANES ||
        (m->progress && m->progress->n_lane > PS_MAX_LANES))
        return ps_fail(err, PS_EXIT_NET, "a control message with impossible counts");
    c->lane_count = (uint32_t)m->n_lane;
    c->lane = take_lanes(m->lane, m->n_lane);
    c->table_count = (uint32_t)m->n_table;
    c->table = ps_calloc(m->n_table, sizeof *c->table);
    for (size_t i = 0; i < m->n_table; i++)
        if (!take_table(m->table[i], &c->table[i]))
            return ps_fail(err, PS_EXIT_NET, "a control message with a table that makes no sense");
    c->shard_count = (uint32_t)m->n_shards;
    c->shards = ps_calloc(m->n_shards, sizeof *c->shards);
    for (size_t i = 0; i < m->n_shards; i++) {
        struct ps_shard_entry *s = &c->shards[i];
        if (m->shards[i]->slots.len != sizeof s->slots ||
            !take_name(s->endpoint, sizeof s->endpoint, m->shards[i]->endpoint) ||
            !take_name(s->backup_endpoint, sizeof s->backup_endpoint, m->shards[i]->backup_endpoint))
            return ps_fail(err, PS_EXIT_NET, "a control message with a shard that makes no sense");
        s->shard = m->shards[i]->shard;
        s->incarnation = m->shards[i]->incarnation;
        s->backup = m->shards[i]->backup;
        s->log = m->shards[i]->log;
        s->synced = m->shards[i]->synced;
        memcpy(s->slots, m->shards[i]->slots.data, sizeof s->slots);
    }
    c->file_count = (uint32_t)m->n_file;
    c->file = ps_calloc(m->n_file, sizeof *c->file);
    for (size_t i = 0; i < m->n_file; i++) {
        if (!take_name(c->file[i].name, sizeof c->file[i].name, m->file[i]->name))
            return ps_fail(err, PS_EXIT_NET, "a control message with a file name that is too long");
        c->file[i].bytes = m->file[i]->bytes;
        c->file[i].checksum = m->file[i]->checksum;
    }
    c->held_count = (uint32_t)m->n_held;
    c->held = ps_calloc(m->n_held, sizeof *c->held);
    for (size_t i = 0; i < m->n_held; i++)
        c->held[i] = (struct ps_held){m->held[i]->lane, m->held[i]->lease, m->held[i]->position,
                                      m->held[i]->done, m->held[i]->samples, m->held[i]->measured, m->held[i]->loss};
    if (m->progress) {
        c->progress = (struct ps_progress){.samples = m->progress->samples,
                                           .loss = m->progress->loss,
                                           .turns = m->progress->turns,
                                           .speed = m->progress->speed,
                                           .queue = m->progress->queue,
                                           .stale = m->progress->stale,
                                           .rows = m->progress->rows,
                                           .bytes = m->progress->bytes,
                                           .refused = m->progress->refused,
                                           .strangers = m->progress->strangers,
                                           .steps = m->progress->steps,
                                           .life = take_life(m->progress->life),
                                           .memory = m->progress->memory,
                                           .held = m->progress->held,
                                           .entries = (uint32_t)m->progress->n_lane,
                                           .entry = take_lanes(m->progress->lane, m->progress->n_lane)};
        snprintf(c->progress.wait, sizeof c->progress.wait, "%s", m->progress->wait);
        take_sums(c->progress.phase, PS_PHASES, m->progress->phase, m->progress->n_phase);
        take_sums(c->progress.task_loss, PS_MAX_TASKS, m->progress->task_loss, m->progress->n_task_loss);
        take_sums(&c->progress.task_samples, 1, &m->progress->task_samples, 1);
    }
    if (m->cost)
        c->cost = (struct ps_cost){m->cost->pause, m->cost->memory, m->cost->copies, m->cost->waits};
    c->since = m->since;
    c->memory = m->memory;
    c->life = take_life(m->life);
    c->clock = m->clock;
    return 0;
}

int ps_control_unpack(const struct ps_message *message, struct ps_control *control, struct ps_error *err)
{
    if (message->count < 1 || ps_frame_size(&message->frame[0]) > HEADER_LIMIT)
        return ps_fail(err, PS_EXIT_NET, "a control message without a sensible header");
    Penstock__Control *m = penstock__control__unpack(NULL, ps_frame_size(&message->frame[0]),
                                                     ps_frame_data(&message->frame[0]));
    if (!m)
        return ps_fail(err, PS_EXIT_NET, "a control header that cannot be read");
    struct ps_control c = {0};
    int status = 0;
    if (m->version != PS_WIRE_VERSION)
        status = ps_fail(err, PS_EXIT_NET, "a peer speaks version %u of the protocol, this program version %d",
                         m->version, PS_WIRE_VERSION);
    else if (m->kind <= PS_CONTROL || m->kind >= PS_CONTROL_END)
        status = ps_fail(err, PS_EXIT_NET, "a control message of unknown kind %u", m->kind);
    else
        status = take_arrays(m, &c, err);
    c.kind = (enum ps_message_kind)m->kind;
    c.run = m->run;
    c.from = m->from;
    c.to = m->to;
    c.term = m->term;
    c.era = m->era;
    c.map = m->map;
    c.epoch = m->epoch;
    c.request = m->request;
    c.role = m->role;
    c.host = ps_strdup(m->host);
    c.endpoint = ps_strdup(m->endpoint);
    c.text = ps_strdup(m->text);
    c.kernel = ps_strdup(m->kernel);
    c.pid = m->pid;
    c.seed = m->seed;
    c.lanes = m->lanes;
    c.slots = m->slots;
    c.mode = m->mode;
    c.shard = m->shard;
    c.code = m->code;
    c.first = m->first;
    c.count = m->count;
    c.split = m->split;
    if (m->optimizer)
        c.optimizer = (struct ps_optimizer_spec){
            (enum ps_optimizer_kind)m->optimizer->kind, m->optimizer->lr, m->optimizer->momentum,
            m->optimizer->initial_accumulator, m->optimizer->beta1, m->optimizer->beta2, m->optimizer->epsilon,
            m->optimizer->weight_decay, m->optimizer->decay, m->optimizer->decay_every};
    penstock__control__free_unpacked(m, NULL);
    if (status)
        ps_control_fini(&c);
    else
        *control = c;
    return status;
}

void ps_control_fini(struct ps_control *c)
{
    free(c->host), free(c->endpoint), free(c->text), free(c->kernel), free(c->lane), free(c->table), free(c->shards), free(c->file);
    free(c->held);
    free(c->progress.entry);
    *c = (struct ps_control){0};
}
