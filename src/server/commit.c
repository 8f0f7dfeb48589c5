/* commit.c - gradients land in rows; see shard.h.
 *
 * async and bounded: at once. sync: lane by lane, in lane order, a step's gradients are summed in `sum`; when every
 * lane has had its turn the optimiser is applied once, and the buffer of the sums becomes the retained set: the values
 * that the changed rows had before (docs/protocol.md).
 *
 * Where ids come and go (living.h), a sum has one more column: in how many lanes' micro-batches the row was.
 */
#include <string.h>

#include "server/initial.h"
#include "server/living.h"
#include "server/shard.h"

void ps_commit_make(struct ps_shard *s, uint32_t t, const uint64_t *key, uint32_t n, float **row)
{
    uint32_t fresh[PS_ROWS_BATCH], width = s->spec[t].width;
    uint32_t made = ps_rows_change(&s->rows[t], key, n, row, fresh);
    for (uint32_t i = 0; i < made; i++) {
        ps_row_initial(&s->spec[t], t, s->seed, key[fresh[i]], row[fresh[i]]);
        if (s->spec[t].update == PS_UPDATE_OPTIMIZER)
            ps_optimizer_init_state(&s->optimizer, width, row[fresh[i]] + width);
        else if (s->spec[t].update == PS_UPDATE_ASSIGN)
            memcpy(row[fresh[i]] + width, row[fresh[i]], width * sizeof **row);
        if (s->spec[t].sightings)
            memset(row[fresh[i]] + s->rows[t].width - PS_LIFE, 0, PS_LIFE * sizeof **row);
    }
}

/* The rows that a push of n <= PS_ROWS_BATCH keys changes: row[i] is that of key[index[i]]; returns how many. All have one, but where ids come
 * and go. seen: as in ps_living_admit. */
static uint32_t find_rows(struct ps_shard *s, uint32_t t, const uint64_t *key, const float *seen, uint32_t n, float **row, uint32_t *index)
{
    if (s->spec[t].sightings)
        return ps_living_admit(s, t, key, seen, n, row, index);
    ps_commit_make(s, t, key, n, row);
    for (uint32_t i = 0; i < n; i++)
        index[i] = i;
    return n;
}

/* Rows of a table and what was pushed for them. */
static void update(const struct ps_shard *s, uint32_t t, float *const *row, const float *push, uint32_t n)
{
    uint32_t width = s->spec[t].width;
    if (s->spec[t].update == PS_UPDATE_OPTIMIZER) {
        struct ps_optimizer_spec now = ps_optimizer_at(&s->optimizer, s->epoch);
        ps_optimizer_apply(&now, s->steps, width, row, push, n);
        return;
    }
    if (s->spec[t].update == PS_UPDATE_ASSIGN) {
        for (uint32_t i = 0; i < n; i++, push += width) {
            memcpy(row[i] + width, row[i], width * sizeof *push);
            memcpy(row[i], push, width * sizeof *push);
        }
        return;
    }
    for (uint32_t i = 0; i < n; i++, push += width)
        for (uint32_t j = 0; j < width; j++)
            row[i][j] += push[j];
}

static void apply(struct ps_shard *s, uint32_t t, const uint64_t *key, const float *grad, uint32_t n)
{
    float *row[PS_ROWS_BATCH];
    uint32_t width = s->spec[t].width, index[PS_ROWS_BATCH];
    for (uint32_t i = 0; i < n; i += PS_ROWS_BATCH, grad += (size_t)PS_ROWS_BATCH * width) {
        uint32_t count = PS_MIN(n - i, (uint32_t)PS_ROWS_BATCH), taken = find_rows(s, t, key + i, NULL, count, row, index);
        for (uint32_t k = 0; taken < count && k < taken; k++)
            memcpy(s->scratch + (size_t)k * width, grad + (size_t)index[k] * width, width * sizeof *grad);
        update(s, t, row, taken < count ? s->scratch : grad, taken);
    }
}

/* sum[key] += grad, and the first one is taken as it is. */
static void fold_section(struct ps_shard *s, uint32_t t, const uint64_t *key, const float *grad, uint32_t n)
{
    float *row[PS_ROWS_BATCH];
    uint32_t fresh[PS_ROWS_BATCH], width = s->spec[t].width;
    bool counts = s->spec[t].sightings != 0;
    for (uint32_t i = 0; i < n; i += PS_ROWS_BATCH) {
        uint32_t count = PS_MIN(n - i, (uint32_t)PS_ROWS_BATCH);
        uint32_t made = ps_rows_make(&s->sum[t], key + i, count, row, fresh), f = 0;
        for (uint32_t k = 0; k < count; k++, grad += width) {
            bool first = f < made && fresh[f] == k;
            if (counts)
                row[k][width] = first ? 1 : row[k][width] + 1;
            if (first) {
                memcpy(row[k], grad, width * sizeof *grad);
                f++;
                continue;
            }
            for (uint32_t j = 0; j < width; j++)
                row[k][j] += grad[j];
        }
    }
}

static void fold(struct ps_shard *s, const struct ps_request *push)
{
    for (uint32_t i = 0; i < push->data.sections; i++)
        fold_section(s, push->data.section[i].table, push->key[i], push->value[i], push->data.section[i].rows);
}

/* A dense optimiser moves the rows without a gradient too: theirs is zero. */
static void fold_absent(struct ps_shard *s, uint32_t t)
{
    float *row[PS_ROWS_BATCH];
    uint32_t fresh[PS_ROWS_BATCH];
    for (uint32_t i = 0; i < s->rows[t].count; i++) {
        uint64_t key = ps_rows_key(&s->rows[t], i);
        if (ps_rows_make(&s->sum[t], &key, 1, row, fresh))
            memset(row[0], 0, s->spec[t].width * sizeof *row[0]);
    }
}

/* Applies the sums of a table. With `retain` each sum gives its place to the row's value from before. */
static void commit_table(struct ps_shard *s, uint32_t t)
{
    struct ps_rows *sum = &s->sum[t];
    uint32_t width = s->spec[t].width, index[PS_ROWS_BATCH];
    float *row[PS_ROWS_BATCH], seen[PS_ROWS_BATCH], *grad = s->scratch;
    uint64_t key[PS_ROWS_BATCH];
    if (ps_optimizer_is_dense(&s->optimizer) && s->spec[t].update == PS_UPDATE_OPTIMIZER)
        fold_absent(s, t);
    for (uint32_t i = 0; i < sum->count; i += PS_ROWS_BATCH) {
        uint32_t count = PS_MIN(sum->count - i, (uint32_t)PS_ROWS_BATCH), next = 0;
        for (uint32_t k = 0; k < count; k++) {
            key[k] = ps_rows_key(sum, i + k);
            seen[k] = sum->width > width ? ps_rows_at(sum, i + k)[width] : 1;
        }
        uint32_t taken = find_rows(s, t, key, seen, count, row, index);
        for (uint32_t k = 0; k < count; k++) {
            float *place = ps_rows_at(sum, i + k);
            if (next < taken && index[next] == k) {
                memcpy(grad + (size_t)next * width, place, width * sizeof *grad);
                memcpy(place, row[next++], width * sizeof *place);
            } else if (s->retain) { /* it had no row, and has none */
                ps_row_initial(&s->spec[t], t, s->seed, key[k], place);
            }
        }
        update(s, t, row, grad, taken);
    }
}

/* One step of the optimiser over everything that was folded. */
static void commit(struct ps_shard *s)
{
    enum ps_phase before = ps_phase_enter(&s->phases, PS_PHASE_APPLY);
    s->steps++;
    for (uint32_t t = 0; t < s->tables; t++) {
        commit_table(s, t);
        if (s->retain) {
            struct ps_rows retained = s->sum[t];
            s->sum[t] = s->kept[t];
            s->kept[t] = retained;
        }
        ps_rows_clear(&s->sum[t]);
    }
    ps_phase_enter(&s->phases, before);
}

/* Folds the lanes whose turn has come; a step that is complete is committed, and the next one begins. A step to which
 * no lane contributes is none: it closes the epoch. */
static void advance(struct ps_shard *s)
{
    for (;;) {
        while (s->folded < s->lanes) {
            struct ps_lane_state *lane = &s->lane[s->folded];
            struct ps_request **place = &lane->staged[s->v % PS_DEPTH];
            if (*place && (*place)->data.position == s->v) {
                fold(s, *place);
                ps_account_add(&lane->account, s->v);
                ps_request_drop(s, *place);
                *place = NULL;
                s->contributed = true;
            } else if (!lane->ended) {
                return;
            }
            s->folded++;
        }
        if (!s->contributed)
            return;
        commit(s);
        s->v++;
        s->folded = 0;
        s->contributed = false;
        ps_living_limit(s);
        ps_shard_release(s);
    }
}

static void land(struct ps_shard *s, struct ps_request *push)
{
    bool end = push->data.flags & PS_FLAG_END;
    if (s->mode == PS_SYNC) {
        if (end)
            ps_request_drop(s, push);
        else
            s->lane[push->data.lane].staged[push->data.position % PS_DEPTH] = push;
        advance(s);
        return;
    }
    if (!end)
        ps_account_add(&s->lane[push->data.lane].account, push->data.position);
    if (!end && ps_optimizer_is_dense(&s->optimizer)) {
        fold(s, push);
        commit(s);
    } else if (!end) {
        struct ps_phase_at before = ps_phase_enter_for(&s->phases, PS_PHASE_APPLY, push->data.lane, push->data.position);
        s->steps++;
        for (uint32_t i = 0; i < push->data.sections; i++)
            apply(s, push->data.section[i].table, push->key[i], push->value[i], push->data.section[i].rows);
        ps_living_limit(s);
        ps_phase_return(&s->phases, before);
    }
    ps_request_drop(s, push);
    ps_shard_release(s);
}

void ps_commit_take(struct ps_shard *s, struct ps_request *push)
{
    double spent = s->snapshot ? ps_snapshot_spent(s->snapshot) : 0;
    land(s, push);
    if (s->snapshot)
        s->pause = PS_MAX(s->pause, ps_snapshot_spent(s->snapshot) - spent);
}

void ps_commit_read(struct ps_shard *s, uint32_t t, const uint64_t *key, uint32_t n, enum ps_state_of of, float *out)
{
    float *row[PS_ROWS_BATCH], *before[PS_ROWS_BATCH] = {NULL};
    uint32_t width = s->spec[t].width;
    for (uint32_t i = 0; i < n; i += PS_ROWS_BATCH, key += PS_ROWS_BATCH) {
        uint32_t count = PS_MIN(n - i, (uint32_t)PS_ROWS_BATCH);
        ps_rows_find(&s->rows[t], key, count, width, row);
        if (of == PS_STATE_BEFORE)
            ps_rows_find(&s->kept[t], key, count, width, before);
        for (uint32_t k = 0; k < count; k++, out += width) {
            const float *value = before[k] ? before[k] : row[k];
            if (of == PS_STATE_BEFORE && row[k] && s->spec[t].update == PS_UPDATE_ASSIGN)
                value = row[k] + width;
            if (value)
                memcpy(out, value, width * sizeof *out);
            else if (of == PS_STATE_READ && s->spec[t].sightings)
                memset(out, 0, width * sizeof *out);
            else
                ps_row_initial(&s->spec[t], t, s->seed, key[k], out);
        }
    }
}

void ps_commit_begin(struct ps_shard *s)
{
    if (!ps_optimizer_is_dense(&s->optimizer) || !(s->optimizer.weight_decay > 0))
        return;
    float *row[1];
    for (uint32_t t = 0; t < s->tables; t++)
        for (uint64_t id = 0; id < s->spec[t].rows && s->spec[t].update == PS_UPDATE_OPTIMIZER; id++)
            if (s->owns[ps_slot_of(&s->spec[t], t, id)])
                ps_commit_make(s, t, &id, 1, row);
}

bool ps_commit_between(const struct ps_shard *s)
{
    bool staged = false;
    for (uint32_t l = 0; s->mode == PS_SYNC && l < s->lanes; l++)
        for (int i = 0; i < PS_DEPTH; i++)
            staged |= s->lane[l].staged[i] != NULL;
    return !staged && !s->contributed;
}

void ps_commit_reset(struct ps_shard *s)
{
    for (uint32_t t = 0; t < s->tables; t++) {
        ps_rows_clear(&s->sum[t]);
        ps_rows_clear(&s->kept[t]);
    }
    s->folded = 0;
    s->contributed = false;
}
