/* test_snapshot.c - a file holds the rows as they were when the snapshot was taken, whatever is done to them while it is written,
 * with however little memory; and what cannot be written is given up without stopping the changes.
 */
#include "common/random.h"
#include "server/initial.h"
#include "shard_fixture.h"

enum { ROWS = 20000, WIDTH = 6 };

static const struct ps_table_spec spec = {.name = "big",
                                          .kind = PS_TABLE_USER,
                                          .rows = 2 * ROWS,
                                          .width = WIDTH,
                                          .fields = 1,
                                          .field = {{"x", 0, WIDTH, PS_INIT_ZERO, 0}}};
static const struct ps_optimizer_spec sgd = {.kind = PS_OPT_SGD, .lr = 1};

/* The row's value at a time: any function that tells keys and times apart. */
static float value_of(uint64_t key, int time, int j)
{
    return (float)(key + 1) + 0.125f * (float)j + 100000.0f * (float)time;
}

static void set(struct ps_rows *rows, uint64_t key, int time)
{
    uint32_t fresh[1];
    float *row[1];
    ps_rows_change(rows, &key, 1, row, fresh);
    for (int j = 0; j < WIDTH; j++)
        row[0][j] = value_of(key, time, j);
}

static struct ps_snapshot *take(struct ps_rows *rows, const char *folder, uint64_t cut, uint8_t since, uint64_t memory)
{
    struct ps_snapshot_plan plan = {.folder = folder,
                                    .marks = {.run = 1, .cut = cut, .lanes = 1},
                                    .spec = &spec,
                                    .tables = 1,
                                    .optimizer = &sgd,
                                    .rows = rows,
                                    .since = since,
                                    .memory = memory};
    plan.marks.lane = ps_calloc(1, sizeof *plan.marks.lane);
    return ps_snapshot_take(&plan);
}

static void write_manifest(const char *folder, uint64_t cut, struct ps_file_entry *file)
{
    struct ps_manifest_lane place = {0};
    struct ps_error err;
    struct ps_manifest m = {.run = 1,
                            .cut = cut,
                            .lanes = 1,
                            .lane = &place,
                            .tables = 1,
                            .table = (struct ps_table_spec *)(uintptr_t)&spec,
                            .optimizer = sgd,
                            .files = 1,
                            .file = file};
    assert_int_equal(ps_manifest_write(&m, folder, &err), 0);
}

/* The file has `count` rows, the first ROWS keys among them as they were at `time`. */
static void expect_rows(const char *folder, uint32_t count, int time)
{
    struct ps_checkpoint c;
    struct ps_error err;
    uint64_t stored = 0;
    assert_int_equal(ps_checkpoint_open(&c, folder, &err), 0);
    assert_int_equal(ps_checkpoint_verify(&c, &err), 0);
    for (size_t i = 0; i < c.places; i++) {
        struct ps_segment segment;
        assert_int_equal(ps_checkpoint_segment(&c, i, &segment, &err), 0);
        stored += segment.rows;
    }
    assert_int_equal(stored, count);
    for (uint64_t key = 0; key < ROWS; key++) {
        float value[WIDTH];
        ps_checkpoint_fetch(&c, 0, &key, 1, value);
        for (int j = 0; j < WIDTH; j++)
            if (value[j] != value_of(key, time, j))
                fail_msg("row %d: %g instead of %g", (int)key, (double)value[j], (double)value_of(key, time, j));
    }
    ps_checkpoint_close(&c);
}

/* Changes rows, and makes new ones, until the snapshot is ready and `least` changes have been made. */
static void disturb(struct ps_rows *rows, struct ps_snapshot *snapshot, int time, uint64_t least)
{
    uint64_t fresh = ROWS;
    for (uint64_t i = 0; !ps_snapshot_ready(snapshot) || i < least; i++) {
        set(rows, ps_mix64(i) % ROWS, time);
        if (i % 7 == 0 && fresh < 2 * ROWS)
            set(rows, fresh++, time);
    }
}

static void the_moment_is_what_is_written(void **state)
{
    const uint64_t memory[] = {1, 4096, 64 << 20};
    for (size_t m = 0; m < PS_COUNT(memory); m++) {
        char *folder = fixture_folder();
        struct ps_file_entry file;
        struct ps_cost cost;
        struct ps_error err;
        struct ps_rows rows;
        ps_rows_init(&rows, WIDTH);
        for (uint64_t i = 0; i < ROWS; i++)
            set(&rows, i * 7919 % ROWS, 0);
        struct ps_snapshot *snapshot = take(&rows, folder, 1, 0, memory[m]);
        disturb(&rows, snapshot, 1, 50000);
        assert_int_equal(ps_snapshot_end(snapshot, &file, &cost, &err), 0);
        assert_true(cost.copies > 0 && cost.memory < (8 << 20));
        assert_true(m == 2 ? cost.waits == 0 : cost.waits > 0);
        write_manifest(folder, 1, &file);
        expect_rows(folder, ROWS, 0);
        ps_rows_fini(&rows);
        assert_int_equal(ps_folder_remove(folder, NULL), 0);
        free(folder);
    }
}

static void what_cannot_be_written_stops_nobody(void **state)
{
    struct ps_file_entry file;
    struct ps_cost cost;
    struct ps_error err;
    struct ps_rows rows;
    ps_rows_init(&rows, WIDTH);
    for (uint64_t i = 0; i < ROWS; i++)
        set(&rows, i, 0);
    struct ps_snapshot *snapshot = take(&rows, "/proc/penstock-cannot-write-here", 1, 0, 1);
    disturb(&rows, snapshot, 1, 50000);
    assert_int_equal(ps_snapshot_end(snapshot, &file, &cost, &err), -PS_EXIT_STORAGE);
    assert_non_null(strstr(err.text, "/proc/penstock-cannot-write-here"));
    /* one that is not wanted any more leaves nothing behind */
    char *folder = fixture_folder();
    snapshot = take(&rows, folder, 2, 0, 4096);
    for (uint64_t i = 0; i < 100; i++)
        set(&rows, i, 2);
    ps_snapshot_cancel(snapshot);
    assert_null(rows.guard);
    set(&rows, 5, 3);
    char *temporary = ps_format("%s/shard-000.rows.tmp", folder);
    assert_int_not_equal(access(temporary, F_OK), 0);
    /* and the next one is whole */
    for (uint64_t i = 0; i < ROWS; i++)
        set(&rows, i, 4);
    uint32_t count = rows.count;
    snapshot = take(&rows, folder, 3, 0, 4096);
    disturb(&rows, snapshot, 5, 50000);
    assert_int_equal(ps_snapshot_end(snapshot, &file, &cost, &err), 0);
    write_manifest(folder, 3, &file);
    expect_rows(folder, count, 4);
    ps_rows_fini(&rows);
    assert_int_equal(ps_folder_remove(folder, NULL), 0);
    free(folder), free(temporary);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_moment_is_what_is_written),
        cmocka_unit_test(what_cannot_be_written_stops_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
