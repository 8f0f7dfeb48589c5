/* synth_sessions.c - sessions and their events; see synth.h.
 *
 *   tastes      a session is of one taste of its user's (.70 of the first), and begins at one of its items by popularity
 *   successor   items of a taste form a ring: the next step is at the item behind the last one with probability .45
 *   operations  a step is a click, mostly; with probability .12 an order, .06 a follow, .03 a comment. After an order the next step
 *               is, with probability .6, at the item's accessory: one item of the next taste, always the same one
 *   repeats     with probability .08 the step is at the same item again, a click
 *   noise       with this probability the step is anywhere; otherwise it is at an item of the taste, by popularity
 *   shown       before a step, with probability .3, an item of the taste was shown, and nothing was done with it
 *   feedback    a step is liked with probability .5 where it is of the user's first taste, .1 elsewhere; shared with .3 or .02, as it
 *               is liked or not
 *   new items   a tenth of the items, spread over tastes, comes up in the last fifth of the time only
 *   knowledge   an item's category is its taste; a taste has five brands, and consecutive items of the ring mostly have one; a shop
 *               means nothing
 *   length      two steps at least, and on with probability .8, up to 60; a step takes 10 to 130 seconds
 */
#include "data/synth_draw.h"

#include <string.h>

enum { STEPS_LEAST = 2, STEPS_MOST = 60, LINE_MAX = 160, NEW_ITEM = 10, BRANDS = 5, SHOPS = 50 };
enum operation { CLICK, ORDER, FOLLOW, COMMENT, OPERATIONS };

static const char *const operations[OPERATIONS] = {"click", "order", "follow", "comment"};
static const double operation_share[OPERATIONS] = {0.79, 0.12, 0.06, 0.03};
static const double to_successor = 0.45, to_accessory = 0.6, again = 0.08, goes_on = 0.8, shown = 0.3, time_without_new = 0.8;

struct session {
    const struct ps_synth *s;
    struct ps_random random;
    uint64_t number, user, taste;
    bool first_taste, late; /* late: the new items are there */
    uint64_t item;          /* of the last step */
    enum operation operation;
    uint64_t time;
};

/* The item behind this one in the ring of its taste. */
static uint64_t successor(const struct ps_synth_options *o, uint64_t item)
{
    return item + o->tastes < o->items ? item + o->tastes : item % o->tastes;
}

/* An item of the taste behind this one's. */
static uint64_t accessory(const struct ps_synth_options *o, uint64_t item)
{
    uint64_t taste = (item % o->tastes + 1) % o->tastes;
    return taste + o->tastes * (item / o->tastes % ps_synth_taste_items(o, taste));
}

/* Every tenth item of a ring is new; before its time the one behind it stands in. */
static uint64_t available(const struct session *v, uint64_t item)
{
    const struct ps_synth_options *o = v->s->options;
    bool is_new = item / o->tastes % NEW_ITEM == NEW_ITEM - 1;
    return is_new && !v->late ? successor(o, item) : item;
}

static uint64_t draw_step(struct session *v, bool first)
{
    const struct ps_synth_options *o = v->s->options;
    double u = ps_random_unit(&v->random);
    if (ps_random_unit(&v->random) < o->noise)
        return ps_random_below(&v->random, o->items);
    if (first)
        return ps_synth_item(v->s, v->taste, &v->random);
    if (v->operation == ORDER && u < to_accessory)
        return accessory(o, v->item);
    if (u < again)
        return v->item;
    return u < again + to_successor ? successor(o, v->item) : ps_synth_item(v->s, v->taste, &v->random);
}

static enum operation draw_operation(struct session *v, bool repeated)
{
    double u = ps_random_unit(&v->random);
    int operation = CLICK;
    while (operation + 1 < OPERATIONS && u >= operation_share[operation])
        u -= operation_share[operation++];
    return repeated ? CLICK : (enum operation)operation;
}

static char *put_event(const struct session *v, char *to, uint64_t item, enum operation operation, bool step, bool like, bool share)
{
    const struct ps_synth *s = v->s;
    const struct ps_synth_options *o = s->options;
    to = ps_synth_put_name(to, 's', v->number, o->interactions);
    *to++ = '\t';
    to = ps_synth_put_name(to, 'u', ps_random_permute(s->user_names, o->users, v->user), o->users);
    *to++ = '\t';
    to = ps_synth_put_name(to, 'i', ps_random_permute(s->item_names, o->items, item), o->items);
    *to++ = '\t';
    to = ps_synth_put_text(to, operations[operation]);
    *to++ = '\t';
    to = ps_synth_put_number(to, v->time, 1);
    const bool flags[] = {step, like, share};
    for (size_t f = 0; f < PS_COUNT(flags); f++) {
        *to++ = '\t';
        *to++ = (char)('0' + flags[f]);
    }
    *to++ = '\n';
    return to;
}

/* A step, and what was shown before it. Returns the end; *events is counted up. */
static char *make_step(struct session *v, char *to, bool first, uint64_t *events)
{
    if (ps_random_unit(&v->random) < shown) {
        to = put_event(v, to, available(v, ps_synth_item(v->s, v->taste, &v->random)), CLICK, false, false, false);
        ++*events;
    }
    uint64_t item = available(v, draw_step(v, first));
    v->operation = draw_operation(v, !first && item == v->item);
    v->item = item;
    v->taste = item % v->s->options->tastes;
    bool like = ps_random_unit(&v->random) < (v->first_taste ? 0.5 : 0.1);
    bool share = ps_random_unit(&v->random) < (like ? 0.3 : 0.02);
    to = put_event(v, to, item, v->operation, true, like, share);
    v->time += 10 + ps_random_below(&v->random, 121);
    ++*events;
    return to;
}

static void session_begin(struct session *v, const struct ps_synth *s, uint64_t number, uint64_t events)
{
    const struct ps_synth_options *o = s->options;
    double passed = (double)events / (double)o->interactions;
    *v = (struct session){.s = s, .number = number, .late = passed >= time_without_new};
    v->random = ps_random_stream(o->seed, PS_RANDOM_SYNTH, PS_SYNTH_SESSION, number, 0);
    v->time = PS_SYNTH_START + (uint64_t)(passed * (PS_SYNTH_DAYS * 86400.0));
    v->user = ps_synth_user(s, &v->random);
    v->taste = ps_synth_taste(o, v->user, &v->random);
    struct ps_random own = ps_random_stream(o->seed, PS_RANDOM_SYNTH, PS_SYNTH_TASTES, v->user, 0);
    v->first_taste = v->taste == ps_random_below(&own, o->tastes);
}

int ps_synth_sessions(const struct ps_synth *s, struct ps_writer *file, struct ps_bar *bar, struct ps_error *err)
{
    static const char header[] = "session\tuser\titem\toperation\ttimestamp\tstep\tlike\tshare\n";
    int status = ps_writer_put(file, header, strlen(header), err);
    for (uint64_t number = 0, events = 0; !status && events < s->options->interactions; number++) {
        struct session v;
        char text[2 * STEPS_MOST * LINE_MAX], *end = text;
        session_begin(&v, s, number, events);
        for (int step = 0; step < STEPS_LEAST || (step < STEPS_MOST && ps_random_unit(&v.random) < goes_on); step++)
            end = make_step(&v, end, step == 0, &events);
        status = ps_writer_put(file, text, (size_t)(end - text), err);
        if (!status)
            status = ps_synth_look(s, number, PS_MIN(events, s->options->interactions), bar, err);
    }
    return status;
}

int ps_synth_triples(const struct ps_synth *s, struct ps_writer *file, struct ps_error *err)
{
    static const char header[] = "item\trelation\tvalue\n";
    const struct ps_synth_options *o = s->options;
    int status = ps_writer_put(file, header, strlen(header), err);
    for (uint64_t item = 0; !status && item < o->items; item++) {
        struct ps_random random = ps_random_stream(o->seed, PS_RANDOM_SYNTH, PS_SYNTH_KNOWLEDGE, item, 0);
        uint64_t taste = item % o->tastes, brand = item / o->tastes * BRANDS / ps_synth_taste_items(o, taste);
        const struct {
            const char *relation;
            uint64_t value;
        } known[] = {{"\tcategory\t", taste}, {"\tbrand\t", taste * BRANDS + brand}, {"\tshop\t", ps_random_below(&random, SHOPS)}};
        char text[3 * LINE_MAX], *end = text;
        for (size_t k = 0; k < PS_COUNT(known); k++) {
            end = ps_synth_put_name(end, 'i', ps_random_permute(s->item_names, o->items, item), o->items);
            end = ps_synth_put_text(end, known[k].relation);
            end = ps_synth_put_number(end, known[k].value, 1);
            *end++ = '\n';
        }
        status = ps_writer_put(file, text, (size_t)(end - text), err);
    }
    return status;
}
