/* test_snapshot.c - a file holds the rows as they were when the snapshot was taken, whatever is done to them while it is written,
 * with however little memory; and what cannot be written is given up without stopping the changes.
 * time limit: 300 (every byte of a chain, under a sanitizer too)
 */
#include <sys/stat.h>

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

/* Rows 0 to count - 1 as they are at time 0, made in no order. */
static void fill(struct ps_rows *rows, uint64_t count)
{
    ps_rows_init(rows, WIDTH);
    for (uint64_t i = 0; i < count; i++)
        set(rows, i * 7919 % count, 0);
}

static struct ps_folder opened(const char *path)
{
    struct ps_folder folder;
    struct ps_error err;
    assert_int_equal(ps_folder_open(&folder, path, &err), 0);
    return folder;
}

static struct ps_snapshot *take(struct ps_rows *rows, const struct ps_folder *folder, uint64_t cut, uint8_t since, uint64_t memory)
{
    struct ps_snapshot_plan plan = {.folder = folder,
                                    .marks = {.run = 1, .cut = cut, .lanes = 1, .since = since ? cut - 1 : 0},
                                    .spec = &spec,
                                    .tables = 1,
                                    .optimizer = &sgd,
                                    .rows = rows,
                                    .since = since,
                                    .memory = memory};
    plan.marks.lane = ps_calloc(1, sizeof *plan.marks.lane);
    return ps_snapshot_take(&plan);
}

static void write_chained(const char *folder, uint64_t cut, uint64_t parent, struct ps_file_entry *file)
{
    struct ps_manifest_lane place = {0};
    struct ps_error err;
    struct ps_manifest m = {.run = 1,
                            .cut = cut,
                            .since = parent,
                            .lanes = 1,
                            .lane = &place,
                            .tables = 1,
                            .table = (struct ps_table_spec *)(uintptr_t)&spec,
                            .optimizer = sgd,
                            .files = 1,
                            .file = file};
    if (parent)
        snprintf(m.parent, sizeof m.parent, "%d", (int)parent);
    assert_int_equal(ps_manifest_write(&m, folder, &err), 0);
}

static void write_manifest(const char *folder, uint64_t cut, struct ps_file_entry *file)
{
    write_chained(folder, cut, 0, file);
}

/* The file has `count` rows, the first ROWS keys among them as they were at `time`. */
static void expect_rows(const char *folder, uint32_t count, int time)
{
    struct ps_checkpoint c;
    struct ps_error err;
    uint64_t stored = 0;
    assert_int_equal(ps_checkpoint_open(&c, folder, &err), 0);
    assert_int_equal(ps_checkpoint_verify(&c, &err), 0);
    for (uint32_t i = 0; i < PS_SLOTS * c.manifest.tables; i++) {
        struct ps_segment segment;
        assert_int_equal(ps_checkpoint_segment(&c, i / c.manifest.tables, i % c.manifest.tables, &segment, &err), 0);
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

/* Changes rows, drops some, and makes new ones, until the snapshot is ready and `least` changes have been made. */
static void disturb(struct ps_rows *rows, struct ps_snapshot *snapshot, int time, uint64_t least)
{
    uint64_t fresh = ROWS;
    for (uint64_t i = 0; !ps_snapshot_ready(snapshot) || i < least; i++) {
        set(rows, ps_mix64(i) % ROWS, time);
        uint64_t gone = ps_mix64(i + 1) % ROWS;
        if (i % 5 == 0)
            ps_rows_drop(rows, &gone, 1);
        if (i % 7 == 0 && fresh < 2 * ROWS)
            set(rows, fresh++, time);
    }
}

static struct ps_cost write_disturbed(uint64_t memory)
{
    char *folder = fixture_folder();
    struct ps_file_entry file;
    struct ps_cost cost;
    struct ps_error err;
    struct ps_rows rows;
    struct ps_folder in = opened(folder);
    fill(&rows, ROWS);
    struct ps_snapshot *snapshot = take(&rows, &in, 1, 0, memory);
    disturb(&rows, snapshot, 1, 50000);
    assert_int_equal(ps_snapshot_end(snapshot, &file, &cost, &err), 0);
    ps_folder_close(&in);
    assert_true(cost.memory < (8 << 20));
    write_manifest(folder, 1, &file);
    expect_rows(folder, ROWS, 0);
    ps_rows_fini(&rows);
    assert_int_equal(ps_folder_remove(folder, NULL), 0);
    free(folder);
    return cost;
}

/* How much is changed before it is written is up to the scheduler: again until some of it was, and had to wait where it should. */
static void the_moment_is_what_is_written(void **state)
{
    const uint64_t memory[] = {1, 4096, 64 << 20};
    for (size_t m = 0; m < PS_COUNT(memory); m++)
        for (int attempt = 0;; attempt++) {
            struct ps_cost cost = write_disturbed(memory[m]);
            assert_true(m < 2 || !cost.waits);
            if (cost.copies && (m == 2 || cost.waits))
                break;
            assert_true(attempt < 50);
        }
}

static void what_cannot_be_written_stops_nobody(void **state)
{
    struct ps_file_entry file;
    struct ps_cost cost;
    struct ps_error err;
    struct ps_rows rows;
    fill(&rows, ROWS);
    /* the folder has been removed since, and made anew for another server's file of the same name */
    char *folder = fixture_folder(), *temporary = ps_format("%s/shard-000.rows.tmp", folder), *written = ps_format("%s/shard-000.rows", folder);
    struct ps_folder in = opened(folder);
    assert_int_equal(ps_folder_remove(folder, &err), 0);
    assert_int_equal(mkdir(folder, 0777), 0);
    assert_int_equal(ps_file_write(temporary, "theirs", 6, &err), 0);
    struct ps_snapshot *snapshot = take(&rows, &in, 1, 0, 1);
    disturb(&rows, snapshot, 1, 50000);
    assert_int_equal(ps_snapshot_end(snapshot, &file, &cost, &err), -PS_EXIT_STORAGE);
    assert_non_null(strstr(err.text, temporary));
    assert_int_equal(access(written, F_OK), -1);
    assert_int_equal(unlink(temporary), 0);
    ps_folder_close(&in);
    /* one that is not wanted any more leaves nothing behind */
    in = opened(folder);
    snapshot = take(&rows, &in, 2, 0, 4096);
    for (uint64_t i = 0; i < 100; i++)
        set(&rows, i, 2);
    ps_snapshot_cancel(snapshot);
    assert_null(rows.guard);
    set(&rows, 5, 3);
    assert_int_not_equal(access(temporary, F_OK), 0);
    /* and the next one is whole */
    for (uint64_t i = 0; i < ROWS; i++)
        set(&rows, i, 4);
    uint32_t count = ps_rows_held(&rows);
    snapshot = take(&rows, &in, 3, 0, 4096);
    disturb(&rows, snapshot, 5, 50000);
    assert_int_equal(ps_snapshot_end(snapshot, &file, &cost, &err), 0);
    ps_folder_close(&in);
    write_manifest(folder, 3, &file);
    expect_rows(folder, count, 4);
    ps_rows_fini(&rows);
    assert_int_equal(ps_folder_remove(folder, NULL), 0);
    free(folder), free(temporary), free(written);
}

/* A run's folder with a full checkpoint and two that hold what has changed, and a full one of the same state as the last: all under
 * disturbance. Row i is of the time times[i]. */
enum { FEW = 300, CUTS = 4 };

static char *make_chain(int *times)
{
    char *run = fixture_folder();
    struct ps_file_entry file;
    struct ps_cost cost;
    struct ps_error err;
    struct ps_rows rows;
    uint8_t since = 0;
    fill(&rows, FEW);
    memset(times, 0, FEW * sizeof *times);
    for (int cut = 1; cut <= CUTS; cut++) {
        char *folder = ps_format("%s/%d", run, cut);
        assert_int_equal(mkdir(folder, 0777), 0);
        struct ps_folder in = opened(folder);
        struct ps_snapshot *snapshot = take(&rows, &in, (uint64_t)cut, cut == CUTS ? 0 : since, 64);
        since = rows.clock;
        for (uint64_t i = 0; cut < CUTS - 1 && i < FEW; i += 3 * (uint64_t)cut) { /* meanwhile: for the next one */
            set(&rows, i, cut);
            times[i] = cut;
        }
        assert_int_equal(ps_snapshot_end(snapshot, &file, &cost, &err), 0);
        ps_folder_close(&in);
        write_chained(folder, (uint64_t)cut, cut == 1 || cut == CUTS ? 0 : (uint64_t)cut - 1, &file);
        free(folder);
    }
    ps_rows_fini(&rows);
    return run;
}

static void changed_rows_are_enough(void **state)
{
    int times[FEW];
    uint64_t digest[2], bytes[CUTS + 1];
    struct ps_checkpoint c;
    struct ps_error err;
    char *run = make_chain(times), *third = ps_format("%s/3", run), *full = ps_format("%s/4", run);
    assert_int_equal(ps_checkpoint_digest(third, &digest[0], &err), 0);
    assert_int_equal(ps_checkpoint_digest(full, &digest[1], &err), 0);
    assert_true(digest[0] == digest[1]);
    assert_int_equal(ps_checkpoint_open(&c, third, &err), 0);
    for (uint64_t key = 0; key < FEW; key++) {
        float value[WIDTH];
        ps_checkpoint_fetch(&c, 0, &key, 1, value);
        assert_true(value[0] == value_of(key, times[key], 0) && value[WIDTH - 1] == value_of(key, times[key], WIDTH - 1));
    }
    ps_checkpoint_close(&c);
    for (int cut = 1; cut <= CUTS; cut++) {
        char *path = ps_format("%s/%d/shard-000.rows", run, cut);
        struct stat info;
        assert_int_equal(stat(path, &info), 0);
        bytes[cut] = (uint64_t)info.st_size;
        free(path);
    }
    assert_true(bytes[2] < bytes[1] && bytes[3] < bytes[2] && bytes[4] == bytes[1]);
    assert_int_equal(ps_folder_remove(run, NULL), 0);
    free(run), free(third), free(full);
}

static void every_byte_of_the_chain_counts(void **state)
{
    int times[FEW];
    struct ps_error err;
    char *run = make_chain(times), *third = ps_format("%s/3", run);
    const char *names[] = {"shard-000.rows", PS_MANIFEST_NAME};
    for (int cut = 1; cut <= 3; cut++)
        for (size_t f = 0; f < PS_COUNT(names); f++) {
            char *path = ps_format("%s/%d/%s", run, cut, names[f]), *text;
            size_t size;
            assert_int_equal(ps_file_read(path, 1 << 20, &text, &size, &err), 0);
            FILE *file = fopen(path, "r+");
            assert_non_null(file);
            setvbuf(file, NULL, _IONBF, 0);
            for (size_t i = 0; i < size; i++) {
                struct ps_manifest m;
                struct ps_checkpoint c;
                fseek(file, (long)i, SEEK_SET);
                fputc(text[i] ^ 1 << i % 8, file);
                int status = ps_manifest_read(&m, third, &err); /* as a coordinator looks */
                if (!status) {
                    status = ps_manifest_verify(&m, third, &err);
                    ps_manifest_fini(&m);
                }
                assert_int_equal(status, -PS_EXIT_DATA);
                status = ps_checkpoint_open(&c, third, &err); /* as penstock inspect --verify does */
                if (!status) {
                    status = ps_checkpoint_verify(&c, &err);
                    ps_checkpoint_close(&c);
                }
                if (status != -PS_EXIT_DATA)
                    fail_msg("byte %zu of %s: not noticed", i, path);
                assert_non_null(strstr(err.text, run));
                fseek(file, (long)i, SEEK_SET);
                fputc(text[i], file);
            }
            fclose(file);
            free(path), free(text);
        }
    /* the right name, but another checkpoint */
    struct ps_checkpoint c;
    struct ps_file_entry file;
    struct ps_cost cost;
    struct ps_rows rows;
    char *second = ps_format("%s/2", run);
    ps_rows_init(&rows, WIDTH);
    set(&rows, 1, 1);
    struct ps_folder in = opened(second);
    assert_int_equal(ps_snapshot_end(take(&rows, &in, 9, 0, 64), &file, &cost, &err), 0);
    ps_folder_close(&in);
    write_manifest(second, 9, &file);
    assert_int_equal(ps_checkpoint_open(&c, third, &err), -PS_EXIT_DATA);
    assert_non_null(strstr(err.text, "another one than it was"));
    ps_rows_fini(&rows);
    assert_int_equal(ps_folder_remove(run, NULL), 0);
    free(run), free(third), free(second);
}

/* After 253 cuts the stamps are at their end: the clock begins anew, and the next file holds all rows. */
static void the_clock_begins_anew(void **state)
{
    struct ps_optimizer_spec adagrad = fixture_adagrad;
    struct ps_slot_map map;
    struct ps_control welcome;
    struct ps_shard shard;
    struct ps_error err;
    char *folder = fixture_folder();
    fixture_welcome(&welcome, &map, 1, 0, PS_SYNC, 1, &adagrad);
    assert_int_equal(ps_shard_init(&shard, &welcome, 1, NULL, NULL, &err), 0);
    assert_int_equal(ps_shard_load(&shard, 1, 1, "", NULL, 0, &err), 0);
    struct ps_folder in = opened(folder);
    uint64_t key = 3, limit[1], full = 0;
    float *row;
    uint32_t fresh;
    ps_rows_change(&shard.rows[0], &key, 1, &row, &fresh);
    memset(row, 0, shard.rows[0].width * sizeof *row);
    for (uint64_t cut = 1; cut <= 300; cut++) {
        struct ps_file_entry file;
        struct ps_cost cost;
        assert_true(ps_shard_cut_prepare(&shard, cut, false, 0, limit));
        assert_true(ps_shard_cut_at(&shard, cut, limit));
        shard.lane[0].ended = true; /* nothing is to come */
        assert_true(ps_shard_cut_reached(&shard));
        ps_shard_cut_write(&shard, &in, cut - 1, 1 << 20);
        assert_int_equal(ps_shard_cut_written(&shard, &file, &cost, &err), 0);
        full += file.bytes > 200;
    }
    ps_folder_close(&in);
    assert_int_equal(full, 2); /* the first, and once anew */
    ps_shard_fini(&shard);
    assert_int_equal(ps_folder_remove(folder, NULL), 0);
    free(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_moment_is_what_is_written),
        cmocka_unit_test(what_cannot_be_written_stops_nobody),
        cmocka_unit_test(changed_rows_are_enough),
        cmocka_unit_test(every_byte_of_the_chain_counts),
        cmocka_unit_test(the_clock_begins_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
