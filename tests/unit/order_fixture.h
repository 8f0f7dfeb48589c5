/* order_fixture.h - what the tests of the training order and of micro-batches share: a prepared dataset of several
 * blocks with views, carts and purchases, among its users one who touched every item and one who touched a single one.
 */
#ifndef PS_TEST_ORDER_FIXTURE_H
#define PS_TEST_ORDER_FIXTURE_H

#include "common/config.h"
#include "common/random.h"
#include "prepare_fixture.h"
#include "worker/recipe.h"

enum { USERS = 400, ITEMS = 120, GREEDY = 0, MODEST = 1 };

/* Whether user and item are in behaviour b (0 view, 1 cart, 2 buy); about 40, 15 and 6 % of all pairs. */
static inline bool made_pair(uint32_t user, uint32_t item, uint32_t b)
{
    static const uint64_t percent[] = {40, 15, 6};
    if (user == GREEDY)
        return b == 0 || item % 7 == b;
    if (user == MODEST)
        return b == 2 && item == 5;
    struct ps_random random = ps_random_stream(1, PS_RANDOM_TEST, user, item, b);
    return ps_random_below(&random, 100) < percent[b];
}

/* Prepares the dataset in the test's folder; the caller closes p->d. */
static inline void make_dataset(struct preparation *p)
{
    static const char *const name[] = {"view", "cart", "buy"};
    FILE *log = fopen(in_folder("log.tsv"), "w");
    assert_non_null(log);
    fputs("user\titem\tbehaviour\n", log);
    for (uint32_t user = 0; user < USERS; user++)
        for (uint32_t item = 0; item < ITEMS; item++)
            for (uint32_t b = 0; b < 3; b++)
                if (made_pair(user, item, b))
                    fprintf(log, "u%u\ti%u\t%s\n", user, item, name[b]);
    assert_int_equal(fclose(log), 0);
    prepare_begin(p);
    prepare_input(p, in_folder("log.tsv"), PS_ANY_BEHAVIOUR);
    prepare_now(p);
    assert_int_equal(p->d.users, USERS);
    assert_int_equal(p->d.items, ITEMS);
    assert_true(p->d.blocks >= 4);
}

static inline struct ps_config make_config(enum ps_sampling sampling, uint64_t window, int lanes)
{
    struct ps_config config;
    ps_config_init(&config);
    config.train.sampling = sampling;
    config.train.lanes = lanes;
    config.data.shuffle_window = window;
    return config;
}

/* The recipe of a model of that kind. */
static inline struct ps_recipe recipe_of(const struct ps_config *config, const struct ps_dataset *dataset, enum ps_heads heads)
{
    struct ps_recipe recipe;
    const struct ps_recipe_defaults defaults = {.heads = heads};
    assert_int_equal(ps_recipe_init(&recipe, "tested", &defaults, config, dataset, &err), 0);
    return recipe;
}

#endif
