/* The coordinator's records: complete, numbered, linked so that only one coordinator can decide, three of them kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/file.h"
#include "coordinator/internal.h"

static struct ps_error err;

static struct ps_coordinator *begin(bool takeover)
{
    struct ps_coordinator *c = ps_calloc(1, sizeof *c);
    assert_int_equal(ps_folder_make("state", &err), 0);
    c->options.state = "state";
    c->options.takeover = takeover;
    c->options.servers = 2;
    c->options.workers = 3;
    c->run = c->incarnation = ps_net_incarnation();
    c->term = 1;
    return c;
}

static void end(struct ps_coordinator *c)
{
    for (int i = 0; i < c->members; i++)
        free(c->member[i]);
    free(c->member), free(c->base), free(c);
}

static int setup(void **state)
{
    char *folder = ps_strdup("/tmp/penstock-state-XXXXXX");
    if (getenv("TMPDIR")) {
        free(folder);
        folder = ps_format("%s/state-XXXXXX", getenv("TMPDIR"));
    }
    if (!mkdtemp(folder) || chdir(folder))
        return -1;
    *state = folder;
    return 0;
}

static int teardown(void **state)
{
    struct ps_error ignored;
    if (chdir("/"))
        return -1;
    ps_folder_remove(*state, &ignored);
    free(*state);
    return 0;
}

static void exists(int number, bool expected)
{
    char path[32];
    snprintf(path, sizeof path, "state/%08d", number);
    assert_int_equal(access(path, F_OK) == 0, expected);
}

static void fill(struct ps_coordinator *c)
{
    c->era = 7;
    c->epoch = 4;
    c->stage = PS_STAGE_VALIDATED;
    c->base = ps_strdup("/somewhere/it's/epoch-0003");
    c->training = (struct ps_training){.epoch = 4, .best_epoch = 2, .best = 0.1, .stopped_early = true,
                                       .tally = {.samples = 123456789012345, .seconds = 1.0 / 3, .account = {1, 2, 3, 4, 5, UINT64_MAX}}};
    c->last_value = -0.25;
    c->stale = 2;
    ps_slot_map_init(&c->map, 2);
    c->map.version = 9;
    for (uint32_t s = 0; s < 2; s++) {
        struct ps_member *m = ps_calloc(1, sizeof *m);
        *m = (struct ps_member){.incarnation = 100 + s, .role = PS_ROLE_SERVER, .shard = s, .pid = 11 + s, .host = "node", .alive = true};
        PS_GROW(c->member, c->member_capacity, c->members + 1);
        c->member[c->members++] = m;
        c->map.entry[s].incarnation = m->incarnation;
        snprintf(c->map.entry[s].endpoint, sizeof c->map.entry[s].endpoint, "tcp://node:%u", 7000 + s);
    }
}

static void test_takeover_knows_everything(void **state)
{
    struct ps_coordinator *a = begin(false), *b = begin(true);
    assert_int_equal(ps_state_open(a, &err), 0);
    assert_int_equal(a->term, 1);
    fill(a);
    assert_int_equal(ps_state_write(a, &err), 0);
    b->options.servers = b->options.workers = 1;
    assert_int_equal(ps_state_open(b, &err), 0);
    assert_int_equal(b->run, a->run);
    assert_int_equal(b->term, 2);
    assert_int_equal(b->era, 7);
    assert_int_equal(b->epoch, 4);
    assert_int_equal(b->stage, PS_STAGE_VALIDATED);
    assert_string_equal(b->base, a->base);
    assert_memory_equal(&b->training, &a->training, sizeof a->training);
    assert_true(b->last_value == -0.25 && b->stale == 2);
    assert_int_equal(b->options.servers, 2);
    assert_int_equal(b->options.workers, 3);
    assert_int_equal(b->map.version, 9);
    assert_int_equal(b->map.shards, 2);
    assert_memory_equal(b->map.shard_of, a->map.shard_of, sizeof a->map.shard_of);
    assert_int_equal(b->members, 2);
    assert_int_equal(b->member[1]->incarnation, 101);
    assert_int_equal(b->member[1]->shard, 1);
    assert_string_equal(b->member[1]->endpoint, "tcp://node:7001");
    assert_string_equal(b->map.entry[1].endpoint, "tcp://node:7001");
    assert_true(b->member[1]->awaited && b->member[1]->alive);
    end(a), end(b);
}

static void test_new_start_forgets(void **state)
{
    struct ps_coordinator *a = begin(false), *b = begin(false);
    assert_int_equal(ps_state_open(a, &err), 0);
    fill(a);
    assert_int_equal(ps_state_write(a, &err), 0);
    assert_int_equal(ps_state_open(b, &err), 0);
    assert_int_equal(b->run, a->run);
    assert_int_equal(b->term, 2);
    assert_int_equal(b->era, 7); /* the next one is higher than any that a server may hold */
    assert_int_equal(b->stage, PS_STAGE_BETWEEN);
    assert_int_equal(b->epoch, 0);
    assert_int_equal(b->training.tally.samples, 0);
    assert_int_equal(b->members, 0);
    assert_int_equal(b->map.shards, 0);
    assert_null(b->base);
    end(a), end(b);
}

static void test_only_one_decides(void **state)
{
    struct ps_coordinator *old = begin(false), *new = begin(true);
    assert_int_equal(ps_state_open(old, &err), 0);
    assert_int_equal(ps_state_check(old, &err), 0);
    assert_int_equal(ps_state_open(new, &err), 0);
    assert_int_equal(ps_state_check(old, &err), -PS_EXIT_SUPERSEDED);
    old->epoch = 99;
    assert_int_equal(ps_state_write(old, &err), -PS_EXIT_SUPERSEDED);
    assert_non_null(strstr(err.text, "taken this run over"));
    /* ... however far the new one has come */
    for (int i = 0; i < 6; i++)
        assert_int_equal(ps_state_write(new, &err), 0);
    assert_int_equal(ps_state_check(old, &err), -PS_EXIT_SUPERSEDED);
    assert_int_equal(ps_state_write(old, &err), -PS_EXIT_SUPERSEDED);
    struct ps_coordinator *next = begin(true);
    assert_int_equal(ps_state_open(next, &err), 0);
    assert_int_equal(next->epoch, 0); /* nothing of what the old one wrote */
    assert_int_equal(next->term, 3);
    end(old), end(new), end(next);
}

static void test_three_are_kept(void **state)
{
    struct ps_coordinator *c = begin(false);
    assert_int_equal(ps_state_open(c, &err), 0);
    for (int i = 2; i <= 12; i++) {
        assert_int_equal(ps_state_write(c, &err), 0);
        exists(i, true);
        exists(i - 2, i > 2);
        exists(i - 3, false);
    }
    end(c);
}

/* A record whose text was damaged is passed over; its number stays taken. */
static void test_damage(void **state)
{
    struct ps_coordinator *a = begin(false), *b = begin(true);
    assert_int_equal(ps_state_open(a, &err), 0);
    a->epoch = 5;
    assert_int_equal(ps_state_write(a, &err), 0);
    a->epoch = 6;
    assert_int_equal(ps_state_write(a, &err), 0);
    char *text;
    size_t size;
    assert_int_equal(ps_file_read("state/00000003", 1 << 20, &text, &size, &err), 0);
    text[size / 2] ^= 1;
    assert_int_equal(ps_file_write("state/00000003", text, size, &err), 0);
    free(text);
    assert_int_equal(ps_state_open(b, &err), 0);
    assert_int_equal(b->epoch, 5);
    assert_int_equal(b->term, 2);
    exists(4, true);
    end(a), end(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_takeover_knows_everything, setup, teardown),
        cmocka_unit_test_setup_teardown(test_new_start_forgets, setup, teardown),
        cmocka_unit_test_setup_teardown(test_only_one_decides, setup, teardown),
        cmocka_unit_test_setup_teardown(test_three_are_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damage, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
