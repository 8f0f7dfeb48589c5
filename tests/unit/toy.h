/* toy.h - a dataset of 5 users, 7 items and up to 3 behaviours, in memory, and a configuration for it.
 *
 *   user    view         cart      buy     test
 *   0       0 1 2 5      1 5       1       5
 *   1       2 3          3         3       2
 *   2       0 6          6         6       4
 *   3                                      0 and 6
 *   4       1 2 3 4      2 4       4       2
 *
 * Users have an age (0: 2; 1: 0; 2 none; 3: 1; 4: 2), items tags (0: 0 2; 1: 1; 2: 0 1 3; 3: none; 4: 2; 5: 3; 6: 0 3).
 */
#ifndef PS_TEST_TOY_H
#define PS_TEST_TOY_H

#include "common/config.h"
#include "data/dataset.h"

enum { TOY_USERS = 5, TOY_ITEMS = 7 };

static const uint64_t toy_offset[3][TOY_USERS + 1] = {{0, 4, 6, 8, 8, 12}, {0, 2, 3, 4, 4, 6}, {0, 1, 2, 3, 3, 4}};
static const uint32_t toy_item[3][12] = {{0, 1, 2, 5, 2, 3, 0, 6, 1, 2, 3, 4}, {1, 5, 3, 6, 2, 4}, {1, 3, 6, 4}};
static const uint32_t toy_count[3][TOY_ITEMS] = {{2, 2, 3, 2, 1, 1, 1}, {0, 1, 1, 1, 1, 1, 1}, {0, 1, 0, 1, 1, 0, 1}};
static const struct ps_pair toy_test[] = {{0, 5}, {1, 2}, {2, 4}, {3, 0}, {3, 6}, {4, 2}};

static const uint64_t toy_age_offset[TOY_USERS + 1] = {0, 1, 2, 2, 3, 4};
static const uint32_t toy_age[] = {2, 0, 1, 2};
static const uint64_t toy_tag_offset[TOY_ITEMS + 1] = {0, 2, 3, 6, 6, 7, 8, 10};
static const uint32_t toy_tag[] = {0, 2, 1, 0, 1, 3, 2, 3, 0, 3};

/* The `behaviours` strongest of view, cart and buy. */
static inline struct ps_dataset toy_dataset(uint32_t behaviours)
{
    static const char *const names[3] = {"view", "cart", "buy"};
    struct ps_dataset dataset = {.users = TOY_USERS,
                                 .items = TOY_ITEMS,
                                 .behaviours = behaviours,
                                 .test = toy_test,
                                 .test_count = PS_COUNT(toy_test),
                                 .features = 2,
                                 .feature = {{"age", PS_USERS, false, 3, PS_COUNT(toy_age), toy_age_offset, toy_age},
                                             {"tags", PS_ITEMS, false, 4, PS_COUNT(toy_tag), toy_tag_offset, toy_tag}}};
    for (uint32_t r = 0; r < behaviours; r++) {
        uint32_t b = 3 - behaviours + r;
        snprintf(dataset.behaviour[r], sizeof dataset.behaviour[r], "%s", names[b]);
        dataset.train[r] = (struct ps_history){
            .offset = toy_offset[b], .item = toy_item[b], .count = toy_count[b], .interactions = toy_offset[b][5]};
    }
    return dataset;
}

static inline struct ps_config toy_config(int embedding)
{
    struct ps_config config;
    ps_config_init(&config);
    config.model.embedding = embedding;
    return config;
}

#endif
