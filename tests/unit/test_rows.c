/* test_rows.c - rows by key: what was made is found, pointers stay, memory is within its bound; initial values. */
#include "server/initial.h"
#include "shard_fixture.h"

static uint64_t key_of(uint32_t i)
{
    return ps_mix64(i) >> 20;
}

static void fill(struct ps_rows *rows, uint32_t count)
{
    float *row[PS_ROWS_BATCH];
    uint32_t fresh[PS_ROWS_BATCH];
    uint64_t key[PS_ROWS_BATCH];
    for (uint32_t i = rows->count; i < count;) {
        uint32_t n = PS_MIN(count - i, (uint32_t)PS_ROWS_BATCH);
        for (uint32_t k = 0; k < n; k++)
            key[k] = key_of(i + k);
        assert_int_equal(ps_rows_make(rows, key, n, row, fresh), n);
        for (uint32_t k = 0; k < n; k++)
            for (uint32_t j = 0; j < rows->width; j++)
                row[k][j] = (float)(i + k + j);
        i += n;
    }
}

static bool keeps_thirds(void *ctx, uint64_t key)
{
    return key % 3 == *(const uint64_t *)ctx;
}

/* Rows are dropped by their keys until none is left: the others keep their values and stamps, and can be found. */
static void rows_are_dropped_by_key(void **state)
{
    struct ps_rows rows;
    float *row[PS_ROWS_BATCH];
    uint32_t fresh[PS_ROWS_BATCH], count = 30000, kept = 0;
    uint64_t which = 1, key, full;
    ps_rows_init(&rows, 5);
    fill(&rows, count / 2);
    rows.clock = 2;
    fill(&rows, count);
    full = ps_rows_bytes(&rows);
    ps_rows_keep(&rows, keeps_thirds, &which);
    for (uint32_t i = 0; i < count; i++) {
        key = key_of(i);
        ps_rows_find(&rows, &key, 1, rows.width, row);
        assert_int_equal(row[0] != NULL, key % 3 == which);
        kept += row[0] != NULL;
        assert_true(!row[0] || (row[0][0] == (float)i && row[0][4] == (float)(i + 4)));
    }
    assert_int_equal(rows.count, kept);
    for (uint32_t i = 0; i < kept; i++)
        assert_int_equal(*ps_rows_stamp(&rows, i), ps_rows_at(&rows, i)[0] < (float)(count / 2) ? 1 : 2);
    assert_true(ps_rows_bytes(&rows) < full / 2 + full / 10);
    for (uint32_t i = 0; i < count; i++) { /* what was dropped can be made again */
        key = key_of(i);
        assert_int_equal(ps_rows_make(&rows, &key, 1, row, fresh), key % 3 != which);
    }
    which = 3;
    ps_rows_keep(&rows, keeps_thirds, &which);
    assert_int_equal(rows.count, 0);
    key = key_of(0);
    ps_rows_find(&rows, &key, 1, rows.width, row);
    assert_null(row[0]);
    fill(&rows, 100);
    assert_int_equal(rows.count, 100);
    ps_rows_fini(&rows);
}

static void note_guarded(void *ctx, const uint32_t *number, uint32_t n, uint8_t stamp)
{
    struct ps_rows *rows = ctx;
    for (uint32_t i = 0; i < n; i++)
        *ps_rows_stamp(rows, number[i]) = stamp;
}

/* Rows are dropped one by one, beside those that stay where they are; their numbers are given out again, but not while there is a guard. */
static void numbers_are_given_out_again(void **state)
{
    struct ps_rows rows;
    float *row[PS_ROWS_BATCH], *kept;
    uint32_t fresh[PS_ROWS_BATCH], count = 20000;
    uint64_t key, still = key_of(1);
    ps_rows_init(&rows, 5);
    fill(&rows, count);
    ps_rows_find(&rows, &still, 1, rows.width, &kept);
    for (uint32_t i = 0; i < count; i += 2) {
        key = key_of(i);
        ps_rows_drop(&rows, &key, 1);
        ps_rows_drop(&rows, &key, 1); /* which is not there any more */
    }
    assert_true(ps_rows_held(&rows) == count / 2 && rows.count == count);
    for (uint32_t i = 0; i < count; i++) {
        key = key_of(i);
        ps_rows_find(&rows, &key, 1, rows.width, row);
        assert_int_equal(row[0] != NULL, i % 2);
        assert_true(!row[0] || row[0][0] == (float)i);
        assert_int_equal(ps_rows_has(&rows, i), i % 2);
    }
    uint64_t bytes = ps_rows_bytes(&rows);
    for (uint32_t i = 0; i < count / 2; i++) {
        key = key_of(count + i);
        assert_int_equal(ps_rows_make(&rows, &key, 1, row, fresh), 1);
        row[0][0] = -1;
    }
    assert_true(rows.count == count && ps_rows_held(&rows) == count && ps_rows_bytes(&rows) == bytes);
    ps_rows_find(&rows, &still, 1, rows.width, row);
    assert_true(row[0] == kept && kept[0] == 1);
    rows.guard = note_guarded;
    rows.guard_ctx = &rows;
    ps_rows_drop(&rows, &still, 1);
    key = key_of(3 * count);
    ps_rows_change(&rows, &key, 1, row, fresh);
    assert_true(rows.count == count + 1 && row[0] != kept && kept[0] == 1);
    rows.guard = NULL;
    key = key_of(3 * count + 1);
    ps_rows_change(&rows, &key, 1, row, fresh);
    assert_true(rows.count == count + 1 && row[0] == kept);
    uint64_t which = 1; /* and together with those that are dropped in one go */
    ps_rows_drop(&rows, &key, 1);
    ps_rows_keep(&rows, keeps_thirds, &which);
    assert_true(rows.gone == 0 && rows.count > count / 4 && rows.count < count / 2);
    for (uint32_t i = 0; i < rows.count; i++) {
        key = ps_rows_key(&rows, i);
        ps_rows_find(&rows, &key, 1, rows.width, row);
        assert_true(key % 3 == 1 && row[0] == ps_rows_at(&rows, i));
    }
    ps_rows_fini(&rows);
}

static void rows_are_found_again(void **state)
{
    const uint32_t widths[] = {1, 3, 64, 5000};
    for (size_t w = 0; w < PS_COUNT(widths); w++) {
        struct ps_rows rows;
        ps_rows_init(&rows, widths[w]);
        uint32_t count = widths[w] > 1000 ? 100 : 20000;
        float *first, *row[PS_ROWS_BATCH];
        uint64_t key = key_of(0);
        ps_rows_find(&rows, &key, 1, rows.width, row);
        assert_null(row[0]);
        fill(&rows, 1);
        ps_rows_find(&rows, &key, 1, rows.width, &first);
        fill(&rows, count);
        assert_int_equal(rows.count, count);
        ps_rows_find(&rows, &key, 1, rows.width, row);
        assert_ptr_equal(row[0], first); /* rows never move */
        for (uint32_t i = 0; i < count; i++) {
            key = key_of(i);
            ps_rows_find(&rows, &key, 1, rows.width, row);
            assert_non_null(row[0]);
            assert_true(row[0][0] == (float)i && row[0][rows.width - 1] == (float)(i + rows.width - 1));
            assert_true(ps_rows_key(&rows, i) == key && ps_rows_at(&rows, i) == row[0]);
        }
        for (uint32_t i = 0; i < 1000; i++) {
            key = key_of(count + i);
            ps_rows_find(&rows, &key, 1, rows.width, row);
            assert_null(row[0]);
        }
        assert_int_equal(rows.count, count); /* looking makes nothing */
        ps_rows_clear(&rows);
        key = key_of(0);
        ps_rows_find(&rows, &key, 1, rows.width, row);
        assert_null(row[0]);
        fill(&rows, 10);
        assert_int_equal(rows.count, 10);
        ps_rows_fini(&rows);
    }
}

static void only_new_rows_are_fresh(void **state)
{
    struct ps_rows rows;
    float *row[4];
    uint32_t fresh[4];
    ps_rows_init(&rows, 2);
    assert_int_equal(ps_rows_make(&rows, (const uint64_t[]){5, 9}, 2, row, fresh), 2);
    assert_int_equal(ps_rows_make(&rows, (const uint64_t[]){1, 5, 9, 12}, 4, row, fresh), 2);
    assert_int_equal(fresh[0], 0);
    assert_int_equal(fresh[1], 3);
    ps_rows_fini(&rows);
}

/* At any size from a chunk's worth up: at most 1.15 x (value + state) + 16 bytes a row. */
static void memory_is_bounded(void **state)
{
    const uint32_t widths[] = {1, 2, 9, 65, 128};
    for (size_t w = 0; w < PS_COUNT(widths); w++) {
        struct ps_rows rows;
        double worst = 0, bound = 1.15 * widths[w] * sizeof(float) + 16;
        ps_rows_init(&rows, widths[w]);
        for (uint32_t count = 4096; count <= 300000 / (1 + widths[w] / 8); count += 97) {
            fill(&rows, count);
            worst = PS_MAX(worst, (double)ps_rows_bytes(&rows) / count);
        }
        print_message("width %u: at most %.1f bytes a row, allowed are %.1f\n", widths[w], worst, bound);
        assert_true(worst <= bound);
        ps_rows_fini(&rows);
    }
}

static void initial_values_are_functions_of_seed_table_and_id(void **state)
{
    struct ps_table_spec spec = {.name = "t",
                                 .kind = PS_TABLE_USER,
                                 .rows = 100000,
                                 .width = 7,
                                 .fields = 3,
                                 .field = {{"n", 0, 3, PS_INIT_NORMAL, 0.5f},
                                           {"t", 3, 2, PS_INIT_TRUNCATED, 2},
                                           {"u", 5, 1, PS_INIT_UNIFORM, 3}}}; /* column 6 belongs to nobody */
    float a[7], b[7];
    double sum[7] = {0}, squares[7] = {0}, largest[7] = {0};
    enum { N = 20000 };
    for (uint64_t id = 0; id < N; id++) {
        ps_row_initial(&spec, 1, 42, id, a);
        ps_row_initial(&spec, 1, 42, id, b);
        assert_memory_equal(a, b, sizeof a);
        for (int j = 0; j < 7; j++) {
            sum[j] += a[j];
            squares[j] += (double)a[j] * a[j];
            largest[j] = PS_MAX(largest[j], fabs(a[j]));
        }
    }
    /* standard deviations: N(0, 0.5); N(0, 2) cut at two of them: 2 x 0.8796; U(-3, 3): sqrt(3) */
    const double deviation[7] = {0.5, 0.5, 0.5, 2 * 0.87962566, 2 * 0.87962566, sqrt(3), 0};
    for (int j = 0; j < 7; j++) {
        assert_true(fabs(sum[j] / N) <= 5 * deviation[j] / sqrt(N));
        assert_true(fabs(sqrt(squares[j] / N) - deviation[j]) <= 0.03 * deviation[j]);
    }
    assert_true(largest[0] > 1.5 && largest[3] <= 4 && largest[3] > 3.8 && largest[5] <= 3 && largest[5] > 2.9);
    ps_row_initial(&spec, 1, 42, 0, a);
    ps_row_initial(&spec, 2, 42, 0, b);
    assert_memory_not_equal(a, b, sizeof a);
    ps_row_initial(&spec, 1, 43, 0, b);
    assert_memory_not_equal(a, b, sizeof a);
    spec.field[2].width = 2; /* a field more, or wider, changes nothing in the others */
    ps_row_initial(&spec, 1, 42, 0, b);
    assert_memory_equal(a, b, 6 * sizeof *a);
}

static void padding_of_a_tensor_is_zero(void **state)
{
    float chunk[4];
    ps_row_initial(&fixture_table[2], 2, 1, 2, chunk); /* 15 elements in chunks of 4 */
    assert_true(chunk[3] != 0);
    ps_row_initial(&fixture_table[2], 2, 1, 3, chunk);
    assert_true(chunk[2] != 0 && chunk[3] == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_found_again),
        cmocka_unit_test(rows_are_dropped_by_key),
        cmocka_unit_test(numbers_are_given_out_again),
        cmocka_unit_test(only_new_rows_are_fresh),
        cmocka_unit_test(memory_is_bounded),
        cmocka_unit_test(initial_values_are_functions_of_seed_table_and_id),
        cmocka_unit_test(padding_of_a_tensor_is_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
