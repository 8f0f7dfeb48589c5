/* split.c - the rules of merging and holding out, for one user; see split.h. */
#include "data/split.h"
#include "common/random.h"

#include <stdlib.h>
#include <string.h>

enum draw { DRAW_VALID = 1, DRAW_HIDE, DRAW_LEAVE_OUT /* and those after it: a behaviour each */ };

/* What a user had not done yet when a held-out pair happened, where pairs are held out by time. Nothing after the test
 * pair is known. What lies between the validation pair and the test pair is history when the test comes, and one
 * training set serves both, so it stays; only events of the validation item itself would give it away. */
struct horizon {
    int64_t time; /* of the test pair */
    uint32_t valid_item;
    int64_t valid_time; /* INT64_MAX: nothing to hide */
};

void ps_user_lists_init(struct ps_user_lists *lists)
{
    *lists = (struct ps_user_lists){0};
}

void ps_user_lists_fini(struct ps_user_lists *lists)
{
    for (int b = 0; b < PS_MAX_BEHAVIOURS; b++) {
        free(lists->item[b]);
        free(lists->time[b]);
    }
    free(lists->valid);
    free(lists->test);
    free(lists->target);
    *lists = (struct ps_user_lists){0};
}

/* By kind, item, time, position: what is merged lies together. */
static int compare_records(const void *left, const void *right)
{
    const struct ps_record *l = left, *r = right;
    uint32_t l_kind = ps_record_kind(l), r_kind = ps_record_kind(r);
    if (l_kind != r_kind)
        return l_kind < r_kind ? -1 : 1;
    if (l->item != r->item)
        return l->item < r->item ? -1 : 1;
    if (l->when != r->when)
        return l->when < r->when ? -1 : 1;
    return (l->user > r->user) - (l->user < r->user);
}

static bool holds(const uint32_t *sorted, uint64_t count, uint32_t item)
{
    uint64_t low = 0, high = count;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (sorted[middle] < item)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && sorted[low] == item;
}

/* Held-out items are few: insertion keeps them sorted. False: it is there already. */
static bool insert(uint32_t **sorted, uint64_t *count, size_t *capacity, uint32_t item)
{
    uint64_t at = *count;
    if (holds(*sorted, *count, item))
        return false;
    PS_GROW(*sorted, *capacity, *count + 1);
    for (; at > 0 && (*sorted)[at - 1] > item; at--)
        (*sorted)[at] = (*sorted)[at - 1];
    (*sorted)[at] = item;
    (*count)++;
    return true;
}

/* The given pairs: all of the test's, and those of the validation that are no test pairs. */
static void take_given(const struct ps_record *valid, uint64_t valid_count, const struct ps_record *test,
                       uint64_t test_count, struct ps_user_lists *lists, struct ps_split_counts *counts)
{
    for (uint64_t i = 0; i < test_count; i++)
        if (!insert(&lists->test, &lists->test_count, &lists->test_capacity, test[i].item))
            counts->repeated_pairs++;
    for (uint64_t i = 0; i < valid_count; i++) {
        if (holds(lists->test, lists->test_count, valid[i].item))
            counts->valid_in_test++;
        else if (!insert(&lists->valid, &lists->valid_count, &lists->valid_capacity, valid[i].item))
            counts->repeated_pairs++;
    }
}

/* Where the records of one item that begin at `at` end, and how many of them lie within the horizon: the first ones. */
static uint64_t item_run(const struct ps_record *record, uint64_t at, uint64_t end, int64_t horizon, uint64_t *within)
{
    uint64_t next = at;
    *within = 0;
    for (; next < end && record[next].item == record[at].item; next++)
        *within += ps_record_time(&record[next]) <= horizon;
    return next;
}

/* The user's target items that are still free, one record each. */
static uint64_t merge_targets(const struct ps_split_rules *rules, const struct ps_record *record, uint64_t count,
                              struct ps_user_lists *lists, struct ps_split_counts *counts)
{
    uint64_t merged = 0;
    PS_GROW(lists->target, lists->target_capacity, count);
    for (uint64_t at = 0, next; at < count; at = next) {
        uint64_t within;
        next = item_run(record, at, count, INT64_MAX, &within);
        if (holds(lists->test, lists->test_count, record[at].item))
            counts->test_in_training++;
        else if (holds(lists->valid, lists->valid_count, record[at].item))
            counts->valid_in_training++;
        else
            lists->target[merged++] = record[rules->last_duplicate ? next - 1 : at];
    }
    return merged;
}

static struct ps_random draw(const struct ps_split_rules *rules, uint64_t user_key, uint64_t item_key, uint64_t what)
{
    return ps_random_stream(rules->seed, PS_RANDOM_SPLIT, user_key, item_key, what);
}

/* Which of the free targets the rule holds out; `count` for none. */
static uint64_t choose(const struct ps_split_rules *rules, enum ps_holdout rule, const struct ps_record *target,
                       uint64_t count, uint64_t user_key, const uint64_t *item_key)
{
    uint64_t chosen = count, lowest = 0;
    if (count <= rules->keep_targets || rule == PS_HOLDOUT_NONE || rule == PS_HOLDOUT_GIVEN)
        return count;
    for (uint64_t i = 0; i < count; i++) {
        const struct ps_record *t = &target[i], *best = chosen < count ? &target[chosen] : NULL;
        struct ps_random random = draw(rules, user_key, item_key[t->item], DRAW_VALID);
        uint64_t key = rule == PS_HOLDOUT_RANDOM ? ps_random_next(&random) : 0;
        bool later = best && (rule == PS_HOLDOUT_LAST_TIME && t->when != best->when ? t->when > best->when
                                                                                    : t->user > best->user);
        if (!best || (rule == PS_HOLDOUT_RANDOM ? key < lowest : later)) {
            chosen = i;
            lowest = key;
        }
    }
    return chosen;
}

static struct ps_record take(struct ps_record *target, uint64_t *count, uint64_t chosen)
{
    struct ps_record record = target[chosen];
    memmove(target + chosen, target + chosen + 1, (--*count - chosen) * sizeof *target);
    return record;
}

static bool left_out(const struct ps_split_rules *rules, uint32_t b, uint64_t user_key, uint64_t item_key)
{
    struct ps_random random = draw(rules, user_key, item_key, DRAW_LEAVE_OUT + b);
    return rules->leave_out[b] > 0 && ps_random_unit(&random) < rules->leave_out[b];
}

/* Training list of a behaviour: items within the horizon, without the ones that are to be left out. */
static void list_behaviour(const struct ps_split_rules *rules, uint32_t b, const struct ps_record *record,
                           uint64_t count, const struct horizon *horizon, const uint32_t *hidden, uint64_t hidden_count,
                           uint64_t user_key, const uint64_t *item_key, struct ps_user_lists *lists, struct ps_split_counts *counts)
{
    bool target = b == rules->behaviours - 1;
    if (count > lists->capacity[b]) {
        lists->capacity[b] = count + count / 2;
        lists->item[b] = ps_realloc(lists->item[b], lists->capacity[b], sizeof **lists->item);
        lists->time[b] = ps_realloc(lists->time[b], lists->capacity[b], sizeof **lists->time);
    }
    lists->count[b] = 0;
    for (uint64_t at = 0, next; at < count; at = next) {
        uint32_t item = record[at].item;
        uint64_t within;
        int64_t latest = item == horizon->valid_item ? PS_MIN(horizon->time, horizon->valid_time) : horizon->time;
        next = item_run(record, at, count, latest, &within);
        counts->future[b] += next - at - within;
        if (!within)
            continue;
        counts->duplicates[b] += within - 1;
        if (target && (holds(lists->test, lists->test_count, item) || holds(lists->valid, lists->valid_count, item)))
            continue;
        if (!target && holds(hidden, hidden_count, item)) {
            counts->hidden[b]++;
            continue;
        }
        if (!target && left_out(rules, b, user_key, item_key[item])) {
            counts->left_out[b]++;
            continue;
        }
        lists->item[b][lists->count[b]] = item;
        lists->time[b][lists->count[b]++] = ps_seconds_of(ps_record_time(&record[rules->last_duplicate ? at + within - 1 : at]));
    }
}

static void count_seen(const struct ps_user_lists *lists, uint32_t behaviours, const uint32_t *held, uint64_t count,
                       uint64_t *seen)
{
    for (uint32_t b = 0; b < behaviours; b++)
        for (uint64_t i = 0, k = 0; i < lists->count[b] && k < count; i++) {
            while (k < count && held[k] < lists->item[b][i])
                k++;
            seen[b] += k < count && held[k] == lists->item[b][i];
        }
}

void ps_split_user(const struct ps_split_rules *rules, struct ps_record *record, uint64_t count, uint64_t user_key,
                   const uint64_t *item_key, struct ps_user_lists *lists, struct ps_split_counts *counts)
{
    uint64_t first[PS_KINDS + 1], at = 0;
    uint32_t target_kind = rules->behaviours - 1;
    struct horizon horizon = {.time = INT64_MAX, .valid_time = INT64_MAX};
    for (uint64_t i = 0; i < count; i++)
        record[i].user = (uint32_t)i;
    qsort(record, count, sizeof *record, compare_records);
    for (uint32_t kind = 0; kind <= PS_KINDS; kind++) {
        while (at < count && ps_record_kind(&record[at]) < kind)
            at++;
        first[kind] = at;
    }

    lists->valid_count = lists->test_count = 0;
    take_given(record + first[PS_KIND_VALID], first[PS_KIND_VALID + 1] - first[PS_KIND_VALID],
               record + first[PS_KIND_TEST], first[PS_KIND_TEST + 1] - first[PS_KIND_TEST], lists, counts);
    uint64_t targets =
        merge_targets(rules, record + first[target_kind], first[target_kind + 1] - first[target_kind], lists, counts);
    const enum ps_holdout rule[2] = {rules->test, rules->valid}; /* the test's pair is chosen first */
    for (int s = 0; s < 2; s++) {
        uint64_t chosen = choose(rules, rule[s], lists->target, targets, user_key, item_key);
        if (chosen == targets)
            continue;
        struct ps_record held = take(lists->target, &targets, chosen);
        bool hide_future = rule[s] == PS_HOLDOUT_LAST_TIME && !rules->keep_future;
        if (s == 0) {
            insert(&lists->test, &lists->test_count, &lists->test_capacity, held.item);
            horizon.time = hide_future ? ps_record_time(&held) : INT64_MAX;
        } else {
            insert(&lists->valid, &lists->valid_count, &lists->valid_capacity, held.item);
            horizon.valid_item = held.item;
            horizon.valid_time = hide_future ? ps_record_time(&held) : INT64_MAX;
        }
    }

    uint32_t *hidden = ps_malloc(lists->valid_count * sizeof *hidden);
    uint64_t hidden_count = 0;
    for (uint64_t i = 0; rules->hide_weaker > 0 && i < lists->valid_count; i++) {
        struct ps_random random = draw(rules, user_key, item_key[lists->valid[i]], DRAW_HIDE);
        if (ps_random_unit(&random) < rules->hide_weaker)
            hidden[hidden_count++] = lists->valid[i];
    }
    for (uint32_t b = 0; b < rules->behaviours; b++)
        list_behaviour(rules, b, record + first[b], first[b + 1] - first[b], &horizon, hidden, hidden_count, user_key,
                       item_key, lists, counts);
    free(hidden);
    count_seen(lists, rules->behaviours, lists->valid, lists->valid_count, counts->valid_seen);
    count_seen(lists, rules->behaviours, lists->test, lists->test_count, counts->test_seen);
    if (rules->forget_test)
        lists->test_count = 0;
}
