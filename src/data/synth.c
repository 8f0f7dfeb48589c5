/* synth.c - visits and their events; see synth.h. */
#include "data/synth_draw.h"

#include <stdlib.h>
#include <string.h>

enum { USER_TASTES = 3, EVENT_MAX = 128 };

static const double taste_share[USER_TASTES] = {0.70, 0.20, 0.10};
static const double item_skew = 0.9, user_skew = 0.3;
enum { TASTE_BRANDS = 3 };
static const double own_brand = 0.90, own_tag = 0.80, own_segment = 0.80, no_price = 0.05, zero_price = 0.05;
static const double goes_on = 0.45, goes_on_by_noise = 0.10, logged = 0.15;

/* One visit. */
struct visit {
    uint64_t user, item; /* numbers in the names */
    uint32_t strongest;  /* behaviour that was reached */
    uint32_t behaviours; /* bit b: behaviour b is logged */
};

uint64_t ps_synth_rank(struct ps_random *random, uint64_t n, double skew, double scale)
{
    double x = pow(scale * ps_random_unit(random) + 1, 1 / (1 - skew)) - 1;
    return PS_MIN((uint64_t)x, n - 1);
}

double ps_synth_scale(uint64_t n, double s)
{
    return pow((double)n + 1, 1 - s) - 1;
}

uint64_t ps_synth_user(const struct ps_synth *s, struct ps_random *random)
{
    return ps_synth_rank(random, s->options->users, user_skew, s->user_scale);
}

uint64_t ps_synth_taste_items(const struct ps_synth_options *o, uint64_t taste)
{
    return (o->items - taste - 1) / o->tastes + 1;
}

uint64_t ps_synth_taste(const struct ps_synth_options *o, uint64_t user, struct ps_random *random)
{
    struct ps_random own = ps_random_stream(o->seed, PS_RANDOM_SYNTH, PS_SYNTH_TASTES, user, 0);
    double share = ps_random_unit(random);
    uint64_t taste = ps_random_below(&own, o->tastes);
    for (int t = 0; t + 1 < USER_TASTES && share >= taste_share[t]; t++) {
        share -= taste_share[t];
        taste = ps_random_below(&own, o->tastes);
    }
    return taste;
}

uint64_t ps_synth_item(const struct ps_synth *s, uint64_t taste, struct ps_random *random)
{
    const struct ps_synth_options *o = s->options;
    return taste + o->tastes * ps_synth_rank(random, ps_synth_taste_items(o, taste), item_skew, s->item_scale);
}

static struct visit make_visit(const struct ps_synth *s, uint64_t number)
{
    const struct ps_synth_options *o = s->options;
    struct ps_random random = ps_random_stream(o->seed, PS_RANDOM_SYNTH, PS_SYNTH_VISIT, number, 0);
    uint64_t user = ps_synth_user(s, &random);
    bool noise = ps_random_unit(&random) < o->noise;
    uint64_t taste = noise ? ps_random_below(&random, o->tastes) : ps_synth_taste(o, user, &random);
    uint64_t item = ps_synth_item(s, taste, &random);
    struct visit v = {.user = ps_random_permute(s->user_names, o->users, user),
                      .item = ps_random_permute(s->item_names, o->items, item)};
    while (v.strongest + 1 < o->behaviours && ps_random_unit(&random) < (noise ? goes_on_by_noise : goes_on))
        v.strongest++;
    v.behaviours = 1u << v.strongest;
    for (uint32_t b = 0; b < v.strongest; b++)
        v.behaviours |= (uint32_t)(ps_random_unit(&random) < logged) << b;
    return v;
}

char *ps_synth_put_number(char *to, uint64_t number, int digits)
{
    char reversed[24];
    int n = 0;
    do
        reversed[n++] = (char)('0' + number % 10);
    while ((number /= 10) || n < digits);
    while (n)
        *to++ = reversed[--n];
    return to;
}

char *ps_synth_put_text(char *to, const char *text)
{
    while (*text)
        *to++ = *text++;
    return to;
}

char *ps_synth_put_name(char *to, char letter, uint64_t number, uint64_t count)
{
    int digits = 1;
    while (count /= 10)
        digits++;
    *to = letter;
    return ps_synth_put_number(to + 1, number, digits);
}

static char *put_event(const struct ps_synth_options *o, char *to, const struct visit *v, uint32_t behaviour,
                       uint64_t time)
{
    to = ps_synth_put_name(to, 'u', v->user, o->users);
    *to++ = '\t';
    to = ps_synth_put_name(to, 'i', v->item, o->items);
    *to++ = '\t';
    to = ps_synth_put_text(to, o->behaviour[behaviour]);
    *to++ = '\t';
    to = ps_synth_put_number(to, time, 1);
    *to++ = '\n';
    return to;
}

int ps_synth_look(const struct ps_synth *s, uint64_t number, uint64_t events, struct ps_bar *bar, struct ps_error *err)
{
    const struct ps_synth_options *o = s->options;
    if (number % PS_SYNTH_PER_LOOK)
        return 0;
    if (o->stop && *o->stop)
        return ps_fail(err, PS_EXIT_INTERRUPTED, "interrupted; nothing was written");
    if (!o->quiet)
        ps_bar_update(bar, events, "");
    return 0;
}

static int write_log(const struct ps_synth *s, struct ps_writer *file, struct ps_bar *bar, struct ps_error *err)
{
    const struct ps_synth_options *o = s->options;
    static const char header[] = "user\titem\tbehaviour\ttimestamp\n";
    int status = ps_writer_put(file, header, strlen(header), err);
    for (uint64_t number = 0, events = 0; !status && events < o->interactions; number++) {
        struct visit v = make_visit(s, number);
        char text[EVENT_MAX * PS_MAX_BEHAVIOURS], *end = text;
        /* Visits are spread evenly over the days, by the events made so far; a step of the cascade takes a minute. */
        uint64_t time = PS_SYNTH_START + (uint64_t)((double)events / (double)o->interactions * (PS_SYNTH_DAYS * 86400.0));
        for (uint32_t b = 0; b < o->behaviours && events < o->interactions; b++)
            if (v.behaviours & 1u << b) {
                end = put_event(o, end, &v, b, time + 60 * b);
                events++;
            }
        status = ps_writer_put(file, text, (size_t)(end - text), err);
        if (!status)
            status = ps_synth_look(s, number, events, bar, err);
    }
    return status;
}

/* ---- features ---- */

/* `own` with that probability, else any below n. */
static uint64_t draw_or_any(struct ps_random *random, double probability, uint64_t own, uint64_t n)
{
    return ps_random_unit(random) < probability ? own : ps_random_below(random, n);
}

/* One line; `number` as in visits, before the permutation of names. */
static int put_item(const struct ps_synth *s, struct ps_writer *file, uint64_t number, struct ps_error *err)
{
    const struct ps_synth_options *o = s->options;
    struct ps_random random = ps_random_stream(o->seed, PS_RANDOM_SYNTH, PS_SYNTH_ITEM_FEATURES, number, 0);
    uint64_t taste = number % o->tastes, brand = TASTE_BRANDS * taste + ps_random_below(&random, TASTE_BRANDS);
    char text[EVENT_MAX], name[32], price[32] = "";
    brand = draw_or_any(&random, own_brand, brand, TASTE_BRANDS * o->tastes);
    uint64_t tag = draw_or_any(&random, own_tag, taste, o->tastes), other = ps_random_below(&random, o->tastes);
    double kind = ps_random_unit(&random), level = 5 * pow(1.25, (double)(taste % 16));
    if (kind >= no_price + zero_price)
        snprintf(price, sizeof price, "%.2f", level * exp(0.2 * ps_random_normal(&random)));
    else if (kind >= no_price)
        snprintf(price, sizeof price, "0");
    *ps_synth_put_name(name, 'i', ps_random_permute(s->item_names, o->items, number), o->items) = 0;
    int length = snprintf(text, sizeof text, "%s\tb%llu\tt%llu t%llu\t%s\n", name, (unsigned long long)brand, (unsigned long long)tag,
                          (unsigned long long)other, price);
    return ps_writer_put(file, text, (size_t)length, err);
}

static int put_user(const struct ps_synth *s, struct ps_writer *file, uint64_t number, struct ps_error *err)
{
    const struct ps_synth_options *o = s->options;
    struct ps_random random = ps_random_stream(o->seed, PS_RANDOM_SYNTH, PS_SYNTH_USER_FEATURES, number, 0);
    struct ps_random own = ps_random_stream(o->seed, PS_RANDOM_SYNTH, PS_SYNTH_TASTES, number, 0);
    uint64_t segment = draw_or_any(&random, own_segment, ps_random_below(&own, o->tastes), o->tastes);
    char text[EVENT_MAX], name[32];
    *ps_synth_put_name(name, 'u', ps_random_permute(s->user_names, o->users, number), o->users) = 0;
    uint64_t age = 18 + ps_random_below(&random, 63);
    int length = snprintf(text, sizeof text, "%s\ts%llu\t%llu\n", name, (unsigned long long)segment, (unsigned long long)age);
    return ps_writer_put(file, text, (size_t)length, err);
}

typedef int put_line(const struct ps_synth *s, struct ps_writer *file, uint64_t number, struct ps_error *err);

static int write_features(const struct ps_synth *s, const char *path, const char *header, uint64_t count, put_line *put, struct ps_error *err)
{
    struct ps_writer file;
    if (!path)
        return 0;
    int status = ps_writer_open(&file, path, err);
    if (status)
        return status;
    status = ps_writer_put(&file, header, strlen(header), err);
    for (uint64_t number = 0; !status && number < count; number++) {
        status = put(s, &file, number, err);
        if (!status && number % PS_SYNTH_PER_LOOK == 0 && s->options->stop && *s->options->stop)
            status = ps_fail(err, PS_EXIT_INTERRUPTED, "interrupted; %s was not written", path);
    }
    if (!status)
        return ps_writer_commit(&file, err);
    ps_writer_abandon(&file);
    return status;
}

static int write_triples(const struct ps_synth *s, struct ps_error *err)
{
    struct ps_writer file;
    int status = ps_writer_open(&file, s->options->triples, err);
    if (status)
        return status;
    status = ps_synth_triples(s, &file, err);
    if (!status)
        return ps_writer_commit(&file, err);
    ps_writer_abandon(&file);
    return status;
}

int ps_synth(const struct ps_synth_options *options, const char *path, struct ps_error *err)
{
    struct ps_synth s = {.options = options};
    struct ps_writer file;
    struct ps_bar bar = {0};
    struct ps_random users = ps_random_stream(options->seed, PS_RANDOM_SYNTH, PS_SYNTH_USER_NAMES, 0, 0);
    struct ps_random items = ps_random_stream(options->seed, PS_RANDOM_SYNTH, PS_SYNTH_ITEM_NAMES, 0, 0);
    s.user_names = ps_random_next(&users);
    s.item_names = ps_random_next(&items);
    s.user_scale = ps_synth_scale(options->users, user_skew);
    s.item_scale = ps_synth_scale(ps_synth_taste_items(options, 0), item_skew);
    int status = ps_writer_open(&file, path, err);
    if (status)
        return status;
    if (!options->quiet)
        ps_bar_begin(&bar, "making a log", options->interactions);
    status = options->sessions ? ps_synth_sessions(&s, &file, &bar, err) : write_log(&s, &file, &bar, err);
    ps_bar_end(&bar);
    if (!status && options->triples)
        status = write_triples(&s, err);
    if (!status)
        status = ps_writer_commit(&file, err);
    ps_writer_abandon(&file);
    if (!status)
        status = write_features(&s, options->item_features, "item\tbrand:token\ttags:token_seq\tprice:float\n", options->items, put_item,
                                err);
    if (!status)
        status = write_features(&s, options->user_features, "user\tsegment:token\tage:float\n", options->users, put_user, err);
    return status;
}
