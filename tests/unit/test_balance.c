/* Who gets a lane, and whose is taken: shares by measured speed, newcomers, slow workers, and rest on a machine whose speeds vary. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "common/config.h"
#include "common/random.h"
#include "coordinator/internal.h"

enum { LANES = 64, WORKERS = 4, BATCH = 100, LENGTH = 60000 };

static struct ps_config config;
static struct ps_coordinator coordinator, *c = &coordinator;
static struct ps_lane_record lane[LANES];
static struct ps_member member[WORKERS], *pointer[WORKERS];

static void worker(int i, double speed)
{
    member[i] = (struct ps_member){.role = PS_ROLE_WORKER, .alive = true, .welcomed = true, .joined = -1000,
                                   .progress = {.speed = speed, .turns = 1}};
    pointer[i] = &member[i];
    c->members = PS_MAX(c->members, i + 1);
}

static int begin(void **state)
{
    ps_config_init(&config);
    config.train.batch = BATCH;
    memset(lane, 0, sizeof lane);
    coordinator = (struct ps_coordinator){.config = &config, .lane = lane, .lanes = LANES, .member = pointer,
                                          .options = {.epoch_samples = (uint64_t)LANES * LENGTH * BATCH}};
    return 0;
}

/* All free lanes are granted, as ps_lanes_tick does. */
static void grant(void)
{
    ps_balance_measure(c);
    for (uint32_t l = 0; l < LANES; l++)
        if (lane[l].state != PS_LANE_GRANTED) {
            struct ps_member *m = ps_balance_choose(c, &lane[l]);
            assert_non_null(m);
            lane[l].state = PS_LANE_GRANTED;
            lane[l].holder = m;
            lane[l].granted = true;
        }
}

/* One round at a time of the epoch; whether a lane has moved. */
static bool move(double now)
{
    ps_balance_measure(c);
    struct ps_lane_record *taken = ps_balance_take(c, now);
    if (!taken)
        return false;
    taken->state = PS_LANE_FREE;
    grant();
    return true;
}

static int load(int i)
{
    int count = 0;
    for (uint32_t l = 0; l < LANES; l++)
        count += lane[l].holder == &member[i];
    return count;
}

static void shares_follow_the_speed(void **state)
{
    for (int i = 0; i < 4; i++)
        worker(i, 0);
    grant();
    for (int i = 0; i < 4; i++) {
        assert_int_equal(load(i), LANES / 4); /* nobody has measured yet */
        lane[i].state = PS_LANE_FREE;
    }
    begin(state);
    for (int i = 0; i < 4; i++)
        worker(i, i == 3 ? 5000 : 1000);
    grant();
    for (int i = 0; i < 3; i++)
        assert_in_range(load(i), 7, 9);
    assert_in_range(load(3), 39, 41);
}

static void a_newcomer_is_tried_and_gets_its_share(void **state)
{
    worker(0, 1000);
    grant();
    worker(1, 0);
    member[1].joined = 0;
    double now = 0.1;
    for (; now < 1; now += 0.1)
        move(now);
    assert_int_equal(load(1), 2); /* not measured yet */
    member[1].progress.speed = 1000;
    for (; now < 8; now += 0.1)
        move(now);
    assert_in_range(load(1), 29, 32);
}

static void a_slow_worker_gives_lanes_away(void **state)
{
    worker(0, 1000);
    worker(1, 1000);
    grant();
    member[1].progress.speed = 100;
    double now = 0;
    assert_false(move(now)); /* it has to last */
    for (; now < 20; now += 0.1)
        move(now);
    assert_in_range(load(1), 5, 8);
    /* So slow that the others end everything before it ends one lane. */
    member[1].progress.speed = 1;
    for (; now < 60; now += 0.1)
        move(now);
    assert_int_equal(load(1), 0);
    member[1].leaving = true;
    member[0].alive = false;
    lane[0].state = PS_LANE_FREE;
    ps_balance_measure(c);
    assert_null(ps_balance_choose(c, &lane[0]));
}

/* Speeds that vary by a quarter for seconds at a time, as where more workers than cores run: lanes stay where they are, nearly. */
static void lanes_do_not_go_to_and_fro(void **state)
{
    for (int i = 0; i < 4; i++)
        worker(i, 1000);
    grant();
    int moves = 0;
    for (int tick = 0; tick < 6000; tick++) { /* ten minutes */
        if (tick % 7 == 0)
            for (int i = 0; i < 4; i++) {
                double noise = (double)(ps_mix64((uint64_t)(tick * 4 + i)) % 1000) / 1000 - 0.5;
                member[i].progress.speed += 0.25 * (1000 * (1 + noise) - member[i].progress.speed);
            }
        for (uint32_t l = 0; l < LANES; l++)
            lane[l].reached = (uint64_t)tick * 8;
        moves += move(tick * 0.1);
    }
    print_message("# %d lanes moved in ten minutes\n", moves);
    assert_in_range(moves, 0, 60); /* one in ten seconds; without rest and patience there are hundreds */
    for (int i = 0; i < 4; i++)
        assert_in_range(load(i), 12, 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(shares_follow_the_speed, begin),
        cmocka_unit_test_setup(a_newcomer_is_tried_and_gets_its_share, begin),
        cmocka_unit_test_setup(a_slow_worker_gives_lanes_away, begin),
        cmocka_unit_test_setup(lanes_do_not_go_to_and_fro, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
