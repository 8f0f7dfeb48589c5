/* prepare_users.c - sorted records of users become a dataset of interactions: split, user by user, and written. */
#include "data/prepare_steps.h"

#include <stdlib.h>
#include <string.h>

struct splitting {
    struct ps_preparation *p;
    struct ps_dataset_writer *writer; /* owned */
    uint32_t *id[2];                  /* owned; dense ids by provisional number */
    uint32_t *number;                 /* owned; provisional number by dense user id */
    uint64_t *item_key;               /* owned; hash of an item's name by dense id */
    struct ps_user_lists lists;
};

static int split_user(void *context, uint64_t user, struct ps_record *record, uint64_t count, struct ps_error *err)
{
    struct splitting *s = context;
    struct ps_preparation *p = s->p;
    size_t length;
    const char *name = ps_names_get(&p->names[PS_USERS], s->number[user], &length);
    ps_split_user(&p->options->rules, record, count, ps_hash64(name, length, 0), s->item_key, &s->lists, &p->stats->split);
    return ps_dataset_writer_add(s->writer, &s->lists, err);
}

/* The tables by dense id. */
static void splitting_init(struct splitting *s, struct ps_preparation *p)
{
    uint32_t users = p->names[PS_USERS].count, items = p->names[PS_ITEMS].count;
    *s = (struct splitting){.p = p};
    for (enum ps_entity entity = PS_USERS; entity <= PS_ITEMS; entity++)
        s->id[entity] = ps_prepare_ids(p, entity, &p->names[entity]);
    s->number = ps_malloc(users * sizeof *s->number);
    s->item_key = ps_malloc(items * sizeof *s->item_key);
    for (uint32_t n = 0; n < users; n++)
        s->number[s->id[PS_USERS][n]] = n;
    for (uint32_t n = 0; n < items; n++) {
        size_t length;
        const char *name = ps_names_get(&p->names[PS_ITEMS], n, &length);
        s->item_key[s->id[PS_ITEMS][n]] = ps_hash64(name, length, 0);
    }
    ps_spill_reserve(&p->spill, users); /* names of the dictionary that do not occur have no records */
    ps_user_lists_init(&s->lists);
}

static void splitting_fini(struct splitting *s)
{
    ps_dataset_writer_free(s->writer);
    ps_user_lists_fini(&s->lists);
    free(s->id[PS_USERS]);
    free(s->id[PS_ITEMS]);
    free(s->number);
    free(s->item_key);
}

int ps_prepare_users(struct ps_preparation *p, struct ps_dataset_files *files, struct ps_error *err)
{
    static const char *const names[] = {"users", "items"};
    struct ps_prepare_stats *stats = p->stats;
    struct splitting s;
    splitting_init(&s, p);
    stats->shape.users = p->names[PS_USERS].count;
    stats->shape.items = p->names[PS_ITEMS].count;
    struct ps_sink sink = {.keys = stats->shape.users,
                           .number = s.number,
                           .key = s.id[PS_USERS],
                           .item = s.id[PS_ITEMS],
                           .memory = stats->shape.items * (sizeof(uint32_t) + sizeof *s.item_key +
                                                           p->options->rules.behaviours * sizeof(uint32_t)),
                           .context = &s,
                           .take = split_user};
    int status = ps_dataset_writer_new(&s.writer, files, &stats->shape, err);
    if (!status)
        status = ps_prepare_sort(p, &sink, err);
    if (!status)
        status = ps_dataset_writer_end(s.writer, &stats->totals, err);
    for (enum ps_entity entity = PS_USERS; !status && entity <= PS_ITEMS; entity++)
        status = ps_dataset_file_names(files, names[entity], &p->names[entity], s.id[entity], err);
    if (!status)
        status = ps_prepare_features_write(p, s.id, files, err);
    if (!status) {
        char *more = ps_prepare_yaml(p->options, stats);
        status = ps_dataset_writer_describe(s.writer, more, err);
        free(more);
    }
    splitting_fini(&s);
    return status;
}
