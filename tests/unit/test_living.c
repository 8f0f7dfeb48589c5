/* test_living.c - ids that come and go, one rule by one: what is dropped with a gradient that finds no row, and what is not; when a row is made, when
 * it goes, what is left of it; memory; files that build upon each other; rows on their way to another server.
 */
#include "common/random.h"
#include "server/initial.h"
#include "server/living.h"
#include "server/parts.h"
#include "server/replica.h"
#include "shard_rig.h"

enum { USERS = 0, ITEMS = 1, USER_WIDTH = 5 };

static struct rig *living_rig(uint32_t mode, uint32_t shards, uint32_t admit_after, uint32_t evict_after, uint64_t memory)
{
    struct ps_table_spec table[FIXTURE_LIVING];
    fixture_living(table, admit_after, evict_after);
    return rig_of(mode, shards, &fixture_adagrad, table, memory);
}

/* Pushes gradients for n users, grad[i] in all columns of the i-th; nothing where n is 0. */
static void push(struct rig *r, uint32_t lane, uint64_t position, const uint64_t *key, const float *grad, uint32_t n)
{
    struct ps_data data = named(PS_PUSH, lane, position);
    struct ps_message message;
    data.epoch = r->shard.epoch;
    data.flags = n ? 0 : PS_FLAG_EMPTY;
    ps_message_init(&message);
    ps_message_add(&message);
    float *value = ps_malloc((n + 1) * USER_WIDTH * sizeof *value);
    for (uint32_t i = 0; i < n * USER_WIDTH; i++)
        value[i] = grad[i / USER_WIDTH];
    if (n) {
        data.sections = 1;
        data.section[0] = (struct ps_section){.table = USERS, .rows = n};
        ps_keys_encode(key, n, PS_CODEC_PLAIN, ps_message_add(&message));
        ps_values_encode(value, n * USER_WIDTH, PS_CODEC_PLAIN, ps_message_add(&message));
    }
    free(value);
    ps_shard_take(&r->shard, &data, &message);
    assert_int_equal(r->answer.kind, PS_ACK);
}

/* Both lanes: the first as said, the second nothing. */
static void step(struct rig *r, uint64_t position, const uint64_t *key, const float *grad, uint32_t n)
{
    push(r, 0, position, key, grad, n);
    push(r, 1, position, NULL, NULL, 0);
}

static void next_epoch(struct rig *r)
{
    for (uint32_t l = 0; l < LANES; l++) {
        struct ps_data end = named(PS_PUSH, l, r->shard.lane[l].hwm);
        end.epoch = r->shard.epoch;
        end.flags = PS_FLAG_END;
        assert_int_equal(ask(r, end, USERS, NULL, 0, 0, 0), PS_ACK);
    }
    assert_true(ps_shard_epoch(&r->shard, r->shard.epoch + 1));
}

static const float *row_of(const struct rig *r, uint64_t key)
{
    float *row;
    ps_rows_find(&r->shard.rows[USERS], &key, 1, 0, &row);
    return row;
}

static const float *sighting_of(const struct rig *r, uint64_t key)
{
    float *row;
    ps_rows_find(&r->shard.rows[FIXTURE_TABLES + USERS], &key, 1, 0, &row);
    return row;
}

static void expect_initial(struct rig *r, uint64_t key, bool initial)
{
    float have[USER_WIDTH], want[USER_WIDTH];
    ps_commit_read(&r->shard, USERS, &key, 1, PS_STATE_NOW, have);
    ps_row_initial(&fixture_table[USERS], USERS, FIXTURE_SEED, key, want);
    assert_int_equal(memcmp(have, want, sizeof have) == 0, initial);
}

static void expect_same(struct rig *a, struct rig *b, uint64_t key)
{
    float have[USER_WIDTH], want[USER_WIDTH];
    ps_commit_read(&a->shard, USERS, &key, 1, PS_STATE_NOW, have);
    ps_commit_read(&b->shard, USERS, &key, 1, PS_STATE_NOW, want);
    assert_memory_equal(have, want, sizeof have);
}

static const uint64_t all[] = {3, 5, 9, 12, 31};
static const float grads[] = {1, -2, 4, 0.5f, -8};

/* The bug of PERSIA's update_gradient_mixed: an id without a row shifts the gradients of all behind it in the push. Whichever ids have
 * none, each of the others has its own, to the bit, as where all have rows. */
static void others_have_their_own_gradients(void **state)
{
    for (uint32_t mode = PS_ASYNC; mode <= PS_SYNC; mode++)
        for (uint32_t without = 0; without < 32; without++) {
            struct rig *living = living_rig(mode, 1, 2, 0, 0), *plain = rig_new(mode, 1, &fixture_adagrad);
            uint64_t known[5];
            uint32_t n = 0;
            for (uint32_t i = 0; i < 5; i++)
                if (!(without >> i & 1))
                    known[n++] = all[i];
            step(living, 0, known, grads, n); /* the first sighting of these */
            step(plain, 0, NULL, NULL, 0);
            step(living, 1, all, grads, 5);
            step(plain, 1, all, grads, 5);
            for (uint32_t i = 0; i < 5; i++) {
                bool waits = without >> i & 1;
                expect_initial(living, all[i], waits);
                assert_int_equal(row_of(living, all[i]) == NULL, waits);
                if (!waits)
                    expect_same(living, plain, all[i]);
            }
            rig_free(living);
            rig_free(plain);
        }
}

/* A batch of keys is looked up at a time: gaps in it, and beyond it. */
static void long_pushes_have_gaps_too(void **state)
{
    for (uint32_t mode = PS_ASYNC; mode <= PS_SYNC; mode++) {
        struct rig *living = living_rig(mode, 1, 2, 0, 0), *plain = rig_new(mode, 1, &fixture_adagrad);
        uint64_t key[40], odd[20];
        float grad[40];
        for (uint32_t i = 0; i < 40; i++) {
            key[i] = i;
            grad[i] = (float)i - 19.5f;
            odd[i / 2] = i | 1;
        }
        step(living, 0, odd, grad, 20);
        step(plain, 0, NULL, NULL, 0);
        step(living, 1, key, grad, 40);
        step(plain, 1, key, grad, 40);
        for (uint64_t i = 0; i < 40; i++) {
            expect_initial(living, i, i % 2 == 0);
            if (i % 2)
                expect_same(living, plain, i);
        }
        rig_free(living);
        rig_free(plain);
    }
}

static void an_id_is_admitted_after_its_sightings(void **state)
{
    struct rig *r = living_rig(PS_ASYNC, 1, 3, 0, 0);
    struct ps_life life;
    const uint64_t key = 7, other = 8;
    const float one = 1;
    for (uint64_t p = 0; p < 2; p++) {
        step(r, p, &key, &one, 1);
        assert_null(row_of(r, key));
        assert_true(sighting_of(r, key)[PS_LIFE_SEEN] == (float)(p + 1) && sighting_of(r, key)[PS_LIFE_USED] == 1);
        expect_initial(r, key, true);
    }
    step(r, 2, &other, &one, 1);
    ps_living_count(&r->shard, &life);
    assert_true(life.rows == 0 && life.waiting == 2 && life.admitted == 0);
    step(r, 3, &key, &one, 1);
    assert_non_null(row_of(r, key));
    assert_null(sighting_of(r, key));
    expect_initial(r, key, false);
    ps_living_count(&r->shard, &life);
    assert_true(life.rows == 1 && life.waiting == 1 && life.admitted == 1);
    /* a count of an epoch that is over does not help: two more are not enough, three are */
    step(r, 4, &other, &one, 1);
    next_epoch(r);
    for (uint64_t p = 0; p < 3; p++) {
        step(r, p, &other, &one, 1);
        assert_int_equal(row_of(r, other) != NULL, p == 2);
    }
    rig_free(r);
}

/* In sync the lanes of a step count each, and a step that comes to the number lands as a whole. */
static void lanes_count_each(void **state)
{
    struct rig *living = living_rig(PS_SYNC, 1, 2, 0, 0), *plain = rig_new(PS_SYNC, 1, &fixture_adagrad);
    const uint64_t key = 7;
    const float one = 1, two = 2;
    push(living, 0, 0, &key, &one, 1), push(plain, 0, 0, &key, &one, 1);
    push(living, 1, 0, &key, &two, 1), push(plain, 1, 0, &key, &two, 1);
    expect_same(living, plain, key);
    assert_true(row_of(living, key)[living->shard.rows[USERS].width - PS_LIFE + PS_LIFE_SEEN] == 2);
    rig_free(living);
    rig_free(plain);
}

/* What was read with a step is what is read again, where other shards may not have committed it yet. */
static void the_state_before_knows_who_had_no_row(void **state)
{
    struct rig *r = living_rig(PS_SYNC, 2, 2, 0, 0);
    float before[USER_WIDTH], want[USER_WIDTH];
    uint64_t key = 0;
    const float one = 1;
    while (!r->shard.owns[ps_slot_of(&fixture_table[USERS], USERS, key)])
        key++;
    ps_row_initial(&fixture_table[USERS], USERS, FIXTURE_SEED, key, want);
    for (uint64_t p = 0; p < 3; p++) {
        step(r, p, &key, &one, 1); /* without a row, admitted, changed */
        ps_commit_read(&r->shard, USERS, &key, 1, PS_STATE_BEFORE, before);
        assert_memory_equal(before, want, sizeof before);
        ps_commit_read(&r->shard, USERS, &key, 1, PS_STATE_NOW, want);
    }
    rig_free(r);
}

/* Who ranks reads zeros where there is no row. */
static void readers_are_told(void **state)
{
    struct rig *r = living_rig(PS_ASYNC, 1, 2, 0, 0);
    const uint64_t key = 7, tensor = 1;
    const float one = 1;
    float have[USER_WIDTH], want[USER_WIDTH] = {0};
    step(r, 0, &key, &one, 1);
    ps_commit_read(&r->shard, USERS, &key, 1, PS_STATE_READ, have);
    assert_memory_equal(have, want, sizeof have);
    step(r, 1, &key, &one, 1);
    ps_commit_read(&r->shard, USERS, &key, 1, PS_STATE_READ, have);
    ps_commit_read(&r->shard, USERS, &key, 1, PS_STATE_NOW, want);
    assert_memory_equal(have, want, sizeof have);
    ps_commit_read(&r->shard, 2, &tensor, 1, PS_STATE_READ, have); /* which are not of ids */
    ps_row_initial(&fixture_table[2], 2, FIXTURE_SEED, tensor, want);
    assert_memory_equal(have, want, fixture_table[2].width * sizeof *have);
    struct ps_data pull = named(PS_PULL, 0, 2), sightings = named(PS_PUSH, 0, 2);
    pull.flags = PS_FLAG_READ;
    assert_int_equal(ask(r, pull, USERS, &(uint64_t){30}, 1, 0, 0), PS_ROWS);
    for (uint32_t j = 0; j < USER_WIDTH; j++)
        assert_true(((float *)ps_frame_data(&r->rows.frame[2]))[j] == 0);
    assert_int_equal(ask(r, sightings, FIXTURE_TABLES, &key, 1, 1, 0), PS_REFUSE); /* nobody's but the server's */
    assert_int_equal(r->answer.code, PS_REFUSE_BAD);
    rig_free(r);
}

/* A row that nobody uses for two epochs goes; what comes back is a new one, with its initial value and a new state of the optimiser. */
static void a_row_goes_and_comes_back_as_new(void **state)
{
    for (uint32_t mode = PS_ASYNC; mode <= PS_SYNC; mode++) {
        struct rig *r = living_rig(mode, 1, 1, 2, 0), *plain = rig_new(mode, 1, &fixture_adagrad);
        struct ps_life life;
        step(r, 0, all, grads, 5);
        next_epoch(r);
        step(r, 0, all + 1, grads + 1, 4); /* the first one not */
        next_epoch(r);
        assert_non_null(row_of(r, all[0])); /* one epoch without it is over */
        step(r, 0, all + 1, grads + 1, 4);
        next_epoch(r);
        assert_null(row_of(r, all[0]));
        assert_true(sighting_of(r, all[0])[PS_LIFE_SEEN] == 0);
        expect_initial(r, all[0], true);
        ps_living_count(&r->shard, &life);
        assert_true(life.rows == 4 && life.waiting == 1 && life.evicted == 1);
        for (uint32_t i = 1; i < 5; i++)
            assert_true(row_of(r, all[i])[r->shard.rows[USERS].width - PS_LIFE + PS_LIFE_SEEN] == 3);
        assert_true(ps_shard_epoch(&r->shard, 4)); /* asked again */
        /* a push for the row that has just gone, between others that are there: each has its own */
        float before[USER_WIDTH], after[USER_WIDTH];
        ps_commit_read(&r->shard, USERS, &all[1], 1, PS_STATE_NOW, before);
        step(r, 0, all, grads, 1);
        ps_commit_read(&r->shard, USERS, &all[1], 1, PS_STATE_NOW, after);
        assert_memory_equal(before, after, sizeof before);
        step(plain, 0, all, grads, 1);
        expect_same(r, plain, all[0]);
        uint32_t state_width = r->shard.rows[USERS].width - PS_LIFE - USER_WIDTH;
        assert_memory_equal(row_of(r, all[0]) + USER_WIDTH, row_of(plain, all[0]) + USER_WIDTH, state_width * sizeof(float));
        rig_free(r);
        rig_free(plain);
    }
}

/* Rows that go leave room for those that come: memory stays what it was. */
static void memory_is_used_again(void **state)
{
    struct rig *r = living_rig(PS_ASYNC, 1, 1, 1, 0);
    uint64_t bytes = 0;
    for (uint32_t epoch = 0; epoch < 20; epoch++) {
        for (uint64_t i = 0; i < 13; i++) {
            uint64_t key = (13 * epoch + i) % 40;
            step(r, i, &key, &grads[0], 1);
        }
        next_epoch(r);
        if (epoch == 3)
            bytes = ps_rows_bytes(&r->shard.rows[USERS]);
        assert_true(epoch < 3 || ps_rows_bytes(&r->shard.rows[USERS]) == bytes);
        assert_true(ps_rows_held(&r->shard.rows[USERS]) <= 26 && r->shard.rows[USERS].count <= 26 + 13);
    }
    rig_free(r);
}

/* Within a limit of memory those go that were unused for longest, of these the least seen, of these the lowest id. */
static void the_limit_chooses_in_order(void **state)
{
    struct rig *probe = living_rig(PS_ASYNC, 1, 1, 0, 1);
    uint64_t cost = ps_rows_cost(&probe->shard.rows[USERS]);
    rig_free(probe);
    for (uint32_t mode = PS_ASYNC; mode <= PS_SYNC; mode++) {
        struct rig *r = living_rig(mode, 1, 1, 0, 17 * cost); /* of which 16 stay when one more comes */
        uint64_t p = 0;
        for (uint64_t key = 0; key < 10; key++)
            step(r, p++, &key, &grads[0], 1);
        next_epoch(r);
        p = 0;
        for (uint64_t key = 10; key < 17; key++)
            for (uint64_t times = 0; times < (key == 12 ? 2 : 1); times++)
                step(r, p++, &key, &grads[0], 1);
        step(r, p++, &(uint64_t){4}, &grads[0], 1);
        assert_int_equal(ps_rows_held(&r->shard.rows[USERS]), 17);
        assert_int_equal(r->shard.counters.evicted, 0);
        const uint64_t order[] = {0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11}; /* 4 was used again, and is seen twice then */
        uint64_t gone = 0;
        for (uint64_t key = 20; key < 31; key++) {
            step(r, p++, &key, &grads[0], 1);
            step(r, p++, &key, &grads[0], 1);
            gone = r->shard.counters.evicted;
            assert_true(ps_rows_held(&r->shard.rows[USERS]) * cost <= 17 * cost);
            for (uint64_t i = 0; i < PS_COUNT(order); i++)
                assert_int_equal(row_of(r, order[i]) == NULL, i < gone);
        }
        assert_true(gone >= 10);
        assert_non_null(row_of(r, 12));
        rig_free(r);
    }
}

/* A row that goes at a step's end is still read by who repeats the step. */
static void the_limit_leaves_the_state_before(void **state)
{
    struct rig *r = living_rig(PS_SYNC, 2, 1, 0, 1); /* nothing has room: each goes with the step that made it */
    float value[USER_WIDTH], before[USER_WIDTH];
    uint64_t key = 0;
    while (!r->shard.owns[ps_slot_of(&fixture_table[USERS], USERS, key)])
        key++;
    step(r, 0, &key, grads, 1);
    assert_null(row_of(r, key));
    r->shard.row_memory = 0;
    step(r, 1, &key, grads, 1);
    ps_commit_read(&r->shard, USERS, &key, 1, PS_STATE_NOW, value);
    r->shard.row_memory = 1;
    step(r, 2, NULL, NULL, 0);
    assert_null(row_of(r, key));
    ps_commit_read(&r->shard, USERS, &key, 1, PS_STATE_BEFORE, before);
    assert_memory_equal(before, value, sizeof value);
    expect_initial(r, key, true);
    rig_free(r);
}

/* ---- files that build upon each other ---- */

static void make_cut(struct rig *r, uint64_t cut, uint64_t since, const char *run)
{
    uint64_t limit[LANES];
    struct ps_file_entry file;
    struct ps_folder in;
    struct ps_cost cost;
    struct ps_error err;
    char *folder = ps_format("%s/%d", run, (int)cut);
    assert_int_equal(ps_folder_make(folder, &err), 0);
    assert_int_equal(ps_folder_open(&in, folder, &err), 0);
    assert_true(ps_shard_cut_prepare(&r->shard, cut, false, 0, limit));
    for (uint32_t l = 0; l < LANES; l++)
        limit[l] = r->shard.lane[l].hwm;
    assert_true(ps_shard_cut_at(&r->shard, cut, limit));
    assert_true(ps_shard_cut_reached(&r->shard));
    ps_shard_cut_write(&r->shard, &in, since, 1 << 20);
    assert_int_equal(ps_shard_cut_written(&r->shard, &file, &cost, &err), 0);
    ps_folder_close(&in);
    struct ps_manifest m = {.run = FIXTURE_RUN, .cut = cut, .since = since, .seed = FIXTURE_SEED, .era = 3, .term = 1,
                            .epoch = r->shard.epoch, .mode = r->shard.mode, .slots = PS_SLOTS, .step = r->shard.v, .lanes = LANES,
                            .lane = ps_calloc(LANES, sizeof *m.lane), .tables = FIXTURE_LIVING, .table = r->shard.spec,
                            .optimizer = r->shard.optimizer, .files = 1, .file = &file};
    if (since)
        snprintf(m.parent, sizeof m.parent, "%d", (int)since);
    assert_int_equal(ps_manifest_write(&m, folder, &err), 0);
    free(m.lane);
    free(folder);
}

/* The chain that ends with `cut` is the shard as it stands: loaded, fetched, and by its digest that of a full one of the same state. */
static void expect_chain(struct rig *r, uint64_t cut, const char *run)
{
    struct ps_checkpoint c;
    struct ps_error err;
    uint64_t digest[2];
    float have[USER_WIDTH], want[USER_WIDTH];
    char *folder = ps_format("%s/%d", run, (int)cut), *full = ps_format("%s/%d", run, 100 + (int)cut);
    assert_int_equal(ps_checkpoint_open(&c, folder, &err), 0);
    assert_int_equal(ps_checkpoint_verify(&c, &err), 0);
    for (uint64_t key = 0; key < fixture_table[USERS].rows; key++) {
        ps_checkpoint_fetch(&c, USERS, &key, 1, have);
        ps_commit_read(&r->shard, USERS, &key, 1, PS_STATE_READ, want);
        assert_memory_equal(have, want, sizeof have);
    }
    ps_checkpoint_close(&c);
    struct rig *other = living_rig(r->shard.mode, 1, 2, 1, 0);
    other->shard.loaded = false;
    assert_int_equal(ps_shard_load(&other->shard, 4, 0, folder, NULL, 0, &err), 0);
    for (uint32_t t = 0; t < FIXTURE_LIVING; t++)
        assert_int_equal(ps_rows_held(&other->shard.rows[t]), ps_rows_held(&r->shard.rows[t]));
    rig_free(other);
    uint8_t clock = r->shard.clock;
    make_cut(r, 100 + cut, 0, run);
    assert_int_equal(r->shard.clock, clock + 1);
    r->shard.cut.refused = cut; /* it has not been */
    assert_int_equal(ps_checkpoint_digest(folder, &digest[0], &err), 0);
    assert_int_equal(ps_checkpoint_digest(full, &digest[1], &err), 0);
    assert_true(digest[0] == digest[1]);
    free(folder), free(full);
}

/* Of rows that are admitted, go, and come back between one file and the next, the newest word counts; also where a server has forgotten when it
 * wrote the last one, and writes all. */
static void files_know_who_has_gone(void **state)
{
    for (int forgets = 0; forgets <= 6; forgets++) {
        struct rig *r = living_rig(PS_ASYNC, 1, 2, 1, 0);
        char *run = fixture_folder();
        struct ps_random random = ps_random_stream(7, PS_RANDOM_TEST, 1, 2, (uint64_t)forgets);
        uint64_t evicted = 0, rows = 0;
        for (uint64_t cut = 1; cut <= 7; cut++) {
            for (uint64_t p = 0; p < 24; p++) {
                uint64_t key = ps_random_below(&random, 40);
                step(r, p, &key, grads, 1);
            }
            if (cut % 2) /* in the middle of an epoch, and at its beginning */
                make_cut(r, cut, cut - 1, run);
            next_epoch(r);
            if (cut % 2 == 0)
                make_cut(r, cut, cut - 1, run);
            evicted += r->shard.counters.evicted;
            rows = ps_rows_held(&r->shard.rows[USERS]);
            if (cut == (uint64_t)forgets)
                memset(r->shard.cut_of, 0, sizeof r->shard.cut_of);
            if (cut % 2 == 0)
                expect_chain(r, cut, run);
        }
        assert_true(evicted > 5 && rows > 0);
        rig_free(r);
        assert_int_equal(ps_folder_remove(run, NULL), 0);
        free(run);
    }
}

/* ---- to another server ---- */

/* Takes the next part of what has changed since `since` over into other tables; false at the end. */
static bool take_next(struct rig *from, struct rig *to, struct ps_parts *parts, uint8_t since)
{
    struct ps_buffer scratch = {0};
    struct ps_data data = {.sections = 1};
    struct ps_message message;
    ps_message_init(&message);
    ps_message_add(&message);
    bool more = ps_parts_make(&from->shard, parts, from->shard.owns, since, &scratch, &data.section[0], &message);
    if (more)
        assert_true(ps_parts_take(&to->shard, to->shard.rows, &data, &message, to->shard.owns, &scratch));
    ps_message_fini(&message);
    ps_buffer_fini(&scratch);
    return more;
}

static void take_pass(struct rig *from, struct rig *to, uint8_t since)
{
    struct ps_parts parts = {0};
    while (take_next(from, to, &parts, since))
        ;
}

static void expect_all_same(struct rig *a, struct rig *b)
{
    for (uint32_t t = 0; t < FIXTURE_LIVING; t++)
        assert_int_equal(ps_rows_held(&a->shard.rows[t]), ps_rows_held(&b->shard.rows[t]));
    for (uint64_t key = 0; key < 40; key++) {
        const float *one = sighting_of(a, key), *other = sighting_of(b, key);
        assert_int_equal(row_of(a, key) != NULL, row_of(b, key) != NULL);
        assert_true((!one && !other) || (one && other && one[PS_LIFE_SEEN] == other[PS_LIFE_SEEN]));
        expect_same(a, b, key);
    }
}

/* As a replica's log does it: parts go over between pushes, which both have. Whatever an id is when its part goes, in the end both have the same. There
 * are several parts of sightings, and ids of those that go later are admitted before. */
static void a_copy_may_be_made_between_pushes(void **state)
{
    enum { MANY = 70000, SOME = 500 };
    struct ps_table_spec table[FIXTURE_LIVING];
    uint64_t *key = ps_malloc(MANY * sizeof *key), p = 0;
    float *grad = ps_calloc(MANY, sizeof *grad);
    struct ps_parts parts = {0};
    fixture_living(table, 2, 0);
    table[USERS].rows = table[FIXTURE_TABLES + USERS].rows = MANY;
    struct rig *r = rig_of(PS_ASYNC, 1, &fixture_adagrad, table, 0), *to = rig_of(PS_ASYNC, 1, &fixture_adagrad, table, 0);
    for (uint64_t i = 0; i < MANY; i++)
        key[i] = i;
    step(r, p, key, grad, MANY);
    step(to, p++, NULL, NULL, 0); /* before the log began */
    for (bool more = true; more; p++) {
        more = take_next(r, to, &parts, 0);
        for (uint64_t i = 0; i < SOME; i++)
            key[i] = i * (MANY / SOME) + p % 5;
        step(r, p, key, grad, SOME);
        step(to, p, key, grad, SOME);
    }
    assert_true(p > 4);
    for (uint64_t i = 0; i < MANY; i++) {
        const float *one = sighting_of(r, i), *other = sighting_of(to, i);
        assert_int_equal(row_of(r, i) != NULL, row_of(to, i) != NULL);
        assert_true((!one && !other) || (one && other && one[PS_LIFE_SEEN] == other[PS_LIFE_SEEN]));
    }
    assert_true(ps_rows_held(&r->shard.rows[USERS]) >= 2 * SOME);
    rig_free(r);
    rig_free(to);
    free(key), free(grad);
}

/* The copy of a shard takes in at once what its log says. */
static bool hands_on(void *ctx, struct ps_data *data, struct ps_message *message)
{
    struct rig *copy = ctx;
    struct ps_error err;
    assert_int_equal(ps_backup_take(&copy->shard, data, message, &err), 0);
    ps_message_fini(message);
    return true;
}

/* A row that has gone at a step's end is known to the copy as it was before, too: whoever takes over answers who repeats the step. */
static void a_copy_knows_the_state_before(void **state)
{
    struct rig *r = living_rig(PS_SYNC, 2, 1, 0, 0), *copy = living_rig(PS_SYNC, 2, 1, 0, 0);
    float value[USER_WIDTH], before[USER_WIDTH];
    uint64_t key = 0;
    while (!r->shard.owns[ps_slot_of(&fixture_table[USERS], USERS, key)])
        key++;
    r->map.entry[0].log = 5;
    r->map.entry[0].incarnation = ME;
    copy->shard.incarnation = ME + 1;
    copy->shard.backup = true;
    ps_backup_follow(&copy->shard, &r->map);
    ps_replica_begin(&r->shard, ME + 1, 5, true, hands_on, copy);
    struct ps_data confirmed = {.kind = PS_REPL_ACK, .run = FIXTURE_RUN, .from = ME + 1, .era = 3, .lease = 5};
    for (uint64_t p = 0; p < 3; p++) {
        if (p == 2) {
            ps_commit_read(&r->shard, USERS, &key, 1, PS_STATE_NOW, value);
            r->shard.row_memory = 1;
        }
        for (uint32_t l = 0; l < LANES; l++) {
            struct ps_data data = named(PS_PUSH, l, p);
            struct ps_message message;
            ps_message_init(&message);
            ps_message_add(&message);
            if (p == 2 || l) {
                data.flags = PS_FLAG_EMPTY;
            } else {
                const float grad[USER_WIDTH] = {1, 2, 3, 4, 5};
                data.sections = 1;
                data.section[0] = (struct ps_section){.table = USERS, .rows = 1};
                ps_keys_encode(&key, 1, PS_CODEC_PLAIN, ps_message_add(&message));
                ps_values_encode(grad, USER_WIDTH, PS_CODEC_PLAIN, ps_message_add(&message));
            }
            ps_shard_take(&r->shard, &data, &message);
            confirmed.request = copy->shard.follows.next - 1;
            ps_replica_take(&r->shard, &confirmed, ps_now());
            assert_true(r->answer.kind == PS_ACK && r->answer.position == p);
        }
    }
    assert_null(row_of(r, key));
    assert_null(row_of(copy, key));
    for (int i = 0; i < 2; i++) {
        ps_commit_read(i ? &copy->shard : &r->shard, USERS, &key, 1, PS_STATE_BEFORE, before);
        assert_memory_equal(before, value, sizeof value);
    }
    rig_free(r);
    rig_free(copy);
}

static void passes_tell_who_has_gone(void **state)
{
    struct rig *r = living_rig(PS_ASYNC, 1, 2, 1, 0), *to = living_rig(PS_ASYNC, 1, 2, 1, 0);
    struct ps_random random = ps_random_stream(8, PS_RANDOM_TEST, 1, 2, 3);
    uint8_t since = 0;
    for (int pass = 0; pass < 12; pass++) {
        uint8_t later = ps_shard_stamp(&r->shard);
        take_pass(r, to, since);
        since = later;
        expect_all_same(r, to);
        for (uint64_t p = 0; p < 24; p++) {
            uint64_t key = ps_random_below(&random, 40);
            step(r, p, &key, grads, 1);
        }
        next_epoch(r);
    }
    rig_free(r);
    rig_free(to);
}

static void tables_must_go_together(void **state)
{
    struct ps_table_spec table[FIXTURE_LIVING];
    struct ps_optimizer_spec dense = fixture_adagrad;
    dense.kind = PS_OPT_ADAM_DENSE;
    fixture_living(table, 2, 0);
    assert_true(ps_living_check(table, FIXTURE_LIVING, &fixture_adagrad));
    assert_false(ps_living_check(table, FIXTURE_LIVING, &dense));
    assert_false(ps_living_check(table, FIXTURE_LIVING - 1, &fixture_adagrad));
    table[0].sightings = 2;
    assert_false(ps_living_check(table, FIXTURE_LIVING, &fixture_adagrad));
    table[0].sightings = FIXTURE_TABLES + 1; /* two for one */
    assert_false(ps_living_check(table, FIXTURE_LIVING, &fixture_adagrad));
    fixture_living(table, 2, 0);
    table[FIXTURE_TABLES].width = 3;
    assert_false(ps_living_check(table, FIXTURE_LIVING, &fixture_adagrad));
    fixture_living(table, 2, 0);
    table[FIXTURE_TABLES].counts = PS_TABLE_TENSOR;
    assert_false(ps_living_check(table, FIXTURE_LIVING, &fixture_adagrad));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(others_have_their_own_gradients),   cmocka_unit_test(long_pushes_have_gaps_too),
        cmocka_unit_test(an_id_is_admitted_after_its_sightings), cmocka_unit_test(lanes_count_each),
        cmocka_unit_test(the_state_before_knows_who_had_no_row), cmocka_unit_test(readers_are_told),
        cmocka_unit_test(a_row_goes_and_comes_back_as_new),  cmocka_unit_test(memory_is_used_again),
        cmocka_unit_test(the_limit_chooses_in_order),        cmocka_unit_test(the_limit_leaves_the_state_before),
        cmocka_unit_test(files_know_who_has_gone),           cmocka_unit_test(passes_tell_who_has_gone),
        cmocka_unit_test(a_copy_may_be_made_between_pushes), cmocka_unit_test(a_copy_knows_the_state_before),
        cmocka_unit_test(tables_must_go_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
