/* inspect_dataset.c - see inspect_dataset.h. */
#include "cli/inspect_dataset.h"

#include <stdio.h>

static void print_count(uint64_t count, const char *what)
{
    printf("%12llu %s\n", (unsigned long long)count, what);
}

static void print_interactions(const struct ps_dataset *d)
{
    print_count(d->users, "users");
    print_count(d->items, "items");
    for (uint32_t b = 0; b < d->behaviours; b++)
        printf("%12llu %s%s\n", (unsigned long long)d->train[b].interactions, d->behaviour[b],
               b + 1 == d->behaviours ? " (target)" : "");
    print_count(d->union_pairs, "distinct pairs of user and item");
    print_count(d->valid_count, "held out for validation");
    print_count(d->test_count, "held out for test");
}

/* How often each operation and feedback occurs among the events of training, whose blocks are checked before they are read. */
static int count_events(const struct ps_dataset *d, uint64_t operation[PS_SHOWN + 1], uint64_t *feedback, struct ps_error *err)
{
    const struct ps_sessions *s = &d->sessions;
    for (uint64_t b = 0; b < d->blocks; b++) {
        int status = ps_dataset_check_block(d, b, err);
        if (status)
            return status;
    }
    for (uint64_t e = 0; e < s->begin[s->train]; e++) {
        operation[s->operation[e]]++;
        for (uint32_t k = 0; k < s->feedbacks; k++)
            feedback[k] += s->feedback[e] >> k & 1;
    }
    return 0;
}

static void print_cases(const struct ps_dataset *d, const char *split, const struct ps_pair *pair, uint64_t count)
{
    uint64_t cold = 0;
    for (uint64_t i = 0; i < count; i++)
        cold += !d->train[0].count[pair[i].item];
    printf("%12llu %s cases, %llu with a cold target\n", (unsigned long long)count, split, (unsigned long long)cold);
}

static int print_sessions(const struct ps_dataset *d, struct ps_error *err)
{
    const struct ps_sessions *s = &d->sessions;
    uint64_t operation[PS_SHOWN + 1] = {0}, feedback[PS_MAX_FEEDBACKS] = {0}, events = s->begin[s->train], cold = 0;
    int status = count_events(d, operation, feedback, err);
    if (status)
        return status;
    uint64_t steps = events - operation[PS_SHOWN];
    for (uint64_t i = 0; i < d->items; i++)
        cold += !d->train[0].count[i];
    printf("%12llu items, %llu of them cold: in no step of training\n", (unsigned long long)d->items, (unsigned long long)cold);
    if (s->visitors)
        print_count(s->visitors, "users");
    printf("%12llu sessions in training, %.2f steps each, the longest of all has %llu\n", (unsigned long long)s->train,
           (double)steps / (double)s->train, (unsigned long long)s->longest);
    print_count(steps, "steps in them");
    for (uint32_t k = 0; s->operations > 1 && k < s->operations; k++)
        printf("%12llu of operation '%s'\n", (unsigned long long)operation[k], s->operation_name[k]);
    if (operation[PS_SHOWN])
        print_count(operation[PS_SHOWN], "items shown, and nothing done with them");
    print_count(s->targets[s->train], "training targets");
    for (uint32_t k = 0; k < s->feedbacks; k++)
        printf("%12llu events with '%s' (%.2f %%)\n", (unsigned long long)feedback[k], s->feedback_name[k],
               100 * (double)feedback[k] / (double)events);
    print_count(s->count - s->train, "sessions held out, or the ends of them");
    print_cases(d, "validation", d->valid, d->valid_count);
    print_cases(d, "test", d->test, d->test_count);
    return 0;
}

int ps_inspect_dataset(const char *path, bool verify, struct ps_error *err)
{
    struct ps_dataset d;
    int status = ps_dataset_open(path, &d, err);
    if (status)
        return status;
    if (verify)
        status = ps_dataset_verify(&d, err);
    if (!status)
        printf("dataset %s  (%016llx)\n", path, (unsigned long long)d.fingerprint);
    if (!status && d.sessions.count)
        status = print_sessions(&d, err);
    else if (!status)
        print_interactions(&d);
    for (uint32_t f = 0; !status && f < d.features; f++)
        printf("%12llu values of the %s feature %s, in %llu pairs\n", (unsigned long long)d.feature[f].values,
               ps_feature_side(d.feature[f].side), d.feature[f].name, (unsigned long long)d.feature[f].pairs);
    if (!status && verify)
        printf("every byte is as it was written\n");
    ps_dataset_close(&d);
    return status;
}

static void print_item(const struct ps_dataset *d, uint64_t event, const char *before)
{
    size_t length;
    const char *name = ps_dataset_name(d, PS_ITEMS, d->sessions.item[event], &length);
    printf("%s%.*s", before, (int)length, name);
}

static void print_case(const struct ps_dataset *d, uint64_t user)
{
    const struct ps_sessions *s = &d->sessions;
    struct ps_case at = s->cases[user];
    uint64_t begin = s->begin[at.session], target = begin + at.position;
    size_t length;
    const char *name = ps_dataset_name(d, PS_USERS, user, &length);
    printf("%.*s", (int)length, name);
    for (uint64_t e = begin; e < target; e++)
        print_item(d, e, e == begin ? "\t" : " ");
    for (uint64_t e = begin; e < target; e++)
        printf("%s%s", e == begin ? "\t" : " ", s->operation[e] == PS_SHOWN ? "shown" : s->operation_name[s->operation[e]]);
    print_item(d, target, "\t");
    printf("\t%s\n", s->operation_name[s->operation[target]]);
}

int ps_inspect_cases(const char *path, enum ps_split split, struct ps_error *err)
{
    struct ps_dataset d;
    int status = ps_dataset_open(path, &d, err);
    if (status)
        return status;
    if (!d.sessions.count)
        status = ps_fail(err, PS_EXIT_USAGE, "--cases is for datasets of sessions; %s has interactions", path);
    else
        printf("case\titems\toperations\ttarget\toperation\n");
    uint64_t begin = split == PS_SPLIT_VALID ? 0 : d.valid_count, end = split == PS_SPLIT_VALID ? d.valid_count : d.users;
    for (uint64_t user = begin; !status && user < end; user++)
        print_case(&d, user);
    ps_dataset_close(&d);
    return status;
}
