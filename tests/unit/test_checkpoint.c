/* test_checkpoint.c - row files and manifests: the same state gives the same digest however many servers wrote it, what
 * was written comes back, and every damaged byte and every missing end is found and named.
 */
#include <sys/stat.h>

#include "common/random.h"
#include "server/initial.h"
#include "shard_fixture.h"

enum { LANES = 2, SHARDS_MAX = 5 };

static void nothing(void *ctx, uint64_t to, struct ps_data *data, struct ps_message *message)
{
    ps_message_fini(message);
}

/* Shards that hold together what one would: every third row, with made values and state. */
static struct ps_shard *make_shards(uint32_t shards)
{
    struct ps_shard *shard = ps_calloc(shards, sizeof *shard);
    struct ps_slot_map map;
    struct ps_control welcome;
    struct ps_error err;
    for (uint32_t s = 0; s < shards; s++) {
        fixture_welcome(&welcome, &map, shards, s, PS_SYNC, LANES, &fixture_adagrad);
        assert_int_equal(ps_shard_init(&shard[s], &welcome, 1000 + s, nothing, NULL, &err), 0);
        assert_int_equal(ps_shard_load(&shard[s], 1, 4, "", NULL, 0, &err), 0);
        shard[s].v = 11;
        shard[s].steps = 123;
        shard[s].lane[0].hwm = 9;
        shard[s].lane[0].ended = true;
        shard[s].lane[1].hwm = 11;
        shard[s].lane[1].lease = 70 + s;
    }
    for (uint32_t t = 0; t < FIXTURE_TABLES; t++)
        for (uint64_t k = fixture_table[t].rows; k-- > 0;) { /* made in another order than they are written */
            struct ps_rows *rows = &shard[map.shard_of[ps_slot_of(&fixture_table[t], t, k)]].rows[t];
            float *row;
            uint32_t fresh;
            if (k % 3)
                continue;
            ps_rows_make(rows, &k, 1, &row, &fresh);
            for (uint32_t j = 0; j < rows->width; j++)
                row[j] = (float)(1000 * t + k) + 0.125f * (float)j;
        }
    return shard;
}

static void free_shards(struct ps_shard *shard, uint32_t shards)
{
    for (uint32_t s = 0; s < shards; s++)
        ps_shard_fini(&shard[s]);
    free(shard);
}

/* Writes what make_shards made; the folder is the caller's to remove. */
static char *written(uint32_t shards)
{
    struct ps_shard *shard = make_shards(shards);
    char *folder = fixture_folder();
    fixture_checkpoint(shard, shards, 5, folder);
    free_shards(shard, shards);
    return folder;
}

static void discard(char *folder)
{
    assert_int_equal(ps_folder_remove(folder, NULL), 0);
    free(folder);
}

static void the_digest_is_of_the_state(void **state)
{
    uint64_t first = 0, digest;
    struct ps_error err;
    for (uint32_t shards = 1; shards <= SHARDS_MAX; shards++) {
        char *folder = written(shards);
        assert_int_equal(ps_checkpoint_digest(folder, &digest, &err), 0);
        if (shards == 1)
            first = digest;
        assert_true(digest == first);
        discard(folder);
    }
    for (int change = 0; change < 3; change++) { /* control: any other state has another digest */
        struct ps_shard *shard = make_shards(1);
        char *folder = fixture_folder();
        if (change == 0)
            ps_rows_at(&shard->rows[1], 2)[6] += 0.25f;
        else if (change == 1)
            shard->steps++;
        else
            shard->lane[1].hwm++;
        fixture_checkpoint(shard, 1, 5, folder);
        assert_int_equal(ps_checkpoint_digest(folder, &digest, &err), 0);
        assert_true(digest != first);
        free_shards(shard, 1);
        discard(folder);
    }
}

static void it_loads_into_any_number_of_shards(void **state)
{
    struct ps_error err;
    uint64_t before, after;
    for (uint32_t from = 1; from <= 3; from++)
        for (uint32_t to = 1; to <= SHARDS_MAX; to += 2) {
            char *folder = written(from), *again = fixture_folder();
            struct ps_shard shard[SHARDS_MAX];
            struct ps_slot_map map;
            struct ps_control welcome;
            struct ps_lane_entry lease = {.lane = 1, .lease = 500};
            for (uint32_t s = 0; s < to; s++) {
                fixture_welcome(&welcome, &map, to, s, PS_SYNC, LANES, &fixture_adagrad);
                assert_int_equal(ps_shard_init(&shard[s], &welcome, 1, nothing, NULL, &err), 0);
                assert_int_equal(ps_shard_load(&shard[s], 2, 0, folder, &lease, 1, &err), 0);
                assert_true(shard[s].v == 11 && shard[s].steps == 123 && shard[s].epoch == 4);
                assert_true(shard[s].lane[0].hwm == 9 && shard[s].lane[0].ended && shard[s].lane[1].hwm == 11);
                assert_true(!shard[s].lane[1].ended && shard[s].lane[1].lease == 500 && shard[s].lane[0].lease == 0);
            }
            fixture_checkpoint(shard, to, 6, again);
            assert_int_equal(ps_checkpoint_digest(folder, &before, &err), 0);
            assert_int_equal(ps_checkpoint_digest(again, &after, &err), 0);
            assert_true(before == after);
            for (uint32_t s = 0; s < to; s++)
                ps_shard_fini(&shard[s]);
            discard(folder);
            discard(again);
        }
}

static void rows_can_be_read_without_a_server(void **state)
{
    char *folder = written(3);
    struct ps_checkpoint c;
    struct ps_error err;
    assert_int_equal(ps_checkpoint_open(&c, folder, &err), 0);
    assert_int_equal(ps_checkpoint_verify(&c, &err), 0);
    assert_int_equal(ps_checkpoint_table(&c, "item"), 1);
    assert_int_equal(ps_checkpoint_table(&c, "nobody"), -1);
    assert_string_equal(c.manifest.config, "model:\n  name: nmtr-gmf\n");
    uint64_t rows = 0;
    for (uint32_t i = 0; i < PS_SLOTS * c.manifest.tables; i++) {
        struct ps_segment segment;
        assert_int_equal(ps_checkpoint_segment(&c, i / c.manifest.tables, i % c.manifest.tables, &segment, &err), 0);
        rows += segment.rows;
    }
    assert_int_equal(rows, 14 + 9 + 2);
    for (uint64_t id = 0; id < 25; id++) {
        float value[4], initial[4];
        ps_checkpoint_fetch(&c, 1, &id, 1, value);
        ps_row_initial(&fixture_table[1], 1, FIXTURE_SEED, id, initial);
        for (int j = 0; j < 4; j++)
            assert_true(value[j] == (id % 3 ? initial[j] : (float)(1000 + id) + 0.125f * (float)j));
    }
    ps_checkpoint_close(&c);
    discard(folder);
}

/* Many rows a slot, made in another order than by key: segments are sorted, and rows found by search in them. */
static void segments_are_sorted(void **state)
{
    enum { ROWS = 20000 };
    struct ps_table_spec spec = {.name = "big",
                                 .kind = PS_TABLE_USER,
                                 .rows = ROWS,
                                 .width = 1,
                                 .fields = 1,
                                 .field = {{"x", 0, 1, PS_INIT_ZERO, 0}}};
    struct ps_lane_mark lane = {0};
    struct ps_marks marks = {.run = 1, .cut = 1, .lanes = 1, .lane = &lane};
    struct ps_optimizer_spec sgd = {.kind = PS_OPT_SGD, .lr = 1};
    struct ps_manifest_lane place = {0};
    struct ps_file_entry file;
    struct ps_checkpoint c;
    struct ps_folder in;
    struct ps_error err;
    struct ps_rows rows;
    char *folder = fixture_folder();
    ps_rows_init(&rows, 1);
    for (uint64_t i = 0; i < ROWS; i++) {
        uint64_t key = i * 7919 % ROWS;
        uint32_t fresh;
        float *row;
        ps_rows_make(&rows, &key, 1, &row, &fresh);
        *row = (float)key;
    }
    assert_int_equal(ps_folder_open(&in, folder, &err), 0);
    assert_int_equal(ps_checkpoint_write(&marks, &spec, 1, &sgd, &rows, NULL, &in, &file, &err), 0);
    ps_folder_close(&in);
    struct ps_manifest m = {.run = 1,
                            .cut = 1,
                            .lanes = 1,
                            .lane = &place,
                            .tables = 1,
                            .table = &spec,
                            .optimizer = sgd,
                            .files = 1,
                            .file = &file};
    assert_int_equal(ps_manifest_write(&m, folder, &err), 0);
    assert_int_equal(ps_checkpoint_open(&c, folder, &err), 0);
    for (uint32_t i = 0; i < PS_SLOTS * c.manifest.tables; i++) {
        struct ps_segment segment;
        assert_int_equal(ps_checkpoint_segment(&c, i / c.manifest.tables, i % c.manifest.tables, &segment, &err), 0); /* it checks that keys ascend */
    }
    for (uint64_t id = 0; id < ROWS; id++) {
        float value;
        ps_checkpoint_fetch(&c, 0, &id, 1, &value);
        assert_true(value == (float)id);
    }
    ps_checkpoint_close(&c);
    ps_rows_fini(&rows);
    discard(folder);
}

/* Everything that a user of the files may do; 0 where nobody noticed anything. */
static int use(const char *folder, struct ps_error *err)
{
    struct ps_checkpoint c;
    int status = ps_checkpoint_open(&c, folder, err);
    if (status)
        return status;
    status = ps_checkpoint_verify(&c, err);
    ps_checkpoint_close(&c);
    return status;
}

/* What a loading shard notices by itself, without the sum over the whole file. */
static int take(const char *folder, struct ps_error *err)
{
    uint64_t digest;
    return ps_checkpoint_digest(folder, &digest, err);
}

static void every_damaged_byte_is_found(void **state)
{
    char *folder = written(2);
    const char *names[] = {"shard-000.rows", "shard-001.rows", PS_MANIFEST_NAME};
    struct ps_error err;
    assert_int_equal(use(folder, &err), 0);
    for (size_t f = 0; f < PS_COUNT(names); f++) {
        char *path = ps_format("%s/%s", folder, names[f]), *text;
        size_t size;
        assert_int_equal(ps_file_read(path, 1 << 20, &text, &size, &err), 0);
        FILE *file = fopen(path, "r+");
        assert_non_null(file);
        setvbuf(file, NULL, _IONBF, 0);
        for (size_t i = 0; i < size; i++)
            for (int bit = 0; bit < 8; bit += 7) {
                fseek(file, (long)i, SEEK_SET);
                fputc(text[i] ^ 1 << bit, file);
                if (use(folder, &err) != -PS_EXIT_DATA || take(folder, &err) != -PS_EXIT_DATA)
                    fail_msg("byte %zu of %s, bit %d: not noticed", i, names[f], bit);
                if (!strstr(err.text, folder))
                    fail_msg("byte %zu of %s: '%s' does not name it", i, names[f], err.text);
                fseek(file, (long)i, SEEK_SET);
                fputc(text[i], file);
            }
        fclose(file);
        free(path), free(text);
    }
    assert_int_equal(use(folder, &err), 0);
    discard(folder);
}

static void every_missing_end_is_found(void **state)
{
    char *folder = written(1), *path = ps_format("%s/shard-000.rows", folder),
         *manifest = ps_format("%s/%s", folder, PS_MANIFEST_NAME);
    struct ps_error err;
    struct stat info;
    assert_int_equal(stat(manifest, &info), 0);
    for (off_t size = info.st_size - 1; size >= 0; size -= 7) {
        char *text;
        size_t length;
        assert_int_equal(ps_file_read(manifest, 1 << 20, &text, &length, &err), 0);
        assert_int_equal(truncate(manifest, size), 0);
        assert_int_equal(use(folder, &err), -PS_EXIT_DATA);
        assert_int_equal(ps_file_write(manifest, text, length, &err), 0);
        free(text);
    }
    assert_int_equal(use(folder, &err), 0);
    assert_int_equal(stat(path, &info), 0);
    for (off_t size = info.st_size - 1; size >= 0; size--) {
        assert_int_equal(truncate(path, size), 0);
        assert_int_equal(use(folder, &err), -PS_EXIT_DATA);
        assert_non_null(strstr(err.text, "shard-000.rows"));
    }
    assert_int_equal(unlink(path), 0);
    assert_int_equal(use(folder, &err), -PS_EXIT_DATA);
    assert_non_null(strstr(err.text, "shard-000.rows"));
    assert_int_equal(unlink(manifest), 0);
    assert_int_equal(use(folder, &err), -PS_EXIT_DATA);
    assert_non_null(strstr(err.text, "is no checkpoint"));
    free(path), free(manifest);
    discard(folder);
}

/* A torn file is found by its own marks, even where a manifest of the torn size stands beside it. */
static void a_torn_file_is_found_without_its_size(void **state)
{
    char *folder = fixture_folder(), *path = ps_format("%s/shard-000.rows", folder);
    struct ps_shard *shard = make_shards(1);
    struct ps_error err;
    struct stat info;
    fixture_checkpoint(shard, 1, 5, folder);
    assert_int_equal(stat(path, &info), 0);
    for (off_t size = info.st_size - 1; size >= 0; size--) {
        struct ps_file_entry file = {.name = "shard-000.rows", .bytes = (uint64_t)size};
        assert_int_equal(truncate(path, size), 0);
        if (size % 16 == 0 || size < 200) {
            fixture_manifest(shard, 5, &file, 1, folder);
            assert_int_equal(take(folder, &err), -PS_EXIT_DATA);
            assert_non_null(strstr(err.text, "shard-000.rows"));
        }
    }
    free_shards(shard, 1);
    free(path);
    discard(folder);
}

static void files_of_other_checkpoints_are_refused(void **state)
{
    char *folder = written(2), *other = written(2), *path = ps_format("%s/shard-001.rows", folder),
         *first = ps_format("%s/shard-000.rows", folder);
    struct ps_shard *shard = make_shards(2);
    struct ps_file_entry file[2];
    struct ps_marks marks;
    struct ps_error err;
    /* the same segments twice */
    for (int i = 0; i < 2; i++) {
        ps_shard_marks(&shard[0], 5, &marks);
        marks.shard = (uint32_t)i;
        fixture_write(&marks, &shard[0], folder, &file[i]);
        ps_marks_fini(&marks);
    }
    fixture_manifest(&shard[0], 5, file, 2, folder);
    assert_int_equal(use(folder, &err), -PS_EXIT_DATA);
    /* another cut's file, and another state's */
    for (int i = 0; i < 2; i++) {
        ps_shard_marks(&shard[1], i ? 5 : 4, &marks);
        marks.v += (uint64_t)i;
        fixture_write(&marks, &shard[1], folder, &file[1]);
        ps_marks_fini(&marks);
        fixture_manifest(&shard[0], 5, file, 2, folder);
        assert_int_equal(use(folder, &err), -PS_EXIT_DATA);
        assert_non_null(strstr(err.text, "shard-001.rows"));
    }
    free_shards(shard, 2);
    free(path), free(first);
    discard(folder);
    discard(other);
}

static void another_model_cannot_load_it(void **state)
{
    char *folder = written(1);
    struct ps_optimizer_spec adam = {.kind = PS_OPT_ADAM, .lr = 1, .beta1 = 0.9f, .beta2 = 0.9f};
    struct ps_slot_map map;
    struct ps_control welcome;
    struct ps_shard shard;
    struct ps_error err;
    for (int i = 0; i < 3; i++) {
        fixture_welcome(&welcome, &map, 1, 0, PS_SYNC, i == 1 ? LANES + 1 : LANES, i == 0 ? &adam : &fixture_adagrad);
        welcome.seed += i == 2;
        assert_int_equal(ps_shard_init(&shard, &welcome, 1, nothing, NULL, &err), 0);
        assert_int_equal(ps_shard_load(&shard, 1, 0, folder, NULL, 0, &err), -PS_EXIT_DATA);
        assert_non_null(strstr(err.text, folder));
        ps_shard_fini(&shard);
    }
    discard(folder);
}

static void a_manifest_comes_back(void **state)
{
    char *folder = fixture_folder();
    struct ps_error err;
    struct ps_manifest_lane lane[] = {{.position = 7, .ended = true, .finished = true, .samples = 5, .loss = 1.0 / 7}, {.position = UINT64_MAX}};
    struct ps_file_entry file[] = {{"shard-000.rows", 0, UINT64_MAX}};
    struct ps_manifest in = {.run = UINT64_MAX,
                             .cut = 3,
                             .seed = 4,
                             .era = 5,
                             .term = 6,
                             .epoch = 7,
                             .complete = true,
                             .mode = 1,
                             .slots = 1024,
                             .step = 8,
                             .dataset = UINT64_C(1) << 63,
                             .blas = "it's 'Zen'",
                             .metric = "ndcg@50",
                             .value = 1.0 / 3,
                             .best = 0.1,
                             .best_epoch = 2,
                             .tally = {5, 1.0 / 3, 0.1, 2, {1, 2, 3, 4, 5, UINT64_MAX}},
                             .lanes = 2,
                             .lane = lane,
                             .tables = FIXTURE_TABLES,
                             .table = (struct ps_table_spec *)(uintptr_t)fixture_table,
                             .optimizer = {PS_OPT_ADAM, 1e-3f, 0, 1e-8f, 0.9f, 0.999f, 1e-8f, 0.3f},
                             .files = 1,
                             .file = file,
                             .config = "a: 'b'  # comment\n\n  # indented\nlist: [1, 2]\n"},
                       out;
    assert_int_equal(ps_manifest_write(&in, folder, &err), 0);
    assert_int_equal(ps_manifest_read(&out, folder, &err), 0);
    assert_true(out.run == in.run && out.cut == 3 && out.seed == 4 && out.era == 5 && out.term == 6 && out.epoch == 7);
    assert_true(out.mode == 1 && out.slots == 1024 && out.step == 8 && out.dataset == in.dataset);
    assert_string_equal(out.blas, in.blas);
    assert_string_equal(out.metric, in.metric);
    assert_true(out.value == in.value && out.best == in.best && out.best_epoch == 2 && out.lanes == 2);
    assert_memory_equal(&out.tally, &in.tally, sizeof in.tally);
    assert_true(out.lane[0].position == 7 && out.lane[0].ended && out.lane[1].position == UINT64_MAX &&
                !out.lane[1].ended && !out.lane[1].finished);
    assert_true(out.complete && out.lane[0].finished && out.lane[0].samples == 5 && out.lane[0].loss == 1.0 / 7);
    assert_int_equal(out.tables, FIXTURE_TABLES);
    assert_memory_equal(out.table, in.table, FIXTURE_TABLES * sizeof *in.table);
    assert_memory_equal(&out.optimizer, &in.optimizer, sizeof in.optimizer);
    assert_int_equal(out.files, 1);
    assert_memory_equal(&out.file[0], &file[0], sizeof file[0]);
    assert_string_equal(out.config, in.config);
    assert_int_equal(ps_manifest_check_files(&out, folder, &err), -PS_EXIT_DATA);
    ps_manifest_fini(&out);
    discard(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_digest_is_of_the_state),
        cmocka_unit_test(it_loads_into_any_number_of_shards),
        cmocka_unit_test(rows_can_be_read_without_a_server),
        cmocka_unit_test(segments_are_sorted),
        cmocka_unit_test(every_damaged_byte_is_found),
        cmocka_unit_test(every_missing_end_is_found),
        cmocka_unit_test(a_torn_file_is_found_without_its_size),
        cmocka_unit_test(files_of_other_checkpoints_are_refused),
        cmocka_unit_test(another_model_cannot_load_it),
        cmocka_unit_test(a_manifest_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
