/* dataset_sessions.c - opens and checks the columns of a dataset of sessions; see dataset.h.
 *
 * The events of training are checked block by block when they are streamed, those of held-out sessions at once, together with
 * the cases that point to them.
 */
#include "data/dataset_private.h"

#include <stdlib.h>
#include <string.h>

static int describe_names(struct ps_dataset *d, const struct ps_yaml *map, const char *key, char (*name)[32], int least,
                          uint32_t *count, struct ps_error *err)
{
    const struct ps_yaml *list = ps_yaml_get(map, key);
    if (!list || list->kind != PS_YAML_LIST || list->count < least || list->count > PS_MAX_BEHAVIOURS)
        return ps_dataset_damaged(d, "dataset.yaml", "no list of operations, or of feedback", err);
    *count = (uint32_t)list->count;
    for (int k = 0; k < list->count; k++) {
        const char *text = list->child[k].kind == PS_YAML_SCALAR ? list->child[k].text : "";
        if (!*text || strlen(text) >= sizeof name[k])
            return ps_dataset_damaged(d, "dataset.yaml", "an operation or feedback without a name", err);
        memcpy(name[k], text, strlen(text) + 1);
    }
    return 0;
}

static int describe(struct ps_dataset *d, const struct ps_yaml *map, uint64_t *events, uint64_t *targets, bool *times,
                    struct ps_error *err)
{
    struct ps_sessions *s = &d->sessions;
    const struct {
        const char *key;
        uint64_t limit, *value;
    } numbers[] = {{"count", UINT32_MAX - 1, &s->count},      {"train", UINT32_MAX - 1, &s->train},
                   {"events", INT64_MAX / 8, events},         {"targets", INT64_MAX / 8, targets},
                   {"longest", UINT32_MAX - 1, &s->longest},  {"held_out_blocks", UINT32_MAX, &d->private_->held_blocks},
                   {"visitors", UINT32_MAX - 1, &s->visitors}};
    const struct ps_yaml *has = ps_yaml_get(map, "times");
    int status = 0;
    for (size_t i = 0; !status && i < PS_COUNT(numbers); i++)
        status = ps_dataset_number(d, map, numbers[i].key, 10, numbers[i].limit, numbers[i].value, err);
    if (!status)
        status = describe_names(d, map, "operations", s->operation_name, 1, &s->operations, err);
    if (!status)
        status = describe_names(d, map, "feedback", s->feedback_name, 0, &s->feedbacks, err);
    *times = has && has->kind == PS_YAML_SCALAR && !strcmp(has->text, "yes");
    if (!status && (!s->train || s->train > s->count || d->behaviours != 1 || d->train[0].interactions || d->union_pairs ||
                    d->users != d->valid_count + d->test_count))
        status = ps_dataset_damaged(d, "dataset.yaml", "its counts of sessions cannot be", err);
    return status;
}

/* What is asked about users' histories finds them empty. */
static void hide_histories(struct ps_dataset *d)
{
    d->private_->no_history = ps_calloc(d->users + 1, sizeof *d->private_->no_history);
    d->union_offset = d->private_->no_history;
    d->train[0].offset = d->private_->no_history;
    d->train[0].item = d->sessions.item;
}

static int check_sessions(const struct ps_dataset *d, uint64_t events, uint64_t targets, struct ps_error *err)
{
    const struct ps_sessions *s = &d->sessions;
    bool right = true;
    if (!ps_dataset_ascends(s->begin, s->count, events))
        return ps_dataset_damaged(d, "session.offset", "its offsets do not ascend", err);
    if (!ps_dataset_ascends(s->targets, s->train, targets))
        return ps_dataset_damaged(d, "session.targets", "its offsets do not ascend", err);
    for (uint64_t i = s->train; i < s->count; i++)
        right &= s->first[i - s->train] <= s->begin[i + 1] - s->begin[i];
    if (!right)
        return ps_dataset_damaged(d, "session.first", "it names events that are not there", err);
    for (uint64_t i = 0; s->visitor && i < s->count; i++)
        right &= s->visitor[i] < s->visitors;
    return right ? 0 : ps_dataset_damaged(d, "session.visitor", "it names visitors that are not there", err);
}

int ps_dataset_map_sessions(struct ps_dataset *d, const struct ps_yaml *map, const struct ps_yaml *files, struct ps_error *err)
{
    struct ps_sessions *s = &d->sessions;
    uint64_t events = 0, targets = 0;
    bool times = false;
    int status = describe(d, map, &events, &targets, &times, err);
    enum { BEGIN, ITEM, OPERATION, TIME, FEEDBACK, VISITOR, FIRST, TARGETS, CASES, COUNT, COLUMNS };
    const struct {
        const char *first, *second;
        uint64_t size;
        bool present, check_sum;
    } columns[COLUMNS] = {
        [BEGIN] = {"session", "offset", (s->count + 1) * sizeof *s->begin, true, true},
        [ITEM] = {"event", "item", events * sizeof *s->item, true, false},
        [OPERATION] = {"event", "operation", events * sizeof *s->operation, true, false},
        [TIME] = {"event", "time", events * sizeof *s->time, times, false},
        [FEEDBACK] = {"event", "feedback", events * sizeof *s->feedback, s->feedbacks > 0, false},
        [VISITOR] = {"session", "visitor", s->count * sizeof *s->visitor, s->visitors > 0, true},
        [FIRST] = {"session", "first", (s->count - s->train) * sizeof *s->first, true, true},
        [TARGETS] = {"session", "targets", (s->train + 1) * sizeof *s->targets, true, true},
        [CASES] = {"session", "cases", d->users * sizeof *s->cases, true, true},
        [COUNT] = {"event", "count", d->items * sizeof *d->train[0].count, true, true},
    };
    const void *data[COLUMNS] = {NULL};
    for (int c = 0; !status && c < COLUMNS; c++)
        if (columns[c].present)
            status = ps_dataset_map(d, files, columns[c].first, columns[c].second, columns[c].size, columns[c].check_sum,
                                    &data[c], NULL, err);
    s->begin = data[BEGIN];
    s->item = data[ITEM];
    s->operation = data[OPERATION];
    s->time = data[TIME];
    s->feedback = data[FEEDBACK];
    s->visitor = data[VISITOR];
    s->first = data[FIRST];
    s->targets = data[TARGETS];
    s->cases = data[CASES];
    d->train[0].count = data[COUNT];
    if (!status && s->visitors)
        status = ps_dataset_map_names(d, files, "visitors", s->visitors, &d->private_->names[PS_VISITORS], err);
    if (!status)
        status = check_sessions(d, events, targets, err);
    if (!status)
        hide_histories(d);
    return status;
}

/* ---- events ---- */

/* How many steps a session has; UINT64_MAX where an event cannot be. */
static uint64_t check_session(const struct ps_dataset *d, uint64_t session)
{
    const struct ps_sessions *s = &d->sessions;
    uint64_t steps = 0;
    bool right = true;
    for (uint64_t e = s->begin[session]; e < s->begin[session + 1]; e++) {
        bool shown = s->operation[e] == PS_SHOWN;
        right &= s->item[e] < d->items && (shown || s->operation[e] < s->operations);
        steps += !shown;
    }
    return right && steps <= s->longest ? steps : UINT64_MAX;
}

bool ps_dataset_check_events(const struct ps_dataset *d, uint64_t block)
{
    const struct ps_sessions *s = &d->sessions;
    uint64_t first = d->block_user[block], end = d->block_user[block + 1];
    uint64_t begin = s->begin[first], count = s->begin[end] - begin;
    uint64_t sum = ps_hash64(s->item + begin, count * sizeof *s->item, 0);
    sum = ps_hash64(s->operation + begin, count * sizeof *s->operation, sum);
    if (s->time)
        sum = ps_hash64(s->time + begin, count * sizeof *s->time, sum);
    if (s->feedback)
        sum = ps_hash64(s->feedback + begin, count * sizeof *s->feedback, sum);
    bool right = sum == d->private_->block_sum[block];
    for (uint64_t i = first; right && i < end; i++) {
        uint64_t steps = check_session(d, i);
        right = steps != UINT64_MAX && (i >= s->train || s->targets[i + 1] - s->targets[i] == steps - (steps > 0));
    }
    return right;
}

/* Whether a case points to a held-out step of the target that has a step before it. */
static bool check_case(const struct ps_dataset *d, struct ps_case at, uint32_t item)
{
    const struct ps_sessions *s = &d->sessions;
    if (at.session < s->train || at.session >= s->count)
        return false;
    uint64_t begin = s->begin[at.session], target = begin + at.position, step = begin;
    if (target >= s->begin[at.session + 1] || at.position < s->first[at.session - s->train])
        return false;
    while (step < target && s->operation[step] == PS_SHOWN)
        step++;
    return step < target && s->operation[target] != PS_SHOWN && s->item[target] == item;
}

int ps_dataset_check_held_out(const struct ps_dataset *d, struct ps_error *err)
{
    bool right = true;
    for (uint64_t b = d->blocks; b < d->blocks + d->private_->held_blocks; b++) {
        int status = ps_dataset_check_block(d, b, err);
        if (status)
            return status;
    }
    for (uint64_t u = 0; u < d->users; u++) {
        struct ps_pair pair = u < d->valid_count ? d->valid[u] : d->test[u - d->valid_count];
        right &= pair.user == u && check_case(d, d->sessions.cases[u], pair.item);
    }
    return right ? 0 : ps_dataset_damaged(d, "session.cases", "it names events that cannot be held out", err);
}
