/* sessions.c - see sessions.h. */
#include "worker/sessions.h"

#include <math.h>
#include <stdlib.h>

#include "worker/sampler.h"

size_t ps_session_most(const struct ps_recipe *recipe, const struct ps_dataset *dataset, size_t entries)
{
    return recipe->stream == PS_STREAM_SESSIONS ? entries * dataset->sessions.longest : entries;
}

/* Steps of so many entries, at most. */
static size_t most_steps(const struct ps_recipe *recipe, const struct ps_dataset *dataset, size_t entries)
{
    return recipe->stream == PS_STREAM_PARALLEL ? entries : entries * dataset->sessions.longest;
}

size_t ps_session_keys(const struct ps_recipe *recipe, const struct ps_dataset *dataset, size_t entries)
{
    size_t most = most_steps(recipe, dataset, entries) + ps_session_most(recipe, dataset, entries) + (size_t)recipe->samples;
    return recipe->candidates == PS_TRAIN_ALL ? dataset->items : PS_MIN(most, dataset->items);
}

void ps_session_batch_init(struct ps_session_batch *b, const struct ps_recipe *recipe, const struct ps_dataset *dataset,
                           size_t sessions, size_t targets)
{
    size_t steps = most_steps(recipe, dataset, sessions);
    bool tracks = recipe->stream == PS_STREAM_PARALLEL;
    bool sampled = recipe->candidates == PS_TRAIN_SAMPLED;
    size_t candidates = sampled ? targets + (size_t)recipe->samples : dataset->items;
    *b = (struct ps_session_batch){0};
    b->begin = ps_calloc(sessions + 1, sizeof *b->begin);
    b->visitor_row = dataset->sessions.visitor ? ps_calloc(sessions, sizeof *b->visitor_row) : NULL;
    b->track_row = tracks ? ps_calloc(sessions, sizeof *b->track_row) : NULL;
    b->begins = tracks ? ps_calloc(sessions, sizeof *b->begins) : NULL;
    b->item = ps_calloc(steps, sizeof *b->item);
    b->item_row = ps_calloc(steps, sizeof *b->item_row);
    b->operation = ps_calloc(steps, sizeof *b->operation);
    b->state = ps_calloc(targets, sizeof *b->state);
    b->target = ps_calloc(targets, sizeof *b->target);
    b->target_row = ps_calloc(targets, sizeof *b->target_row);
    b->choice = ps_calloc(targets, sizeof *b->choice);
    b->feedback = ps_calloc(targets, sizeof *b->feedback);
    b->weight = ps_calloc(targets, sizeof *b->weight);
    b->candidate = ps_calloc(candidates, sizeof *b->candidate);
    b->candidate_row = ps_calloc(candidates, sizeof *b->candidate_row);
    for (size_t k = 0; !sampled && k < candidates; k++)
        b->candidate[k] = (uint32_t)k;
    b->log_q = sampled ? ps_calloc(candidates, sizeof *b->log_q) : NULL;
}

void ps_session_batch_fini(struct ps_session_batch *b)
{
    free(b->begin), free(b->visitor_row), free(b->track_row), free(b->begins), free(b->item), free(b->item_row), free(b->operation);
    free(b->state), free(b->target), free(b->target_row), free(b->choice), free(b->feedback), free(b->weight);
    free(b->candidate), free(b->candidate_row), free(b->log_q);
    *b = (struct ps_session_batch){0};
}

void ps_session_batch_begin(struct ps_session_batch *b)
{
    b->sessions = b->steps = b->targets = b->next = 0;
    b->view.candidates = 0;
}

/* The step at hand is the last one so far of the session that is being added. */
static void add_target(struct ps_session_batch *b, const struct ps_sessions *s, uint64_t event)
{
    int t = b->targets++;
    bool next = s->operation[event] != PS_SHOWN;
    b->state[t] = (uint32_t)b->steps - 1;
    b->target[t] = s->item[event];
    b->feedback[t] = s->feedback ? s->feedback[event] : 0;
    b->weight[t] = next;
    b->next += next;
}

void ps_session_batch_add(struct ps_session_batch *b, const struct ps_dataset *dataset, uint32_t session, uint64_t from,
                          uint64_t until, bool shown)
{
    const struct ps_sessions *s = &dataset->sessions;
    uint64_t first = s->begin[session];
    int begin = b->steps;
    if (b->visitor_row)
        b->visitor_row[b->sessions] = s->visitor[session]; /* its row when the rows are known */
    for (uint64_t e = first; e < first + until; e++) {
        bool step = s->operation[e] != PS_SHOWN;
        if (e >= first + from && e < first + until && b->steps > begin && (step || shown))
            add_target(b, s, e);
        if (!step || e + 1 == first + until)
            continue;
        b->item[b->steps] = s->item[e];
        b->operation[b->steps++] = s->operation[e];
    }
    b->begin[++b->sessions] = (uint32_t)b->steps;
}

void ps_session_batch_add_case(struct ps_session_batch *b, const struct ps_dataset *dataset, uint32_t number)
{
    struct ps_case c = dataset->sessions.cases[number];
    ps_session_batch_add(b, dataset, c.session, c.position, c.position + 1, false);
}

void ps_session_batch_add_step(struct ps_session_batch *b, const struct ps_dataset *dataset, uint32_t session, uint32_t target,
                               uint32_t track)
{
    const struct ps_sessions *s = &dataset->sessions;
    uint64_t first = s->begin[session], step = first + target - 1;
    while (s->operation[step] == PS_SHOWN)
        step--;
    if (b->visitor_row)
        b->visitor_row[b->sessions] = s->visitor[session];
    b->track_row[b->sessions] = track; /* likewise */
    b->item[b->steps] = s->item[step];
    b->operation[b->steps++] = s->operation[step];
    add_target(b, s, first + target);
    while (step > first && s->operation[step - 1] == PS_SHOWN)
        step--;
    b->begins[b->sessions] = step == first;
    b->begin[++b->sessions] = (uint32_t)b->steps;
}

/* Candidate k was expected targets * p + samples * q times among the candidates, p its share of the training steps and q its
 * probability of being drawn. */
static void add_candidates(struct ps_session_batch *b, const struct ps_recipe *recipe, const struct ps_dataset *dataset,
                           const struct ps_alias *alias, struct ps_random *random)
{
    int n = b->targets;
    for (int t = 0; t < n; t++) {
        b->candidate[t] = b->target[t];
        b->choice[t] = (uint32_t)t;
    }
    for (int k = 0; k < recipe->samples; k++)
        b->candidate[n++] = ps_alias_draw(alias, random);
    for (int k = 0; k < n; k++) {
        double p = PS_MAX(dataset->train[0].count[b->candidate[k]], 1) / PS_MAX(ps_alias_counted(alias), 1);
        b->log_q[k] = (real)log(b->targets * p + recipe->samples * ps_alias_probability(alias, b->candidate[k]));
    }
    b->view.candidates = n;
}

void ps_session_batch_end(struct ps_session_batch *b, const struct ps_recipe *recipe, const struct ps_dataset *dataset,
                          const struct ps_alias *alias, struct ps_random *random)
{
    for (int t = 0; t < b->targets; t++)
        b->weight[t] *= (real)(1.0 / PS_MAX(b->next, 1));
    bool sampled = recipe->candidates == PS_TRAIN_SAMPLED;
    if (sampled)
        add_candidates(b, recipe, dataset, alias, random);
    int candidates = sampled ? b->view.candidates : (int)dataset->items;
    b->view = (struct ps_session_view){.steps = {b->sessions, b->begin},
                                       .item = b->item,
                                       .item_row = b->item_row,
                                       .operation = b->operation,
                                       .visitor_row = b->visitor_row,
                                       .track_row = b->track_row,
                                       .begins = b->begins,
                                       .targets = b->targets,
                                       .state = b->state,
                                       .target = b->target,
                                       .target_row = b->target_row,
                                       .choice = sampled ? b->choice : b->target,
                                       .feedback = b->feedback,
                                       .weight = b->weight,
                                       .candidates = candidates,
                                       .candidate_row = b->candidate_row,
                                       .log_q = b->log_q};
}

void ps_session_batch_items(struct ps_session_batch *b, struct ps_unique *unique, const struct ps_slot_map *map,
                            struct ps_keys *keys, bool candidates, const uint32_t *others, int count)
{
    if (!candidates)
        b->view.candidates = 0;
    ps_unique_begin(unique);
    for (int k = 0; k < b->steps; k++)
        b->item_row[k] = ps_unique_add(unique, b->item[k]);
    for (int t = 0; t < b->targets; t++)
        b->target_row[t] = ps_unique_add(unique, b->target[t]);
    for (int k = 0; k < b->view.candidates; k++)
        b->candidate_row[k] = ps_unique_add(unique, b->candidate[k]);
    for (int k = 0; k < count; k++)
        ps_unique_add(unique, others[k]);
    ps_unique_finish(unique, PS_ROUTE_ITEM, map, keys, b->item_row, (size_t)b->steps);
    for (int t = 0; t < b->targets; t++)
        b->target_row[t] = ps_unique_key(unique, b->target[t]);
    for (int k = 0; k < b->view.candidates; k++)
        b->candidate_row[k] = ps_unique_key(unique, b->candidate[k]);
}

void ps_session_batch_visitors(struct ps_session_batch *b, struct ps_unique *unique, const struct ps_slot_map *map,
                               struct ps_keys *keys)
{
    if (!b->visitor_row)
        return;
    ps_unique_begin(unique);
    for (int s = 0; s < b->sessions; s++)
        b->visitor_row[s] = ps_unique_add(unique, b->visitor_row[s]);
    ps_unique_finish(unique, PS_ROUTE_USER, map, keys, b->visitor_row, (size_t)b->sessions);
}

void ps_session_batch_tracks(struct ps_session_batch *b, struct ps_unique *unique, const struct ps_slot_map *map,
                             struct ps_keys *keys, uint32_t first)
{
    ps_unique_begin(unique);
    for (int s = 0; s < b->sessions; s++)
        b->track_row[s] = ps_unique_add(unique, first + b->track_row[s]);
    ps_unique_finish(unique, PS_ROUTE_LANE, map, keys, b->track_row, (size_t)b->sessions);
}
