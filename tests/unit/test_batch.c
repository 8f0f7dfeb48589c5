/* test_batch.c - micro-batches: negatives, labels, weights, and the distinct ids in the order of the wire. */
#include "order_fixture.h"
#include "worker/batch.h"

enum { SHARDS = 3, LANE = 2, EPOCH = 4 };

struct setting {
    struct preparation p;
    struct ps_config config;
    struct ps_recipe recipe;
    struct ps_slot_map map;
    struct ps_batcher batcher;
    struct ps_batch batch;
    struct ps_entry *entry; /* owned: what a lane yields first */
    int count;
};

static void begin_kind(struct setting *s, struct ps_config config, enum ps_heads heads)
{
    make_dataset(&s->p);
    s->config = config;
    ps_slot_map_init(&s->map, SHARDS);
    s->recipe = recipe_of(&s->config, &s->p.d, heads);
    ps_batcher_init(&s->batcher, &s->p.d, &s->config, &s->recipe);
    ps_batch_init(&s->batch, &s->batcher);
    s->entry = ps_calloc((size_t)s->batcher.positives, sizeof *s->entry);
    struct ps_order order;
    struct ps_cursor cursor;
    ps_order_init(&order, &s->p.d, &s->config, &s->recipe);
    ps_order_seek(&order, EPOCH, LANE, 0, 1, &cursor);
    s->count = ps_order_next(&order, EPOCH, LANE, &cursor, s->batcher.positives, s->entry, &err);
    assert_int_equal(s->count, s->batcher.positives);
    ps_order_fini(&order);
}

static void begin(struct setting *s, struct ps_config config)
{
    begin_kind(s, config, PS_HEADS_EACH);
}

static void end(struct setting *s)
{
    free(s->entry);
    ps_batch_fini(&s->batch);
    ps_batcher_fini(&s->batcher);
    ps_dataset_close(&s->p.d);
}

static void build(struct setting *s, uint32_t epoch, uint32_t lane, uint64_t position)
{
    ps_batch_build(&s->batch, &s->batcher, &s->map, s->entry, s->count, epoch, lane, position);
}

/* Weakest first: lambda 0.2, 0.3 and 0.5. */
static struct ps_config weighted(enum ps_sampling sampling)
{
    struct ps_config config = make_config(sampling, 0, 4);
    config.train.batch = 1001; /* 200 positives with 4 negatives each, and no room for a part */
    config.model.loss_weights_count = 3;
    config.model.loss_weights[0] = 2, config.model.loss_weights[1] = 3, config.model.loss_weights[2] = 5;
    return config;
}
static const double lambda[] = {0.2, 0.3, 0.5};

static int strongest_of(uint32_t behaviours)
{
    return behaviours & 4 ? 2 : behaviours & 2 ? 1 : 0;
}

/* The positive that sample n belongs to, or is: samples come as a positive followed by its negatives. */
static int positive_before(const struct setting *s, int n)
{
    while (ps_dataset_seen(&s->p.d, s->batch.user[n], s->batch.item[n]) == 0)
        n--;
    return n;
}

static void per_behaviour_labels_and_weights(void **state)
{
    struct setting s;
    begin(&s, weighted(PS_SAMPLING_PER_BEHAVIOUR));
    const struct ps_batch *b = &s.batch;
    build(&s, EPOCH, LANE, 0);

    /* The greedy user has no negatives, so its positives stand alone. */
    int of_level[3] = {0}, greedy = 0, expected = 0;
    for (int i = 0; i < s.count; i++) {
        int samples = s.entry[i].user == id_of(&s.p.d, PS_USERS, "u0") ? 1 : 5;
        greedy += samples == 1;
        of_level[strongest_of(s.entry[i].behaviours)] += samples;
        expected += samples;
    }
    assert_true(greedy < s.count && of_level[0] && of_level[1] && of_level[2]);
    assert_int_equal(b->n, expected);
    assert_int_equal(b->need[2], of_level[2]);
    assert_int_equal(b->need[1], of_level[2] + of_level[1]);
    assert_int_equal(b->need[0], b->n);

    uint64_t entries = ps_recipe_entries(&s.recipe, &s.p.d);
    for (int n = 0; n < b->n; n++) {
        int level = n < b->need[2] ? 2 : n < b->need[1] ? 1 : 0;
        bool positive = ps_dataset_seen(&s.p.d, b->user[n], b->item[n]);
        assert_int_equal(b->user[positive_before(&s, n)], b->user[n]);
        for (int r = 0; r <= level; r++) {
            double share = (double)s.p.d.train[r].interactions / (double)entries;
            double want = r == level ? lambda[r] / (share * b->n) : 0; /* an interaction trains its own head alone */
            assert_true(fabs(b->weight[r][n] - want) <= 1e-6 * want);
            if (r == level)
                assert_true(b->label[r][n] == (positive ? 1 : 0));
        }
        if (positive)
            assert_true(ps_dataset_has(&s.p.d, (uint32_t)level, b->user[n], b->item[n]));
    }
    end(&s);
}

/* Averaged over an epoch, a behaviour's weights sum to its lambda: its term is a mean over its own samples. */
static void weights_sum_to_lambda(void **state)
{
    struct setting s;
    begin(&s, weighted(PS_SAMPLING_PER_BEHAVIOUR));
    struct ps_order order;
    ps_order_init(&order, &s.p.d, &s.config, &s.recipe);
    double sum[3] = {0}, batches = 0;
    for (uint32_t lane = 0; lane < order.lanes; lane++) {
        struct ps_cursor cursor;
        ps_order_seek(&order, 1, lane, 0, 1, &cursor);
        for (uint64_t position = 0;; position++) {
            s.count = ps_order_next(&order, 1, lane, &cursor, s.batcher.positives, s.entry, &err);
            if (s.count < s.batcher.positives) /* the last one of a lane is small, its mean coarse */
                break;
            build(&s, 1, lane, position);
            batches++;
            for (int r = 0; r < 3; r++)
                for (int n = 0; n < s.batch.need[r]; n++)
                    sum[r] += s.batch.weight[r][n];
        }
    }
    assert_true(batches > 50);
    for (int r = 0; r < 3; r++)
        assert_true(fabs(sum[r] / batches - lambda[r]) < 0.02 * lambda[r]);
    ps_order_fini(&order);
    end(&s);
}

static void union_labels_and_weights(void **state)
{
    struct setting s;
    begin(&s, weighted(PS_SAMPLING_UNION));
    const struct ps_batch *b = &s.batch;
    build(&s, EPOCH, LANE, 0);
    for (int r = 0; r < 3; r++) {
        assert_int_equal(b->need[r], b->n);
        for (int n = 0; n < b->n; n++) {
            assert_true(b->label[r][n] == (ps_dataset_has(&s.p.d, (uint32_t)r, b->user[n], b->item[n]) ? 1 : 0));
            assert_true(fabs(b->weight[r][n] - lambda[r] / b->n) <= 1e-6 * lambda[r] / b->n);
        }
    }
    end(&s);
}

/* Four strangers after every positive of a user who has any, none after those of one who has touched everything. */
static void negatives_are_strangers(void **state)
{
    struct setting s;
    begin(&s, weighted(PS_SAMPLING_PER_BEHAVIOUR));
    uint32_t greedy = id_of(&s.p.d, PS_USERS, "u0"), modest = id_of(&s.p.d, PS_USERS, "u1");
    uint32_t own = id_of(&s.p.d, PS_ITEMS, "i5");
    s.count = 100;
    for (int i = 0; i < s.count; i++)
        s.entry[i] = i % 2 ? (struct ps_entry){greedy, (uint32_t)i, 1} : (struct ps_entry){modest, own, 4};
    bool drawn[ITEMS] = {false};
    for (uint64_t position = 0; position < 10; position++) {
        build(&s, EPOCH, LANE, position);
        assert_int_equal(s.batch.n, 50 * 5 + 50);
        assert_int_equal(s.batch.need[2], 50 * 5);
        for (int n = 0; n < 250; n++) {
            assert_int_equal(s.batch.user[n], modest);
            assert_true(n % 5 ? s.batch.item[n] != own : s.batch.item[n] == own);
            drawn[s.batch.item[n]] = true;
        }
        for (int n = 250; n < 300; n++)
            assert_true(s.batch.user[n] == greedy && s.batch.label[0][n] == 1);
    }
    for (int item = 0; item < ITEMS; item++) /* 2,000 draws: all 119 others, without a gap at either end */
        assert_true(drawn[item]);
    end(&s);
}

/* Only one item is left to draw: rejection gives up, and the scan finds it. */
static void last_stranger_is_found(void **state)
{
    struct setting s;
    begin(&s, weighted(PS_SAMPLING_PER_BEHAVIOUR));
    static uint64_t offset[USERS + 1];
    static uint32_t item[ITEMS];
    for (uint32_t i = 0; i < ITEMS - 1; i++)
        item[i] = i < 77 ? i : i + 1;
    for (uint32_t user = 1; user <= USERS; user++)
        offset[user] = ITEMS - 1; /* all of them are user 0's */
    for (uint32_t b = 0; b < 3; b++)
        s.p.d.train[b].offset = offset, s.p.d.train[b].item = item, s.p.d.train[b].interactions = ITEMS - 1;
    s.entry[0] = (struct ps_entry){0, 3, 1};
    s.count = 1;
    for (uint64_t position = 0; position < 20; position++) {
        build(&s, EPOCH, LANE, position);
        assert_int_equal(s.batch.n, 5);
        for (int n = 1; n < 5; n++)
            assert_int_equal(s.batch.item[n], 77);
    }
    end(&s);
}

static void assert_keys(const struct ps_keys *keys, uint32_t route, const struct ps_slot_map *map, const uint32_t *id,
                        const uint32_t *row, int n)
{
    assert_int_equal(keys->first[0], 0);
    assert_int_equal(keys->first[map->shards], keys->count);
    uint32_t met = 0;
    for (uint32_t shard = 0; shard < map->shards; shard++)
        for (uint32_t k = keys->first[shard]; k < keys->first[shard + 1]; k++) {
            assert_int_equal(map->shard_of[ps_slot_hash(route, keys->key[k])], shard);
            if (k > keys->first[shard])
                assert_true(keys->key[k - 1] < keys->key[k]);
            for (int i = 0; i < n; i++)
                if (row[i] == k) {
                    met++;
                    break;
                }
        }
    assert_int_equal(met, keys->count); /* no key without a sample */
    for (int i = 0; i < n; i++) {
        assert_true(row[i] < keys->count);
        assert_int_equal(keys->key[row[i]], id[i]);
    }
}

static void keys_are_sorted_and_rows_map_back(void **state)
{
    struct setting s;
    begin(&s, weighted(PS_SAMPLING_PER_BEHAVIOUR));
    for (uint64_t position = 0; position < 3; position++) { /* scratch is used again */
        build(&s, EPOCH, LANE, position);
        assert_keys(&s.batch.users, PS_ROUTE_USER, &s.map, s.batch.user, s.batch.user_row, s.batch.n);
        assert_keys(&s.batch.items, PS_ROUTE_ITEM, &s.map, s.batch.item, s.batch.item_row, s.batch.n);
    }
    s.count = 0;
    build(&s, EPOCH, LANE, 3);
    assert_int_equal(s.batch.n + (int)s.batch.users.count + (int)s.batch.items.count, 0);
    end(&s);
}

/* Ids beyond one digit of the radix sort, up to the largest. */
static void large_ids_are_sorted(void **state)
{
    struct setting s;
    struct ps_config config = make_config(PS_SAMPLING_PER_BEHAVIOUR, 0, 4);
    config.train.negatives = 0;
    config.train.batch = 500;
    begin(&s, config);
    struct ps_random random = ps_random_stream(1, PS_RANDOM_TEST, 0, 0, 0);
    for (int i = 0; i < s.count; i++) {
        uint32_t id = i == 7 ? UINT32_MAX - 1 : (uint32_t)ps_random_next(&random) >> i % 32;
        s.entry[i] = (struct ps_entry){id % USERS, id, 1};
    }
    build(&s, EPOCH, LANE, 0);
    assert_int_equal(s.batch.n, s.count);
    assert_keys(&s.batch.items, PS_ROUTE_ITEM, &s.map, s.batch.item, s.batch.item_row, s.batch.n);
    end(&s);
}

static void same_name_same_batch(void **state)
{
    struct setting s, again;
    begin(&s, weighted(PS_SAMPLING_PER_BEHAVIOUR));
    build(&s, EPOCH, LANE, 9);
    again = s;
    ps_batcher_init(&again.batcher, &s.p.d, &s.config, &s.recipe); /* another worker */
    ps_batch_init(&again.batch, &again.batcher);
    build(&again, EPOCH, LANE, 8); /* which has built others before */
    assert_memory_not_equal(again.batch.item, s.batch.item, (size_t)s.batch.n * sizeof *s.batch.item);

    static const struct {
        uint32_t epoch, lane;
        uint64_t position, seed;
    } other[] = {{EPOCH, LANE, 9, 0},
                 {EPOCH + 1, LANE, 9, 0},
                 {EPOCH, LANE + 1, 9, 0},
                 {EPOCH, LANE, 10, 0},
                 {EPOCH, LANE, 9, 1}};
    for (size_t i = 0; i < PS_COUNT(other); i++) {
        again.batcher.seed = s.batcher.seed + other[i].seed;
        build(&again, other[i].epoch, other[i].lane, other[i].position);
        assert_int_equal(again.batch.n, s.batch.n);
        assert_int_equal(!memcmp(again.batch.item, s.batch.item, (size_t)s.batch.n * sizeof *s.batch.item), i == 0);
    }
    ps_batch_fini(&again.batch);
    ps_batcher_fini(&again.batcher);
    end(&s);
}

/* A tile in the middle of a batch sees its part of every behaviour's samples. */
static void tiles_cover_the_batch(void **state)
{
    struct setting s;
    begin(&s, weighted(PS_SAMPLING_PER_BEHAVIOUR));
    build(&s, EPOCH, LANE, 0);
    int need[3] = {0};
    struct ps_tile tile;
    for (int first = 0; first < s.batch.n; first += tile.n) {
        ps_batch_tile(&s.batch, &s.batcher, first, 64, &tile);
        assert_int_equal(tile.n, PS_MIN(64, s.batch.n - first));
        assert_int_equal(tile.need[0], tile.n);
        assert_ptr_equal(tile.user_row, s.batch.user_row + first);
        assert_ptr_equal(tile.weight[1], s.batch.weight[1] + first);
        for (int r = 0; r < 3; r++)
            need[r] += tile.need[r];
    }
    for (int r = 0; r < 3; r++)
        assert_int_equal(need[r], s.batch.need[r]);
    end(&s);
}

/* One score for all behaviours: every sample is its, with the weight of its behaviour. */
static void shared_head(void **state)
{
    struct setting s;
    begin_kind(&s, weighted(PS_SAMPLING_PER_BEHAVIOUR), PS_HEADS_SHARED);
    build(&s, EPOCH, LANE, 0);
    assert_int_equal(s.batch.need[0], s.batch.n);
    uint64_t entries = ps_recipe_entries(&s.recipe, &s.p.d);
    int n = 0;
    for (int i = 0; i < s.count; i++) {
        int level = strongest_of(s.entry[i].behaviours);
        double want = lambda[level] * (double)entries / (double)s.p.d.train[level].interactions / s.batch.n;
        assert_int_equal(s.batch.item[n], s.entry[i].item);
        do {
            assert_true(s.batch.label[0][n] == (s.batch.behind[n] ? 0 : 1));
            assert_true(fabs(s.batch.weight[0][n] - want) <= 1e-6 * want);
            assert_int_equal(s.batch.user[n], s.entry[i].user);
        } while (s.batch.behind[++n] && n < s.batch.n);
    }
    assert_int_equal(n, s.batch.n);
    end(&s);
}

/* The target alone: its weights are those of a mean, whatever model.loss_weights says. */
static void target_head(void **state)
{
    struct setting s;
    begin_kind(&s, weighted(PS_SAMPLING_PER_BEHAVIOUR), PS_HEADS_TARGET);
    build(&s, EPOCH, LANE, 0);
    for (int n = 0; n < s.batch.n; n++) {
        assert_true(fabs(s.batch.weight[0][n] * s.batch.n - 1) < 1e-6);
        assert_int_equal(s.batch.label[0][n], ps_dataset_has(&s.p.d, 2, s.batch.user[n], s.batch.item[n]));
    }
    end(&s);
}

/* Pairs: the weight of a pair is its negative's; the pairs' weights sum to 1 where all behaviours weigh alike. */
static void pairs_weigh_their_negatives(void **state)
{
    struct setting s;
    struct ps_config config = weighted(PS_SAMPLING_PER_BEHAVIOUR);
    config.model.loss = PS_LOSS_BPR;
    begin_kind(&s, config, PS_HEADS_TARGET);
    build(&s, EPOCH, LANE, 0);
    double sum = 0;
    for (int n = 0; n < s.batch.n; n++) {
        assert_int_equal(s.batch.behind[n] == 0, ps_dataset_has(&s.p.d, 2, s.batch.user[n], s.batch.item[n]));
        assert_true((s.batch.weight[0][n] == 0) == (s.batch.behind[n] == 0));
        sum += s.batch.weight[0][n];
    }
    assert_true(fabs(sum - 1) < 1e-4);
    end(&s);
}

/* Under union sampling a pair counts under the heads whose behaviour its positive has. */
static void pairs_of_all_heads(void **state)
{
    struct setting s;
    struct ps_config config = weighted(PS_SAMPLING_UNION);
    config.model.loss = PS_LOSS_BPR;
    begin(&s, config);
    build(&s, EPOCH, LANE, 0);
    for (int r = 0; r < 3; r++)
        for (int n = 0; n < s.batch.n; n++) {
            uint32_t positive = (uint32_t)n - s.batch.behind[n];
            bool counts = s.batch.behind[n] && ps_dataset_has(&s.p.d, (uint32_t)r, s.batch.user[n], s.batch.item[positive]);
            assert_int_equal(s.batch.weight[r][n] > 0, counts);
        }
    end(&s);
}

/* No tile begins with a negative, and every one holds as much as it may, or a single positive with more than that. */
static void tiles_keep_pairs_together(void **state)
{
    struct setting s;
    struct ps_config config = weighted(PS_SAMPLING_PER_BEHAVIOUR);
    config.model.loss = PS_LOSS_BPR;
    begin(&s, config);
    build(&s, EPOCH, LANE, 0);
    for (int most = 1; most <= 2000; most = most * 3 + 1) {
        struct ps_tile tile;
        int first = 0;
        for (; first < s.batch.n; first += tile.n) {
            ps_batch_tile(&s.batch, &s.batcher, first, most, &tile);
            assert_true(tile.n > 0 && tile.behind == s.batch.behind + first && tile.behind[0] == 0);
            assert_true(tile.n <= PS_MAX(most, 5));
            assert_true(first + tile.n == s.batch.n || tile.n > most - 5);
        }
        assert_int_equal(first, s.batch.n);
    }
    end(&s);
}

/* The bags of a micro-batch's users: their items, at most so many of each behaviour, found among the keys. */
static void histories_are_bags(void **state)
{
    struct setting s;
    struct ps_config config = weighted(PS_SAMPLING_PER_BEHAVIOUR);
    const struct ps_recipe_defaults defaults = {.heads = PS_HEADS_SHARED, .history = true};
    begin(&s, config);
    for (int most = 10; most <= 1000; most *= 10) {
        struct ps_recipe recipe;
        struct ps_batcher batcher;
        struct ps_batch batch;
        config.model.history = most;
        assert_int_equal(ps_recipe_init(&recipe, "m", &defaults, &config, &s.p.d, &err), 0);
        ps_batcher_init(&batcher, &s.p.d, &config, &recipe);
        ps_batch_init(&batch, &batcher);
        ps_batch_build(&batch, &batcher, &s.map, s.entry, s.count, EPOCH, LANE, 0);
        const struct ps_bags *bags = &batch.bags;
        assert_true(bags->keys.count <= ps_batcher_keys(&batcher, PS_TABLE_HISTORY));
        for (uint32_t u = 0; u < batch.users.count; u++) {
            const struct nn_bag_entry *e = bags->entry + bags->begin[u];
            for (uint32_t b = 0; b < 3; b++) {
                uint64_t all = s.p.d.train[b].offset[batch.users.key[u] + 1] - s.p.d.train[b].offset[batch.users.key[u]];
                uint64_t count = PS_MIN(all, (uint64_t)most), last = 0;
                for (uint64_t k = 0; k < count; k++, e++) {
                    uint64_t item = bags->keys.key[e->row];
                    assert_int_equal(e->block, b);
                    assert_true(fabs((double)e->weight - 1 / sqrt((double)count)) < 1e-6);
                    assert_true(ps_dataset_has(&s.p.d, b, (uint32_t)batch.users.key[u], (uint32_t)item));
                    assert_true(k == 0 || item > last); /* different ones */
                    last = item;
                }
            }
            assert_ptr_equal(e, bags->entry + bags->begin[u + 1]);
        }
        for (int n = 0; n < batch.n; n++) /* a sample's own item */
            if (bags->own[n] != PS_NO_KEY)
                assert_int_equal(bags->keys.key[bags->own[n]], batch.item[n]);
            else
                for (uint32_t k = 0; k < bags->keys.count; k++)
                    assert_true(bags->keys.key[k] != batch.item[n]);
        ps_batch_fini(&batch);
        ps_batcher_fini(&batcher);
    }
    end(&s);
}

/* Ranking's sums are those of the bags, whatever users are asked for together. */
static int fetch_squares(void *ctx, int table, const uint32_t *ids, int n, float *out, struct ps_error *e)
{
    for (int k = 0; k < n; k++) {
        assert_true(k == 0 || ids[k] > ids[k - 1]);
        for (int j = 0; j < 6; j++)
            out[k * 6 + j] = (float)(ids[k] * ids[k] % 97) + (float)j;
    }
    return 0;
}

static void histories_are_pooled(void **state)
{
    struct setting s;
    begin(&s, weighted(PS_SAMPLING_PER_BEHAVIOUR));
    const struct ps_row_source source = {.fetch = fetch_squares};
    s.recipe.history = 7;
    const struct ps_bag_source histories = ps_bag_source_history(&s.recipe, &s.p.d);
    float together[USERS * 6] = {0};
    uint32_t user[USERS];
    for (uint32_t u = 0; u < USERS; u++)
        user[u] = u * 7 % USERS;
    assert_int_equal(ps_bags_pool(&histories, &source, 0, 6, user, USERS, together, &err), 0);
    for (uint32_t u = 0; u < USERS; u++) {
        float alone[6] = {0};
        assert_int_equal(ps_bags_pool(&histories, &source, 0, 6, &user[u], 1, alone, &err), 0);
        assert_memory_equal(alone, together + u * 6, sizeof alone);
        for (uint32_t b = 0; b < 3; b++) {
            double sum = 0;
            uint64_t count = ps_history_count(&s.p.d, b, user[u], 7);
            for (uint64_t k = 0; k < count; k++) {
                uint64_t item = ps_history_item(&s.p.d, b, user[u], 7, k);
                sum += ((double)(item * item % 97) + b * 2) / sqrt((double)count);
            }
            assert_true(fabs(sum - (double)alone[b * 2]) < 1e-3);
        }
    }
    end(&s);
}

/* A feature of the users, up to three values each of many, and one of the items, none or one. */
struct features {
    uint64_t *offset[2];
    uint32_t *value[2];
};

static void add_features(struct ps_dataset *d, struct features *f)
{
    for (int k = 0; k < 2; k++) {
        uint64_t owners = k ? d->items : d->users, pairs = 0;
        f->offset[k] = ps_calloc(owners + 1, sizeof **f->offset);
        f->value[k] = ps_calloc(3 * owners, sizeof **f->value);
        for (uint32_t i = 0; i < owners; i++) {
            for (uint32_t v = 0; v < (k ? i % 2 : 1 + i % 3); v++)
                f->value[k][pairs++] = i % 7 + 11 * v;
            f->offset[k][i + 1] = pairs;
        }
        d->feature[k] = (struct ps_feature){.name = {(char)('a' + k)}, .side = k ? PS_ITEMS : PS_USERS, .values = 1000, .pairs = pairs,
                                            .offset = f->offset[k], .value = f->value[k]};
    }
    d->features = 2;
}

static void features_are_bags(void **state)
{
    struct setting s;
    struct features f;
    struct ps_config config = weighted(PS_SAMPLING_PER_BEHAVIOUR);
    const struct ps_recipe_defaults defaults = {.heads = PS_HEADS_EACH};
    begin(&s, config);
    add_features(&s.p.d, &f);
    for (int pooling = PS_POOLING_SUM; pooling <= PS_POOLING_MEAN; pooling++) {
        struct ps_recipe recipe;
        struct ps_batcher batcher;
        struct ps_batch batch;
        config.model.feature_pooling = (enum ps_pooling)pooling;
        snprintf(config.model.features, sizeof config.model.features, pooling ? "b,a" : "all");
        assert_int_equal(ps_recipe_init(&recipe, "m", &defaults, &config, &s.p.d, &err), 0);
        assert_int_equal(recipe.features, 2);
        ps_batcher_init(&batcher, &s.p.d, &config, &recipe);
        ps_batch_init(&batch, &batcher);
        ps_batch_build(&batch, &batcher, &s.map, s.entry, s.count, EPOCH, LANE, 0);
        for (int k = 0; k < 2; k++) {
            enum ps_table_kind kind = PS_TABLE_FEATURE + (enum ps_table_kind)k;
            const struct ps_keys *owners = k ? &batch.items : &batch.users, *keys = ps_batch_keys(&batch, kind);
            const struct ps_table_spec table = {.kind = kind};
            assert_true(keys->count > 0 && keys->count <= ps_batcher_keys(&batcher, kind));
            for (uint32_t shard = 0; shard < SHARDS; shard++)
                for (uint32_t i = keys->first[shard]; i < keys->first[shard + 1]; i++)
                    assert_int_equal(s.map.shard_of[ps_slot_of(&table, 9, keys->key[i])], shard);
            for (uint32_t o = 0; o < owners->count; o++) {
                uint64_t n;
                const uint32_t *value = ps_dataset_feature_values(&s.p.d.feature[k], owners->key[o], &n);
                assert_int_equal(batch.feature[k].begin[o + 1] - batch.feature[k].begin[o], n);
                for (uint64_t v = 0; v < n; v++) {
                    const struct nn_bag_entry *e = &batch.feature[k].entry[batch.feature[k].begin[o] + v];
                    assert_int_equal(keys->key[e->row], value[v]);
                    assert_true(fabs((double)e->weight - (pooling ? 1 / (double)n : 1)) < 1e-7);
                }
            }
        }
        ps_batch_fini(&batch);
        ps_batcher_fini(&batcher);
    }
    for (int k = 0; k < 2; k++)
        free(f.offset[k]), free(f.value[k]);
    end(&s);
}

/* Features that are not there, and models that cannot have any. */
static void wrong_features_are_refused(void **state)
{
    struct setting s;
    struct ps_recipe recipe;
    struct features f;
    const struct ps_recipe_defaults each = {.heads = PS_HEADS_EACH}, sweeps = {.heads = PS_HEADS_TARGET, .sweeps = true};
    begin(&s, weighted(PS_SAMPLING_PER_BEHAVIOUR));
    struct ps_config config = s.config;
    snprintf(config.model.features, sizeof config.model.features, "all");
    assert_int_equal(ps_recipe_init(&recipe, "m", &each, &config, &s.p.d, &err), -PS_EXIT_USAGE);
    assert_non_null(strstr(err.text, "has no side features; prepare it with --item-features or --user-features"));
    add_features(&s.p.d, &f);
    config.train.batch = 1 << 20;
    assert_int_equal(ps_recipe_init(&recipe, "als", &sweeps, &config, &s.p.d, &err), -PS_EXIT_USAGE);
    assert_non_null(strstr(err.text, "model.features is set, but als solves the rows of users and items by themselves; use wmf"));
    snprintf(config.model.features, sizeof config.model.features, "a,brand");
    assert_int_equal(ps_recipe_init(&recipe, "m", &each, &config, &s.p.d, &err), -PS_EXIT_USAGE);
    assert_non_null(strstr(err.text, "names 'brand', but the dataset"));
    assert_non_null(strstr(err.text, "has only a,b"));
    snprintf(config.model.features, sizeof config.model.features, "b");
    assert_int_equal(ps_recipe_init(&recipe, "m", &each, &config, &s.p.d, &err), 0);
    assert_int_equal(recipe.features, 1);
    assert_int_equal(recipe.feature[0], 1);
    for (int k = 0; k < 2; k++)
        free(f.offset[k]), free(f.value[k]);
    end(&s);
}

/* A loss over all pairs: interactions without negatives, each behaviour's a sum with lambda over all samples of the batch. */
static void whole_data_draws_nothing(void **state)
{
    struct setting s;
    struct ps_config config = weighted(PS_SAMPLING_PER_BEHAVIOUR);
    const struct ps_recipe_defaults whole = {.heads = PS_HEADS_EACH, .loss = PS_LOSS_WHOLE, .whole = true};
    begin(&s, config);
    ps_batcher_fini(&s.batcher);
    assert_int_equal(ps_recipe_init(&s.recipe, "m", &whole, &s.config, &s.p.d, &err), 0);
    assert_int_equal(s.recipe.negatives, 0);
    ps_batcher_init(&s.batcher, &s.p.d, &s.config, &s.recipe);
    assert_int_equal(s.batcher.positives, s.batcher.capacity);
    build(&s, 1, 0, 0);
    assert_true(s.batch.need[2] > 0 && s.batch.need[1] > s.batch.need[2] && s.batch.need[0] > s.batch.need[1]);
    assert_int_equal(s.batch.need[0], s.batch.n);
    for (int r = 0; r < 3; r++)
        for (int n = 0; n < s.batch.need[r]; n++) {
            bool own = r == 2 || n >= s.batch.need[r + 1];
            assert_true(fabs((double)s.batch.weight[r][n] - (own ? lambda[r] / s.batch.n : 0)) < 1e-8);
            assert_true(!own || (s.batch.label[r][n] == 1 && ps_dataset_has(&s.p.d, (uint32_t)r, s.batch.user[n], s.batch.item[n])));
        }
    end(&s);
}

static void impossible_recipes_are_refused(void **state)
{
    struct setting s;
    begin(&s, weighted(PS_SAMPLING_PER_BEHAVIOUR));
    struct ps_recipe recipe;
    struct ps_recipe_defaults each = {.heads = PS_HEADS_EACH}, shared = {.heads = PS_HEADS_SHARED, .loss = PS_LOSS_BPR};
    s.config.model.loss_weights_count = 2;
    assert_int_equal(ps_recipe_init(&recipe, "m", &each, &s.config, &s.p.d, &err), -PS_EXIT_USAGE);
    assert_non_null(strstr(err.text, "loss_weights"));
    s.config = weighted(PS_SAMPLING_UNION);
    assert_int_equal(ps_recipe_init(&recipe, "m", &shared, &s.config, &s.p.d, &err), -PS_EXIT_USAGE);
    assert_non_null(strstr(err.text, "train.sampling is union"));
    s.config = weighted(PS_SAMPLING_PER_BEHAVIOUR);
    s.config.train.negatives = 0;
    assert_int_equal(ps_recipe_init(&recipe, "m", &shared, &s.config, &s.p.d, &err), -PS_EXIT_USAGE);
    assert_non_null(strstr(err.text, "train.negatives is 0"));
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FOLDER_TEST(per_behaviour_labels_and_weights),
        FOLDER_TEST(weights_sum_to_lambda),
        FOLDER_TEST(union_labels_and_weights),
        FOLDER_TEST(negatives_are_strangers),
        FOLDER_TEST(last_stranger_is_found),
        FOLDER_TEST(keys_are_sorted_and_rows_map_back),
        FOLDER_TEST(large_ids_are_sorted),
        FOLDER_TEST(same_name_same_batch),
        FOLDER_TEST(tiles_cover_the_batch),
        FOLDER_TEST(shared_head),
        FOLDER_TEST(target_head),
        FOLDER_TEST(pairs_weigh_their_negatives),
        FOLDER_TEST(pairs_of_all_heads),
        FOLDER_TEST(tiles_keep_pairs_together),
        FOLDER_TEST(histories_are_bags),
        FOLDER_TEST(histories_are_pooled),
        FOLDER_TEST(features_are_bags),
        FOLDER_TEST(wrong_features_are_refused),
        FOLDER_TEST(whole_data_draws_nothing),
        FOLDER_TEST(impossible_recipes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
