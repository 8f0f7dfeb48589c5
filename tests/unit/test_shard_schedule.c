/* test_shard_schedule.c - random schedules of lanes, crashes, zombies, lost and doubled messages, cuts and reloads over
 * one to four shards in memory: the model of the protocol (sync.pml), played with the real shards.
 *
 * A lane's gradient depends on the values that it pulled, so a pull answered from a wrong state changes the result.
 * Checked, also for lane state, whose values in every mode are those of the sequential program: I1 to I5, I7 and I11 of docs/protocol.md, every value pulled against the same step of a plain sequential
 * program, and the final rows bit for bit; I6 and I8 with replicas. Controls: without the retained set, without fences, and
 * without any one rule of replication, this must fail.
 * time limit: 300 (thousands of schedules, under a sanitizer too)
 */
#include "schedule_replicas.h"

static void lose_lane(struct sim *m, uint32_t lane)
{
    struct proc *p = &m->proc[m->holder[lane]];
    if (chance(m) < 0.5)
        p->live = false; /* crashed */
    p->zombie = true;    /* or suspected: it goes on until it is fenced */
    m->holder[lane] = -1;
    m->lease[lane] = ++m->counter;
    m->fenced[lane] = 0;
}

static void fence_one(struct sim *m, uint32_t lane)
{
    uint32_t s = m->fenced[lane];
    uint64_t hwm;
    uint64_t lease = m->plan->no_fence ? m->shard[s].lane[lane].lease : m->lease[lane];
    assert_int_equal(ps_shard_fence(&m->shard[s], lane, lease, &hwm), 0);
    if (!ps_shard_fence_holds(&m->shard[s], lane))
        return; /* the backup has not confirmed it */
    m->known_lease[s][lane] = lease;
    m->start[lane] = s ? PS_MIN(m->start[lane], hwm) : hwm;
    if (++m->fenced[lane] < m->shards)
        return;
    if (m->plan->no_fence)
        m->lease[lane] = m->shard[0].lane[lane].lease;
    start_lane(m, lane);
}

static void check_marks(struct sim *m)
{
    for (uint32_t lane = 0; lane < LANES; lane++)
        for (uint32_t s = 1; s < m->shards; s++) {
            uint64_t a = m->shard[0].lane[lane].hwm, b = m->shard[s].lane[lane].hwm;
            if (a > b + 1 || b > a + 1)
                violate(m, "I2: marks differ by more than one");
        }
}

/* Whether the ids that have a row, and what is known of each, are those of the reference. */
static bool same_lives(struct sim *m)
{
    for (uint32_t t = 0; t < FIXTURE_TABLES; t++)
        for (uint64_t k = 0; comes_and_goes(m, t) && k < fixture_table[t].rows; k++) {
            struct ps_shard *s = &m->shard[m->map.shard_of[ps_slot_of(&fixture_table[t], t, k)]];
            const struct life *want = &m->life[t][k];
            float *row, *sighting;
            ps_rows_find(&s->rows[t], &k, 1, 0, &row);
            ps_rows_find(&s->rows[m->table[t].sightings], &k, 1, 0, &sighting);
            const float *have = row ? row + s->rows[t].width - PS_LIFE : sighting;
            bool seen = want->row || want->seen || want->used;
            if ((row != NULL) != want->row || (sighting != NULL) != (seen && !want->row) ||
                (have && (have[PS_LIFE_SEEN] != (float)want->seen || have[PS_LIFE_USED] != (float)want->used)))
                return false;
        }
    return true;
}

/* All rows of all shards against the reference. */
static bool same_rows(struct sim *m, values want)
{
    for (uint32_t t = 0; t < FIXTURE_TABLES; t++)
        for (uint64_t k = 0; k < fixture_table[t].rows; k++) {
            float have[WIDTH_MAX];
            uint32_t s = m->map.shard_of[ps_slot_of(&fixture_table[t], t, k)], width = fixture_table[t].width;
            ps_commit_read(&m->shard[s], t, &k, 1, PS_STATE_NOW, have);
            if (memcmp(have, want[t][k], width * sizeof *have))
                return false;
        }
    return true;
}

/* Adds all that the shards have to m->hash: values, states, sightings. */
static void hash_rows(struct sim *m)
{
    for (uint32_t t = 0; t < plan_tables(m); t++)
        for (uint64_t k = 0; k < m->table[t].rows; k++) {
            struct ps_shard *s = &m->shard[m->map.shard_of[ps_slot_of(&m->table[t], t, k)]];
            float *row;
            ps_rows_find(&s->rows[t], &k, 1, 0, &row);
            const uint64_t name[] = {t, k, row != NULL};
            m->hash = ps_hash64(name, sizeof name, m->hash);
            if (row)
                m->hash = ps_hash64(row, s->rows[t].width * sizeof *row, m->hash);
        }
}

static bool same_account(const struct sim *m, const struct ps_shard *shard)
{
    struct ps_lane_entry have[LANES];
    bool same = ps_shard_account(shard, m->epoch, have);
    for (uint32_t l = 0; same && l < LANES; l++) {
        struct ps_account want = ps_account_of(m->plan->length[l]);
        same = have[l].position == want.applied && have[l].lease == want.trail;
    }
    return same;
}

static void open_shards(struct sim *m, uint32_t shards, const char *folder)
{
    struct ps_optimizer_spec optimizer = fixture_adagrad;
    struct ps_control welcome;
    struct ps_error err;
    struct ps_lane_entry lane[LANES];
    optimizer.kind = m->plan->optimizer;
    m->shards = shards;
    m->era++;
    for (uint32_t l = 0; l < LANES; l++)
        lane[l] = (struct ps_lane_entry){.lane = l, .lease = m->lease[l] = ++m->counter};
    for (uint32_t s = 0; s < shards; s++) {
        fixture_welcome(&welcome, &m->map, shards, s, m->plan->mode, LANES, &optimizer);
        welcome.table = m->table;
        welcome.table_count = plan_tables(m);
        welcome.memory = m->plan->memory;
        assert_int_equal(ps_shard_init(&m->shard[s], &welcome, s + 1000, shard_sends, m, &err), 0);
        assert_int_equal(ps_shard_load(&m->shard[s], m->era, m->epoch, folder, lane, LANES, &err), 0);
    }
    for (uint32_t s = 0; m->plan->replicas && s < shards; s++)
        begin_copy(m, s, true);
    for (uint32_t l = 0; l < LANES; l++) {
        m->holder[l] = -1;
        m->fenced[l] = 0;
        m->lease[l] = ++m->counter;
    }
}

static void drop_all(struct sim *m)
{
    for (uint32_t s = 0; s < m->shards; s++) {
        ps_shard_fini(&m->shard[s]);
        drop_copies(m, s);
    }
    for (int i = 0; i < m->flights; i++)
        ps_message_fini(&m->flight[i].message);
    m->flights = 0;
    for (int i = 0; i < m->procs; i++)
        m->proc[i].live = false;
}

/* One move of a cut: prepare all, agree with one after the other, write what has arrived. When it is whole, everything
 * is lost but the files, and another number of shards goes on from them. */
static void cut_moves(struct sim *m)
{
    uint64_t limit[LANES], position[LANES] = {0};
    if (m->cut_stage == 0) {
        m->cut_id++;
        for (uint32_t s = 0; s < m->shards; s++) {
            assert_true(ps_shard_cut_prepare(&m->shard[s], m->cut_id, true, 0, limit));
            for (uint32_t l = 0; l < LANES; l++)
                m->cut_step = PS_MAX(m->cut_step, limit[l]);
        }
        m->cut_stage = 1;
        return;
    }
    for (uint32_t l = 0; l < LANES; l++)
        position[l] = m->cut_step;
    uint32_t s = (uint32_t)ps_random_below(&m->random, m->shards);
    if (!m->cut_told[s])
        assert_true(ps_shard_cut_at(&m->shard[s], m->cut_id, position));
    m->cut_told[s] = true;
    m->cut_taken[s] = ps_shard_cut_reached(&m->shard[s]);
    if (!all(m, m->cut_taken))
        return;
    if (!same_rows(m, m->state[PS_MIN(m->cut_step, (uint64_t)STEPS_MAX)]))
        violate(m, "I7: a cut that is not the state it should be");
    m->folder = fixture_folder();
    fixture_checkpoint(m->shard, m->shards, m->cut_id, m->folder);
    drop_all(m);
    open_shards(m, 1 + (uint32_t)ps_random_below(&m->random, SHARDS_MAX), m->folder);
    m->cut_stage = 3;
}

static bool epoch_over(const struct sim *m)
{
    for (uint32_t l = 0; l < LANES; l++)
        if (m->holder[l] < 0 || !m->proc[m->holder[l]].done)
            return false;
    return true;
}

static void one_event(struct sim *m)
{
    double x = chance(m);
    uint32_t lane = (uint32_t)ps_random_below(&m->random, LANES);
    if (m->plan->replicas && chance(m) < 0.1)
        replicas_move(m);
    else if (m->plan->replicas && m->flights && chance(m) < 0.6)
        deliver(m);
    else if (m->holder[lane] < 0)
        fence_one(m, lane);
    else if (m->faults && x < 0.02 && !m->proc[m->holder[lane]].done)
        m->faults--, lose_lane(m, lane);
    else if (m->plan->cut && m->cut_stage < 3 && x < 0.1 && m->shard[0].v >= 1)
        cut_moves(m);
    else if (x < 0.3)
        retry(m, m->holder[lane]);
    else if (x < 0.35) /* zombies talk on */
        retry(m, (int)ps_random_below(&m->random, (uint64_t)m->procs));
    else if (m->flights)
        deliver(m);
}

/* Plays the plan; NULL, or what was violated. *hash: of what it came to, or NULL. */
static const char *play_to(const struct plan *plan, uint64_t *hash)
{
    struct sim *m = ps_calloc(1, sizeof *m);
    m->plan = plan;
    m->random = ps_random_stream(plan->seed, PS_RANDOM_TEST, 1, 2, 3 + plan->schedule);
    m->faults = plan->faults;
    m->losses = plan->losses;
    memcpy(m->table, fixture_table, sizeof fixture_table);
    if (plan->admit_after)
        fixture_living(m->table, plan->admit_after, plan->evict_after);
    m->table[0].update = plan->carries ? PS_UPDATE_ASSIGN : PS_UPDATE_OPTIMIZER;
    for (uint32_t t = 0; t < FIXTURE_TABLES; t++)
        for (uint64_t k = 0; k < fixture_table[t].rows; k++) {
            ps_row_initial(&fixture_table[t], t, FIXTURE_SEED, k, m->state[STEPS_MAX][t][k]);
            for (uint32_t j = 0; j < fixture_table[t].width; j++)
                m->accumulator[t][k][j] = fixture_adagrad.initial_accumulator;
        }
    open_shards(m, plan->shards, "");
    uint32_t epochs = plan->admit_after ? EPOCHS_LIVING : EPOCHS;
    for (m->epoch = 1; m->epoch <= epochs && !m->violation; m->epoch++) {
        memcpy(m->state[0], m->state[STEPS_MAX], sizeof(values));
        reference_epoch(m);
        for (uint32_t s = 0; s < m->shards; s++)
            if (!ps_shard_epoch(&m->shard[s], m->epoch))
                violate(m, "a shard is not ready for the next epoch");
        memset(m->known, 0, sizeof m->known);
        for (uint32_t l = 0; l < LANES; l++) {
            m->holder[l] = -1;
            m->lease[l] = ++m->counter;
            m->fenced[l] = 0;
        }
        for (long events = 0; !m->violation && !epoch_over(m); events++) {
            if (events > 200000)
                violate(m, "I10: no progress");
            else
                one_event(m);
            check_marks(m);
            for (uint32_t s = 0; plan->no_retained && s < m->shards; s++)
                for (uint32_t t = 0; t < FIXTURE_TABLES; t++)
                    ps_rows_clear(&m->shard[s].kept[t]);
            for (uint32_t s = 0; plan->no_before && s < m->shards; s++)
                for (uint32_t i = 0; i < m->shard[s].rows[0].count; i++) {
                    float *row = ps_rows_at(&m->shard[s].rows[0], i);
                    memcpy(row + m->table[0].width, row, m->table[0].width * sizeof *row);
                }
        }
        for (uint32_t s = 0; s < m->shards && !m->violation; s++)
            if (!ps_shard_closed(&m->shard[s]))
                violate(m, "I1: a lane's END is missing on a shard");
            else if (!same_account(m, &m->shard[s]))
                violate(m, "I1: the account of what has landed is wrong");
        if (!m->violation && plan->mode == PS_SYNC && !plan->memory && !same_rows(m, m->state[STEPS_MAX]))
            violate(m, "I1: final rows differ from the sequential run");
        hash_rows(m);
        if (!m->violation && !plan->memory && !same_lives(m))
            violate(m, "an id has a row that it should not have, or has none, or its count is wrong");
        if (!m->violation && plan->mode != PS_SYNC)
            for (uint32_t t = 0; t < FIXTURE_TABLES; t++) /* sums of ones: exact up to rounding of the order */
                for (uint64_t k = 0; k < fixture_table[t].rows; k++) {
                    float have[WIDTH_MAX];
                    uint32_t s = m->map.shard_of[ps_slot_of(&fixture_table[t], t, k)];
                    ps_commit_read(&m->shard[s], t, &k, 1, PS_STATE_NOW, have);
                    float tolerance = assigned(m, t) ? 0 : 1e-4f;
                    if (!(fabsf(have[0] - m->state[STEPS_MAX][t][k][0]) <= tolerance))
                        violate(m, "I1: a push was lost or applied twice");
                }
    }
    const char *violation = m->violation;
    if (hash)
        *hash = m->hash;
    drop_all(m);
    if (m->folder) {
        assert_int_equal(ps_folder_remove(m->folder, NULL), 0);
        free(m->folder);
    }
    free(m);
    return violation;
}

static const char *play(const struct plan *plan)
{
    return play_to(plan, NULL);
}

static void expect_sound(struct plan plan, int seeds)
{
    for (int i = 0; i < seeds; i++) {
        plan.seed = 1000 + (uint64_t)i;
        const char *violation = play(&plan);
        if (violation)
            fail_msg("seed %d, mode %u, %u shards: %s", 1000 + i, plan.mode, plan.shards, violation);
    }
}

static void sync_equals_the_sequential_run(void **state)
{
    for (uint32_t shards = 1; shards <= 3; shards++)
        expect_sound((struct plan){.shards = shards,
                                   .mode = PS_SYNC,
                                   .length = {4, 6, 3},
                                   .faults = 4,
                                   .loss = 0.05,
                                   .duplicates = 0.1,
                                   .optimizer = PS_OPT_ADAGRAD},
                     40);
}

static void lanes_may_have_any_length(void **state)
{
    expect_sound(
        (struct plan){
            .shards = 2, .mode = PS_SYNC, .length = {0, 5, 1}, .faults = 3, .loss = 0.1, .optimizer = PS_OPT_ADAGRAD},
        40);
    expect_sound((struct plan){.shards = 2, .mode = PS_SYNC, .length = {0, 0, 0}, .optimizer = PS_OPT_ADAGRAD}, 3);
}

static void a_cut_can_be_gone_on_from(void **state)
{
    expect_sound((struct plan){.shards = 3,
                               .mode = PS_SYNC,
                               .length = {6, 6, 4},
                               .faults = 2,
                               .loss = 0.03,
                               .cut = true,
                               .optimizer = PS_OPT_ADAGRAD},
                 40);
}

static void async_applies_each_push_once(void **state)
{
    for (uint32_t mode = 0; mode <= 4; mode += 2) /* async, bounded 0 and 2 */
        expect_sound((struct plan){.shards = 3,
                                   .mode = mode,
                                   .length = {5, 3, 6},
                                   .faults = 4,
                                   .loss = 0.05,
                                   .duplicates = 0.1,
                                   .optimizer = PS_OPT_SGD},
                     20);
}

/* Lane state: whatever is lost and comes again, a lane reads what its last micro-batch has left, in every mode. */
static struct plan with_lane_state(uint32_t shards, uint32_t mode)
{
    return (struct plan){.shards = shards,
                         .mode = mode,
                         .length = {5, 3, 6},
                         .faults = 4,
                         .loss = 0.05,
                         .duplicates = 0.1,
                         .carries = true,
                         .optimizer = mode == PS_SYNC ? PS_OPT_ADAGRAD : PS_OPT_SGD};
}

static void lane_state_goes_from_step_to_step(void **state)
{
    for (uint32_t shards = 1; shards <= 3; shards++)
        for (uint32_t mode = 0; mode <= 4; mode++) /* async, sync, bounded 0 to 2 */
            if (mode != 3) {
                struct plan plan = with_lane_state(shards, mode);
                expect_sound(plan, 30);
                plan.replicas = true;
                plan.losses = 4;
                expect_sound(plan, 20);
            }
    struct plan plan = with_lane_state(3, PS_SYNC);
    plan.cut = true;
    expect_sound(plan, 30);
}

/* Two primaries lost, the copy of the second made while lanes work; workers that crash, zombies of both kinds. */
static struct plan with_replicas(uint32_t shards, uint32_t mode)
{
    return (struct plan){.shards = shards,
                         .mode = mode,
                         .length = {4, 6, 3},
                         .faults = 2,
                         .loss = 0.05,
                         .duplicates = 0.1,
                         .replicas = true,
                         .losses = 4,
                         .optimizer = mode == PS_SYNC ? PS_OPT_ADAGRAD : PS_OPT_SGD};
}

static void a_lost_primary_loses_nothing(void **state)
{
    for (uint32_t shards = 1; shards <= 3; shards++)
        for (uint32_t mode = 0; mode <= 4; mode++) /* async, sync, bounded 0 to 2 */
            if (mode != 3)
                expect_sound(with_replicas(shards, mode), mode == PS_SYNC ? 60 : 20);
}

/* Ids that are admitted after some sightings, and evicted: whatever is lost and comes again, what becomes of each is as in the sequential
 * program, on any number of shards. */
static void ids_come_and_go(void **state)
{
    for (uint32_t shards = 1; shards <= 3; shards++)
        for (uint32_t mode = 0; mode <= 2; mode++) /* async, sync, bounded 0 */
            for (uint32_t admit_after = 1; admit_after <= 3; admit_after++) {
                struct plan plan = {.shards = shards, .mode = mode, .length = {4, 6, 3}, .faults = 4, .loss = 0.05, .duplicates = 0.1,
                                    .admit_after = admit_after, .evict_after = 1,
                                    .optimizer = mode == PS_SYNC ? PS_OPT_ADAGRAD : PS_OPT_SGD};
                expect_sound(plan, 15);
                plan.faults = 2;
                plan.replicas = true;
                plan.losses = 6;
                expect_sound(plan, 25);
            }
    struct plan plan = {.shards = 3, .mode = PS_SYNC, .length = {6, 6, 4}, .faults = 2, .loss = 0.03, .cut = true, .admit_after = 2,
                        .evict_after = 1, .optimizer = PS_OPT_ADAGRAD};
    expect_sound(plan, 40);
}

/* With a limit of memory too, whatever is lost and comes again: for one number of shards the same rows have gone, and the others are the same. */
static void a_limit_is_the_same_for_all_schedules(void **state)
{
    for (uint32_t shards = 1; shards <= 3; shards++)
        for (uint32_t admit_after = 1; admit_after <= 2; admit_after++) {
            struct plan plan = {.shards = shards, .mode = PS_SYNC, .length = {4, 6, 3}, .admit_after = admit_after, .evict_after = 2,
                                .memory = 1200 / shards, .seed = 1, .optimizer = PS_OPT_ADAGRAD};
            uint64_t calm, without, have;
            struct plan unlimited = plan;
            unlimited.memory = 1 << 20;
            assert_null(play_to(&plan, &calm));
            assert_null(play_to(&unlimited, &without));
            assert_true(calm != without);
            for (plan.replicas = false; ; plan.replicas = true) {
                plan.faults = 4, plan.loss = 0.05, plan.duplicates = 0.1, plan.losses = 6;
                for (int schedule = 0; schedule < 40; schedule++) {
                    plan.schedule = (uint64_t)schedule + 1;
                    assert_null(play_to(&plan, &have));
                    if (have != calm)
                        fail_msg("schedule %d, %u shards, replicas %d: other rows", schedule, shards, plan.replicas);
                }
                if (plan.replicas)
                    break;
            }
        }
}

/* Controls: the same schedules with one rule left out must be caught. */
static int caught(struct plan plan)
{
    int count = 0;
    for (int i = 0; i < 60; i++) {
        plan.seed = 1000 + (uint64_t)i;
        count += play(&plan) != NULL;
    }
    return count;
}

static void without_the_retained_set_it_fails(void **state)
{
    assert_true(caught((struct plan){.shards = 2,
                                     .mode = PS_SYNC,
                                     .length = {4, 6, 3},
                                     .faults = 4,
                                     .loss = 0.05,
                                     .no_retained = true,
                                     .optimizer = PS_OPT_ADAGRAD}) > 5);
}

static void without_a_rule_of_lane_state_it_fails(void **state)
{
    struct plan plan = with_lane_state(2, PS_ASYNC);
    plan.no_before = true;
    assert_true(caught(plan) > 5);
    plan.no_before = false, plan.no_order = true;
    assert_true(caught(plan) > 5);
}

static void without_fences_it_fails(void **state)
{
    assert_true(caught((struct plan){.shards = 2,
                                     .mode = PS_SYNC,
                                     .length = {6, 6, 6},
                                     .faults = 4,
                                     .loss = 0.05,
                                     .no_fence = true,
                                     .optimizer = PS_OPT_ADAGRAD}) > 0);
}

static void without_a_rule_of_replication_it_fails(void **state)
{
    for (enum rule rule = RULE_ORDER; rule <= RULE_MAP; rule++) {
        struct plan plan = with_replicas(2, PS_ASYNC);
        plan.without = rule;
        if (!caught(plan))
            fail_msg("rule %d can be left out", rule);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sync_equals_the_sequential_run),    cmocka_unit_test(lanes_may_have_any_length),
        cmocka_unit_test(a_cut_can_be_gone_on_from),         cmocka_unit_test(async_applies_each_push_once),
        cmocka_unit_test(without_the_retained_set_it_fails), cmocka_unit_test(without_fences_it_fails),
        cmocka_unit_test(a_lost_primary_loses_nothing),      cmocka_unit_test(without_a_rule_of_replication_it_fails),
        cmocka_unit_test(lane_state_goes_from_step_to_step), cmocka_unit_test(without_a_rule_of_lane_state_it_fails),
        cmocka_unit_test(ids_come_and_go), cmocka_unit_test(a_limit_is_the_same_for_all_schedules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
