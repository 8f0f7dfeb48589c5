/* bench_model.c - what one core's arithmetic allows: forward and backward of a micro-batch, and full ranking, against
 * the rate of the matrix products alone at the same shapes. No network, no servers, no sampling.
 *
 *   bench_model [REPEATS]
 *   bench_model ranking MODEL     full ranking (scores, masks, counts of ranks) over the rate of its matrix products alone
 *   bench_model models            the models that it ranks: those of pairs of users and items
 *
 * Shapes are those of Beibei's two behaviours: 21,716 users, 7,977 items, E = 64, batches of 4,096 in tiles. Figures
 * are medians, in processor time; pin it to one core (taskset -c 1).
 */
#include <stdlib.h>
#include <string.h>

#include "measure.h"
#include "common/process.h"
#include "worker/nn/blas.h"
#include "worker/rank.h"

enum { USERS = 21716, ITEMS = 7977, BEHAVIOURS = 2, BATCH = 4096, DISTINCT_USERS = BATCH / 5, DISTINCT_ITEMS = 3300 };

static struct ps_dataset dataset = {
    .users = USERS, .items = ITEMS, .behaviours = BEHAVIOURS, .behaviour = {"cart", "buy"}};

static void fill(float *x, size_t n, uint64_t stream)
{
    struct ps_random r = ps_random_stream(1, PS_RANDOM_TEST, stream, 0, 0);
    for (size_t k = 0; k < n; k++)
        x[k] = (float)(0.1 * ps_random_normal(&r));
}

/* A batch's rows (distinct ones), and its samples. */
struct batch {
    struct nn_rows rows[2];
    struct nn_tensor param[PS_MAX_TABLES];
    uint32_t user[BATCH], item[BATCH];
    float label[BATCH], weight[BATCH];
};

static void rows_init(struct nn_rows *rows, int count, int width)
{
    float *value = ps_malloc_aligned((size_t)count * (size_t)width * sizeof *value);
    const float **pointer = ps_calloc((size_t)count, sizeof *pointer);
    fill(value, (size_t)count * (size_t)width, (uint64_t)count);
    for (int r = 0; r < count; r++)
        pointer[r] = value + (size_t)r * (size_t)width;
    *rows = (struct nn_rows){count, width, pointer, ps_calloc((size_t)count * (size_t)width, sizeof(float))};
}

static void batch_init(struct batch *b, const struct ps_model *model)
{
    rows_init(&b->rows[0], DISTINCT_USERS + 1, (int)model->table[0].width);
    rows_init(&b->rows[1], DISTINCT_ITEMS, (int)model->table[1].width);
    for (int t = 2; t < model->tables; t++) {
        const struct ps_table_spec *spec = &model->table[t];
        size_t size = spec->rows * spec->width;
        float *value = ps_calloc(size, sizeof *value);
        fill(value, size, (uint64_t)t);
        b->param[t] =
            (struct nn_tensor){(int)spec->tensor_rows, (int)spec->tensor_cols, value, ps_calloc(size, sizeof(float))};
    }
    struct ps_random r = ps_random_stream(2, PS_RANDOM_TEST, 0, 0, 0);
    for (int k = 0; k < BATCH; k++) {
        b->user[k] = (uint32_t)k / 5;
        b->item[k] = (uint32_t)ps_random_below(&r, DISTINCT_ITEMS);
        b->label[k] = k % 5 == 0;
        b->weight[k] = 0.5f / BATCH;
    }
}

static void train_batch(struct ps_model *model, struct nn_tape *tape, const struct batch *b, int tile_size)
{
    for (int t = 0; t < 2; t++)
        memset(b->rows[t].grad, 0, (size_t)b->rows[t].count * (size_t)b->rows[t].width * sizeof(float));
    for (int first = 0; first < BATCH; first += tile_size) {
        struct ps_tile tile = {.n = tile_size,
                               .user = b->user + first,
                               .item = b->item + first,
                               .user_row = b->user + first,
                               .item_row = b->item + first,
                               .need = {tile_size, tile_size},
                               .label = {b->label + first, b->label + first},
                               .weight = {b->weight + first, b->weight + first},
                               .sample_weight = 1.0f / BATCH,
                               .rows = b->rows,
                               .param = b->param};
        nn_tape_reset(tape);
        nn_backward(tape, model->class_->forward(model, tape, &tile));
    }
}

/* Seconds of the three products of a 192-96 layer, for two behaviours and one batch. */
static double gemm_batch(int tile, float *x, float *w, float *y)
{
    double begin = ps_cpu_now();
    for (int k = 0; k < BEHAVIOURS * BATCH / tile; k++) {
        nn_gemm(false, false, tile, 96, 192, x, 192, w, 96, 0, y, 96);
        nn_gemm(false, true, tile, 192, 96, y, 96, w, 96, 1, x, 192);
        nn_gemm(true, false, 192, 96, tile, x, 192, y, 96, 1, w, 96);
    }
    return ps_cpu_now() - begin;
}

static void bench_training(const char *name, int repeats)
{
    struct ps_config config;
    struct ps_model model;
    struct ps_error err;
    ps_config_init(&config);
    if (ps_model_init(&model, name, &config, &dataset, &err) < 0)
        ps_die(PS_EXIT_FAIL, "%s", err.text);
    struct batch *b = ps_calloc(1, sizeof *b);
    batch_init(b, &model);
    struct nn_tape *tape = nn_tape_new();
    float *x = ps_calloc(BATCH * 192, sizeof *x), *w = ps_calloc(192 * 96, sizeof *w),
          *y = ps_calloc(BATCH * 96, sizeof *y);
    for (int tile = 256; tile <= BATCH; tile *= 2) {
        double seconds[64], gemm[64];
        for (int k = 0; k < repeats; k++) {
            double begin = ps_cpu_now();
            for (int j = 0; j < 10; j++)
                train_batch(&model, tape, b, tile);
            seconds[k] = (ps_cpu_now() - begin) / 10;
            gemm[k] = 0;
            for (int j = 0; j < 10; j++)
                gemm[k] += gemm_batch(tile, x, w, y) / 10;
        }
        double rate = BATCH / median(seconds, repeats), ceiling = BATCH / median(gemm, repeats);
        printf("%-12s tile %4d: %6.2f M samples/s forward and backward", name, tile, rate / 1e6);
        if (strcmp(name, "nmtr_neumf") == 0)
            printf("; products alone %.2f M (%.0f GFLOP/s): %.0f %%", ceiling / 1e6,
                   ceiling * 6 * 192 * 96 * BEHAVIOURS / 1e9, 100 * rate / ceiling);
        printf("\n");
    }
    free(x), free(w), free(y);
}

struct memory {
    const struct ps_model *model;
    float *value[PS_MAX_TABLES];
};

static int fetch(void *ctx, int table, const uint32_t *ids, int n, float *out, struct ps_error *err)
{
    const struct memory *m = ctx;
    size_t width = m->model->table[table].width;
    for (int k = 0; k < n; k++)
        memcpy(out + (size_t)k * width, m->value[table] + ids[k] * width, width * sizeof *out);
    return 0;
}

/* A matrix product of the ranking of `users` users and 512 items, so many times. */
struct product {
    bool transpose_a, transpose_b;
    int m, n, k, users, times;
};

#define DOT {false, true, 256, 512, 64, 256, 1}
/* Layers after the first, which is linear in the item for a given user: 64 to 32 to 16; and of M-MLP 128 to 64 for each branch, and the fusion. */
#define TOWER {true, false, 32, 512, 64, 1, 1}, {true, false, 16, 512, 32, 1, 1}
#define BRANCHES {true, false, 64, 512, 128, 1, BEHAVIOURS}, {true, false, 64, 512, 64, 1, BEHAVIOURS}

/* The products of each model's scores at E = 64; none where they are not matrix work. */
static const struct {
    const char *model;
    struct product product[4];
} scoring[] = {
    {"nmtr_gmf", {DOT}},       {"nmtr_mlp", {{0}}},      {"nmtr_neumf", {{true, false, 96, 512, 64, 1, BEHAVIOURS}}},
    {"bpr", {DOT}},            {"gmf", {DOT}},           {"mlp", {TOWER}},
    {"neumf", {TOWER, DOT}},   {"mc_bpr", {DOT}},        {"mc_gmf", {DOT}},
    {"mc_mlp", {TOWER}},       {"mc_neumf", {TOWER, DOT}}, {"cmf", {DOT}},
    {"wmf", {DOT}},            {"wmf_als", {DOT}},       {"mfpr", {DOT}},
    {"mmlp", {BRANCHES}},      {"mf_mmlp", {BRANCHES, DOT}},
};

static const struct product *products_of(const char *name)
{
    for (size_t k = 0; k < PS_COUNT(scoring); k++)
        if (strcmp(scoring[k].model, name) == 0)
            return scoring[k].product;
    ps_die(PS_EXIT_USAGE, "bench_model knows no products of %s: add them to scoring[]", name);
}

/* Returns pairs a second. */
static double bench_ranking(const char *name, size_t targets)
{
    struct ps_config config;
    struct ps_model model;
    struct ps_error err;
    ps_config_init(&config);
    if (ps_model_init(&model, name, &config, &dataset, &err) < 0)
        ps_die(PS_EXIT_FAIL, "%s", err.text);
    struct memory memory = {.model = &model};
    for (int t = 0; t < model.tables; t++) {
        size_t size = model.table[t].rows * model.table[t].width;
        memory.value[t] = ps_calloc(size, sizeof(float));
        fill(memory.value[t], size, (uint64_t)t);
    }
    struct ps_pair *target = ps_calloc(targets, sizeof *target);
    for (size_t k = 0; k < targets; k++)
        target[k] = (struct ps_pair){(uint32_t)k, (uint32_t)(k * 7 % ITEMS)};
    dataset.test = target, dataset.test_count = targets;
    struct ps_row_source source = {fetch, &memory};
    double begin = ps_cpu_now();
    struct ps_ranking how = {.split = PS_SPLIT_TEST, .mask = PS_MASK_TARGET};
    struct ps_ranks ranks;
    if (ps_rank_targets(&model, &source, &how, target, targets, &ranks, &err) < 0)
        ps_die(PS_EXIT_FAIL, "%s", err.text);
    double rate = (double)targets * ITEMS / (ps_cpu_now() - begin);
    printf("%-12s ranking %zu users x %d items: %.0f M pairs/s\n", name, targets, ITEMS, rate / 1e6);
    for (int t = 0; t < model.tables; t++)
        free(memory.value[t]);
    free(target), ps_ranks_fini(&ranks), ps_model_fini(&model);
    return rate;
}

/* Seconds of one call, in the mean of about as many as take a fifth of a second. */
static double gemm_seconds(const struct product *p)
{
    float *a = ps_calloc((size_t)p->m * (size_t)p->k, 4), *b = ps_calloc((size_t)p->n * (size_t)p->k, 4),
          *c = ps_calloc((size_t)p->m * (size_t)p->n, 4);
    double begin = ps_cpu_now();
    int calls = 0;
    for (; calls < 10 || ps_cpu_now() - begin < 0.2; calls++)
        nn_gemm(p->transpose_a, p->transpose_b, p->m, p->n, p->k, a, p->transpose_a ? p->m : p->k, b, p->transpose_b ? p->k : p->n, 0, c,
                p->n);
    double seconds = (ps_cpu_now() - begin) / calls;
    free(a), free(b), free(c);
    return seconds;
}

/* Pairs a second that a model's products alone allow; 0: it has none. */
static double bench_products(const struct product *product)
{
    double seconds = 0;
    for (int k = 0; k < 4 && product[k].m; k++) {
        double one = gemm_seconds(&product[k]);
        seconds += one * product[k].times / ((double)product[k].users * product[k].n);
        printf("product %d x %d x %d: %.0f GFLOP/s\n", product[k].m, product[k].n, product[k].k,
               2.0 * product[k].m * product[k].n * product[k].k / one / 1e9);
    }
    return seconds > 0 ? 1 / seconds : 0;
}

static void compare_ranking(const char *name)
{
    const struct product *product = products_of(name);
    double before = bench_products(product);
    double reached = bench_ranking(name, product->users > 1 ? USERS : USERS / 16);
    double after = bench_products(product);
    if (before > 0)
        printf("%.0f %% of the products alone\n", 200 * reached / (before + after));
}

int main(int argc, char **argv)
{
    ps_process_prepare();
    ps_process_huge_pages(argv);
    ps_blas_ensure_kernel(argv);
    int repeats = argc > 1 ? atoi(argv[1]) : 7;
    repeats = PS_MIN(PS_MAX(repeats, 1), 64);
    uint64_t *no_history = ps_calloc(USERS + 1, sizeof *no_history);
    uint32_t *no_users = ps_calloc(ITEMS, sizeof *no_users);
    for (int r = 0; r < BEHAVIOURS; r++)
        dataset.train[r].offset = no_history, dataset.train[r].count = no_users;
    printf("OpenBLAS kernels: %s\n", ps_blas_kernel());
    if (argc == 2 && strcmp(argv[1], "models") == 0) {
        for (size_t k = 0; k < PS_COUNT(scoring); k++)
            printf("%s\n", scoring[k].model);
        return 0;
    }
    if (argc == 3 && strcmp(argv[1], "ranking") == 0) {
        compare_ranking(argv[2]);
        return 0;
    }
    bench_training("nmtr_gmf", repeats);
    bench_training("nmtr_neumf", repeats);
    for (size_t k = 0; k < PS_COUNT(scoring); k++)
        compare_ranking(scoring[k].model);
    return 0;
}
