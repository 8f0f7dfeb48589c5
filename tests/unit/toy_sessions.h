/* toy_sessions.h - a dataset of sessions in memory: 7 items, 3 operations, 2 feedbacks, 2 visitors; brands and tags of items.
 *
 *   training                          held out
 *   0  a: 1 2 1 5                     3  a: 5 2 | 6      (2 cases: 2 behind 5, 6 behind 5 2)
 *   1  b: 3 (0 shown) 3 4             4  b: 4 1          (1 case)
 *   2  b: 0 6
 *
 * Items have tags, those of toy.h; users (cases) a feature that no model of sessions can use.
 */
#ifndef PS_TEST_TOY_SESSIONS_H
#define PS_TEST_TOY_SESSIONS_H

#include "toy.h"

enum { TOY_CASES = 3, TOY_SESSION_ITEMS = 7 };

static const uint64_t toy_begin[] = {0, 4, 8, 10, 13, 15}, toy_targets[] = {0, 3, 5, 6};
static const uint32_t toy_events[] = {1, 2, 1, 5, 3, 0, 3, 4, 0, 6, 5, 2, 6, 4, 1};
static const uint8_t toy_operations[] = {0, 1, 0, 2, 0, PS_SHOWN, 1, 0, 2, 0, 0, 1, 2, 0, 0};
static const uint8_t toy_feedback[] = {1, 0, 3, 1, 0, 0, 2, 1, 1, 0, 1, 1, 0, 2, 3};
static const uint32_t toy_visitor[] = {0, 1, 1, 0, 1}, toy_first[] = {1, 1};
static const struct ps_case toy_cases[] = {{3, 1}, {3, 2}, {4, 1}};
static const struct ps_pair toy_case_items[] = {{0, 2}, {1, 6}, {2, 1}};
static const uint32_t toy_event_count[TOY_SESSION_ITEMS] = {1, 2, 1, 2, 1, 1, 1};
/* Features of the cases, which are nobody's knowledge, and of the items: 6 triples of brand, 7 of tag. Item 6 has no brand. */
static const uint64_t toy_kg_age_offset[] = {0, 1, 1, 2}, toy_kg_brand_offset[] = {0, 1, 2, 3, 4, 5, 6, 6}, toy_kg_tag_offset[] = {0, 2, 3, 3, 5, 6, 6, 7};
static const uint32_t toy_kg_ages[] = {0, 1}, toy_kg_brands[] = {0, 0, 1, 1, 2, 2}, toy_kg_tags[] = {0, 1, 1, 0, 2, 3, 1};
enum { TOY_TRIPLES = 13, TOY_VALUES = 7 };
static const uint64_t toy_no_offset[TOY_CASES + 1];

static inline struct ps_dataset toy_session_dataset(void)
{
    return (struct ps_dataset){.path = (char *)"toy",
                               .users = TOY_CASES,
                               .items = TOY_SESSION_ITEMS,
                               .behaviours = 1,
                               .behaviour = {"event"},
                               .train = {{.offset = toy_no_offset, .count = toy_event_count}},
                               .test = toy_case_items,
                               .test_count = TOY_CASES,
                               .features = 3,
                               .feature = {{"age", PS_USERS, false, 2, 2, toy_kg_age_offset, toy_kg_ages},
                                           {"brand", PS_ITEMS, false, 3, 6, toy_kg_brand_offset, toy_kg_brands},
                                           {"tag", PS_ITEMS, false, 4, 7, toy_kg_tag_offset, toy_kg_tags}},
                               .sessions = {.count = 5,
                                            .train = 3,
                                            .longest = 4,
                                            .begin = toy_begin,
                                            .item = toy_events,
                                            .operation = toy_operations,
                                            .feedback = toy_feedback,
                                            .visitor = toy_visitor,
                                            .first = toy_first,
                                            .targets = toy_targets,
                                            .cases = toy_cases,
                                            .visitors = 2,
                                            .operations = 3,
                                            .feedbacks = 2,
                                            .operation_name = {"click", "cart", "order"},
                                            .feedback_name = {"like", "share"}}};
}

#endif
