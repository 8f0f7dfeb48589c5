/* schedule_fixture.h - what random schedules are made of: lanes that pull, compute and push, zombies among them, and a network that
 * delivers in any order, loses and doubles. The lanes' gradients are pure functions of what they pulled, so that a plain sequential
 * program is the reference. The coordinator and the tests are in test_shard_schedule.c.
 */
#ifndef SCHEDULE_FIXTURE_H
#define SCHEDULE_FIXTURE_H

#include "common/random.h"
#include "server/initial.h"
#include "server/replica.h"
#include "shard_fixture.h"

enum { SHARDS_MAX = 4, LANES = 3, STEPS_MAX = 6, EPOCHS = 2, EPOCHS_LIVING = 4, PROCS = 64, FLIGHTS = 4096, ROWS_MAX = 40, WIDTH_MAX = 5 };

/* Rules of replication that a control leaves out (docs/protocol.md): an acknowledgement waits for the backup, a repeat's too; a backup counts
 * when it has everything; a promoted one hears no more of its old primary. */
enum rule { RULE_NONE, RULE_ORDER, RULE_REPEATS, RULE_JOIN, RULE_MAP };

struct plan {
    uint64_t seed, schedule; /* what lanes compute, and (beside the seed) in which order things happen */
    uint32_t shards, mode, length[LANES];
    int faults;              /* crashes or false suspicions */
    double loss, duplicates; /* chance of each message */
    bool cut, no_retained, no_fence;
    bool carries;             /* table 0 is lane state: a row is its lane's alone, and is assigned */
    uint32_t admit_after, evict_after; /* of tables 0 and 1, where not 0 */
    uint64_t memory;                   /* of rows, which the reference does not know of: runs are compared with a calm one */
    bool no_before, no_order; /* that rule is left out: what an assigned row was before is kept; no pull before the last push is in */
    bool replicas;
    int losses; /* of primaries */
    enum rule without;
    enum ps_optimizer_kind optimizer;
};

/* An id that comes and goes, by the reference: in how many micro-batches it was seen since it has a row, or in the epoch `used`. */
struct life {
    bool row;
    uint32_t seen, used;
};

typedef float values[FIXTURE_TABLES][ROWS_MAX][WIDTH_MAX];

/* A lane under one lease. */
struct proc {
    bool live, zombie, done;
    uint32_t lane;
    uint64_t lease, position; /* being pulled, or of the END */
    bool got[SHARDS_MAX], acked[SHARDS_MAX], pushing, first, unasked; /* unasked: the rows of `position` */
    uint64_t pushed; /* position of the push under way */
    values pulled;
    float grad[2][FIXTURE_TABLES][ROWS_MAX][WIDTH_MAX]; /* by position % 2: kept until acknowledged */
};

struct flight {
    bool answer;
    uint32_t shard;
    int proc;
    struct ps_data data;
    struct ps_message message;
};

struct sim {
    const struct plan *plan;
    struct ps_table_spec table[FIXTURE_LIVING];
    struct ps_random random;
    struct ps_shard shard[SHARDS_MAX];
    uint32_t shards, era, epoch;
    struct ps_slot_map map;
    struct proc proc[PROCS];
    int procs, flights, faults;
    struct flight flight[FLIGHTS];
    uint64_t counter, lease[LANES];
    int holder[LANES];      /* proc, or -1 while the lane is being fenced */
    uint32_t fenced[LANES]; /* shards that have acknowledged the new lease */
    uint64_t start[LANES];
    values state[STEPS_MAX + 2]; /* the reference's states of this epoch */
    values accumulator;          /* the reference's optimiser state */
    struct life life[FIXTURE_TABLES][ROWS_MAX];
    uint64_t cut_step, cut_id;
    int cut_stage; /* 0 none yet, 1 prepared, 2 agreed, 3 over */
    bool cut_told[SHARDS_MAX], cut_taken[SHARDS_MAX];
    char *folder;
    const char *violation;
    uint64_t hash; /* of all rows at the ends of the epochs */
    /* schedule_replicas.h: by shard, a copy of it, and a primary that was deposed and talks on */
    struct ps_shard copy[SHARDS_MAX], old[SHARDS_MAX];
    bool has_copy[SHARDS_MAX], has_old[SHARDS_MAX], synced[SHARDS_MAX];
    struct ps_follows follows[SHARDS_MAX];                           /* of a promoted one */
    uint64_t known[SHARDS_MAX][LANES], known_lease[SHARDS_MAX][LANES]; /* acknowledged: hwm, lease */
    int losses;
    double seconds; /* that have passed in the schedule */
    uint32_t servers; /* that have come later */
};

static bool violate(struct sim *m, const char *what)
{
    if (!m->violation)
        m->violation = what;
    return false;
}

static uint32_t plan_tables(const struct sim *m)
{
    return m->plan->admit_after ? FIXTURE_LIVING : FIXTURE_TABLES;
}

static double chance(struct sim *m)
{
    return ps_random_unit(&m->random);
}

/* ---- what lanes compute: pure functions of the step's name ---- */

static bool assigned(const struct sim *m, uint32_t t)
{
    return m->plan->carries && t == 0;
}

static bool touches(const struct sim *m, uint32_t lane, uint64_t position, uint32_t t, uint64_t key)
{
    if (assigned(m, t) && key % LANES != lane)
        return false;
    struct ps_random r =
        ps_random_stream(m->plan->seed, PS_RANDOM_TEST, m->epoch * 100 + lane, position, t * 100 + key);
    return ps_random_unit(&r) < (t == 2 || assigned(m, t) ? 0.5 : 0.15);
}

static float gradient(const struct sim *m, uint32_t lane, uint64_t position, uint32_t t, uint64_t key, uint32_t j,
                      float value)
{
    if (m->plan->mode != PS_SYNC && !assigned(m, t))
        return 1; /* counts how often it was applied */
    struct ps_random r = ps_random_stream(m->plan->seed, PS_RANDOM_TEST, m->epoch * 100 + lane, position,
                                          10000 + t * 1000 + key * 10 + j);
    return value * 0.25f + (float)ps_random_normal(&r);
}

static bool comes_and_goes(const struct sim *m, uint32_t t)
{
    return m->plan->admit_after && t < 2;
}

/* Of n micro-batches that had an id, all of one step in sync, how many land in its row. */
static uint32_t lands(const struct sim *m, struct life *l, uint32_t n)
{
    uint32_t most = m->plan->admit_after;
    if (!l->row) {
        uint32_t before = l->used == m->epoch ? l->seen : 0, lost = most - 1 - before;
        l->row = before + n >= most;
        l->seen = l->row ? (m->plan->mode == PS_SYNC ? n : n - lost) : before + n;
        n = l->row ? l->seen : 0;
    } else {
        l->seen += n;
    }
    l->used = m->epoch;
    return n;
}

/* What nobody has used for so long goes. */
static void reference_evicts(struct sim *m)
{
    for (uint32_t t = 0; t < FIXTURE_TABLES; t++)
        for (uint64_t key = 0; key < fixture_table[t].rows; key++) {
            struct life *l = &m->life[t][key];
            if (!l->row || m->epoch - 1 - l->used < m->plan->evict_after)
                continue;
            *l = (struct life){.used = m->epoch};
            ps_row_initial(&fixture_table[t], t, FIXTURE_SEED, key, m->state[0][t][key]);
            for (uint32_t j = 0; j < fixture_table[t].width; j++)
                m->accumulator[t][key][j] = fixture_adagrad.initial_accumulator;
        }
}

static void reference_epoch(struct sim *m)
{
    if (m->plan->admit_after)
        reference_evicts(m);
    for (uint64_t step = 0; step < STEPS_MAX; step++) {
        static values sum;
        static uint32_t has[FIXTURE_TABLES][ROWS_MAX];
        memset(has, 0, sizeof has);
        for (uint32_t lane = 0; lane < LANES; lane++)
            for (uint32_t t = 0; t < FIXTURE_TABLES && step < m->plan->length[lane]; t++)
                for (uint64_t key = 0; key < fixture_table[t].rows; key++) {
                    if (!touches(m, lane, step, t, key))
                        continue;
                    for (uint32_t j = 0; j < fixture_table[t].width; j++) {
                        float g = gradient(m, lane, step, t, key, j, m->state[step][t][key][j]);
                        sum[t][key][j] = has[t][key] ? sum[t][key][j] + g : g;
                    }
                    has[t][key]++;
                }
        for (uint32_t t = 0; t < FIXTURE_TABLES; t++)
            for (uint64_t key = 0; key < fixture_table[t].rows; key++) {
                if (!has[t][key] || !comes_and_goes(m, t))
                    continue;
                has[t][key] = lands(m, &m->life[t][key], has[t][key]);
                for (uint32_t j = 0; m->plan->mode != PS_SYNC && j < fixture_table[t].width; j++)
                    sum[t][key][j] = (float)has[t][key]; /* of ones */
            }
        memcpy(m->state[step + 1], m->state[step], sizeof(values));
        for (uint32_t t = 0; t < FIXTURE_TABLES; t++)
            for (uint64_t key = 0; key < fixture_table[t].rows; key++)
                for (uint32_t j = 0; has[t][key] && j < fixture_table[t].width; j++) {
                    float g = sum[t][key][j], *a = &m->accumulator[t][key][j];
                    *a += g * g;
                    if (assigned(m, t))
                        m->state[step + 1][t][key][j] = g;
                    else if (m->plan->optimizer == PS_OPT_SGD)
                        m->state[step + 1][t][key][j] -= 0.1f * g;
                    else
                        m->state[step + 1][t][key][j] -= 0.1f * g / sqrtf(*a);
                }
    }
}

/* ---- the network: a bag of messages, delivered in any order ---- */

static void fly(struct sim *m, bool answer, uint32_t shard, int proc, const struct ps_data *data,
                struct ps_message *message)
{
    if (chance(m) < m->plan->loss || m->flights == FLIGHTS) {
        ps_message_fini(message);
        return;
    }
    struct flight *f = &m->flight[m->flights++];
    f->answer = answer;
    f->shard = shard;
    f->proc = proc;
    f->data = *data;
    memcpy(&f->message, message, sizeof *message);
    message->count = 0;
}

static void shard_sends(void *ctx, uint64_t to, struct ps_data *data, struct ps_message *message)
{
    fly(ctx, true, ((uint32_t)data->from - 1000) % 100, (int)to - 1, data, message);
}

/* Pull (grad NULL) or push to one shard. */
static void request(struct sim *m, int number, uint32_t s, uint64_t position, bool push)
{
    struct proc *p = &m->proc[number];
    bool end = push && position >= m->plan->length[p->lane];
    struct ps_data data = {.kind = push ? PS_PUSH : PS_PULL,
                           .run = FIXTURE_RUN,
                           .from = (uint64_t)number + 1,
                           .to = m->shard[s].incarnation,
                           .era = m->era,
                           .map = m->map.version,
                           .epoch = m->epoch,
                           .lane = p->lane,
                           .lease = p->lease,
                           .position = position,
                           .request = position};
    struct ps_message message;
    ps_message_init(&message);
    ps_message_add(&message);
    for (uint32_t t = 0; t < FIXTURE_TABLES && !end; t++) {
        uint64_t key[ROWS_MAX];
        float grad[ROWS_MAX * WIDTH_MAX];
        uint32_t n = 0, width = fixture_table[t].width;
        for (uint64_t k = 0; k < fixture_table[t].rows; k++)
            if (touches(m, p->lane, position, t, k) && m->map.shard_of[ps_slot_of(&fixture_table[t], t, k)] == s) {
                memcpy(grad + n * width, p->grad[position % 2][t][k], width * sizeof *grad);
                key[n++] = k;
            }
        if (!n)
            continue;
        struct ps_section *section = &data.section[data.sections++];
        *section = (struct ps_section){.table = t, .rows = n};
        ps_keys_encode(key, n, PS_CODEC_PLAIN, ps_message_add(&message));
        if (push)
            ps_values_encode(grad, n * width, PS_CODEC_PLAIN, ps_message_add(&message));
        else
            ps_message_add(&message);
    }
    if (push && !data.sections)
        data.flags = end ? PS_FLAG_END : PS_FLAG_EMPTY;
    if (!push && !data.sections) { /* nothing wanted from this shard */
        p->got[s] = true;
        ps_message_fini(&message);
        return;
    }
    fly(m, false, s, number, &data, &message);
}

/* ---- lanes ---- */

static void begin_pull(struct sim *m, int number)
{
    struct proc *p = &m->proc[number];
    memset(p->got, 0, sizeof p->got);
    p->unasked = m->plan->carries && m->plan->mode != PS_SYNC && p->pushing && !m->plan->no_order;
    if (p->unasked)
        return;
    for (uint32_t s = 0; s < m->shards; s++) {
        if (p->position >= m->plan->length[p->lane])
            p->got[s] = true;
        else
            request(m, number, s, p->position, false);
    }
}

static void step_lane(struct sim *m, int number);

static void start_lane(struct sim *m, uint32_t lane)
{
    int number = m->procs++;
    assert_true(number < PROCS);
    m->proc[number] =
        (struct proc){.live = true, .lane = lane, .lease = m->lease[lane], .position = m->start[lane], .first = true};
    m->holder[lane] = number;
    begin_pull(m, number);
    step_lane(m, number);
}

static bool all(const struct sim *m, const bool *flag)
{
    for (uint32_t s = 0; s < m->shards; s++)
        if (!flag[s])
            return false;
    return true;
}

/* Pushes when all rows and, by the ack rule, all acknowledgements of the push before are there. */
static void step_lane(struct sim *m, int number)
{
    struct proc *p = &m->proc[number];
    if (p->pushing && all(m, p->acked)) {
        p->pushing = false;
        if (p->pushed >= m->plan->length[p->lane])
            p->done = true;
        else if (p->unasked)
            begin_pull(m, number);
    }
    if (p->pushing || p->done || !all(m, p->got))
        return;
    uint64_t position = p->position;
    for (uint32_t t = 0; t < FIXTURE_TABLES; t++)
        for (uint64_t k = 0; k < fixture_table[t].rows; k++)
            for (uint32_t j = 0; j < fixture_table[t].width && position < m->plan->length[p->lane]; j++)
                p->grad[position % 2][t][k][j] = gradient(m, p->lane, position, t, k, j, p->pulled[t][k][j]);
    p->pushing = true;
    p->pushed = position;
    memset(p->acked, 0, sizeof p->acked);
    for (uint32_t s = 0; s < m->shards; s++)
        request(m, number, s, position, true);
    p->position++;
    if (position < m->plan->length[p->lane])
        begin_pull(m, number);
}

static bool take_rows(struct sim *m, struct proc *p, const struct flight *f)
{
    const struct plan *plan = m->plan;
    if (plan->mode == PS_SYNC && f->data.state != p->position)
        return violate(m, "I5: rows of another state");
    if (plan->mode >= PS_BOUNDED && f->data.state + (plan->mode - PS_BOUNDED) < p->position)
        return violate(m, "I11: rows staler than allowed");
    for (uint32_t i = 0; i < f->data.sections; i++) {
        uint32_t t = f->data.section[i].table, width = fixture_table[t].width, n = 0;
        const float *value = ps_frame_data(&f->message.frame[2 + 2 * i]);
        for (uint64_t k = 0; k < fixture_table[t].rows; k++) {
            if (!touches(m, p->lane, p->position, t, k) ||
                m->map.shard_of[ps_slot_of(&fixture_table[t], t, k)] != f->shard)
                continue;
            memcpy(p->pulled[t][k], value + n++ * width, width * sizeof *value);
            if ((plan->mode == PS_SYNC || assigned(m, t)) && !plan->memory && memcmp(p->pulled[t][k], m->state[p->position][t][k], width * sizeof *value))
                return violate(m, "I5: a value that the undisturbed run never sees");
        }
    }
    p->got[f->shard] = true;
    return true;
}

static void deliver_answer(struct sim *m, const struct flight *f)
{
    struct proc *p = &m->proc[f->proc];
    if (!p->live || f->data.era != m->era)
        return;
    if (f->data.kind == PS_REFUSE) {
        if (f->data.code == PS_REFUSE_FENCED)
            p->live = false;
        else if (f->data.code != PS_REFUSE_NOT_YET && !(m->plan->replicas && f->data.code == PS_REFUSE_MAP) && !p->zombie && !p->done &&
                 (f->data.code != PS_REFUSE_TOO_OLD || (f->data.request == p->position && !p->got[f->shard])))
            violate(m, f->data.code == PS_REFUSE_GAP       ? "I3: a gap"
                       : f->data.code == PS_REFUSE_TOO_OLD ? "I4: a live lane asks for a state that is gone"
                                                           : "a sound request was refused");
    } else if (f->data.kind == PS_ACK) { /* an ACK names its push */
        if (p->pushing && f->data.position == p->pushed && f->data.epoch == m->epoch)
            p->acked[f->shard] = true;
        if (f->data.epoch == m->epoch)
            m->known[f->shard][f->data.lane] = PS_MAX(m->known[f->shard][f->data.lane], f->data.position + 1);
    } else if (f->data.request == p->position && !p->got[f->shard] && f->data.epoch == m->epoch) {
        take_rows(m, p, f);
    }
    if (p->live)
        step_lane(m, f->proc);
}

/* Takes one message out of the bag, or a copy of it; of a log the first that is under way, since a connection keeps their order. */
static void take_flight(struct sim *m, struct flight *f)
{
    int i = (int)ps_random_below(&m->random, (uint64_t)m->flights);
    for (int k = 0; m->flight[i].data.kind == PS_REPL && k < m->flights; k++) {
        const struct ps_data *data = &m->flight[k].data, *first = &m->flight[i].data;
        if (data->kind == PS_REPL && data->from == first->from && data->lease == first->lease && data->request < first->request)
            i = k;
    }
    memcpy(f, &m->flight[i], sizeof *f);
    if (!f->answer && chance(m) < m->plan->duplicates) { /* a late copy stays under way */
        for (int k = 0; k < f->message.count; k++)
            ps_frame_share(&f->message.frame[k], &m->flight[i].message.frame[k]);
    } else {
        memcpy(&m->flight[i], &m->flight[--m->flights], sizeof *f);
    }
}

/* Sends again whatever a lane waits for. */
static void retry(struct sim *m, int number)
{
    struct proc *p = &m->proc[number];
    uint32_t s = (uint32_t)ps_random_below(&m->random, m->shards);
    if (!p->live || p->done)
        return;
    if (p->pushing && !p->acked[s])
        request(m, number, s, p->pushed, true);
    else if (p->position < m->plan->length[p->lane] && !p->got[s] && !p->unasked)
        request(m, number, s, p->position, false);
}

#endif
