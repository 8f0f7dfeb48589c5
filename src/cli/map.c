/* map.c - penstock map: a checkpoint's items as points on a plane, in the colours of a feature's values. */
#include <argp.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/offline.h"
#include "cli/plot.h"
#include "cli/tsne.h"
#include "common/file.h"
#include "worker/bags.h"

enum { KEY_OUT = 1000, KEY_BY, KEY_ITEMS, KEY_TITLE, VALUES = 6, ITERATIONS = 1000 };
enum { WIDTH = 760, HEIGHT = 560, MARGIN = 20, TOP = 44, LEGEND = 560 };
static const double PERPLEXITY = 30;

struct arguments {
    struct ps_of_run of;
    const char *out, *by, *title;
    int items;
};

static const struct argp_option options[] = {
    {"by", KEY_BY, "FEATURE", 0, "The feature of items whose values give the colours", 0},
    {"items", KEY_ITEMS, "N", 0, "At most so many items, those first that training has most often (default 800)", 0},
    {"out", KEY_OUT, "FILE", 0, "Where to write the picture (default: RUN/map.svg)", 0},
    {"title", KEY_TITLE, "TEXT", 0, "What the embeddings are called above it (default: the model's name)", 0},
    {0}};

static const char doc[] =
    "Draw items as points, in SVG: those with like embeddings near each other.\v"
    "Items are those that training has and whose value is one of the six commonest. Their embeddings, as they are ranked by and with "
    "length 1, are laid out by t-SNE (van der Maaten and Hinton, JMLR 2008). Places, distances and axes of such a map mean nothing; which points lie together does. "
    "What is printed is a number for it: how often an item's nearest neighbour, by embeddings, has the same value, and how often it would by chance.";

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case KEY_BY: a->by = arg; return 0;
    case KEY_ITEMS: a->items = ps_argument_number("--items", arg, 2, 5000, state); return 0;
    case ARGP_KEY_INIT: state->child_inputs[0] = &a->of; return 0;
    case KEY_OUT: a->out = arg; return 0;
    case KEY_TITLE: a->title = arg; return 0;
    case ARGP_KEY_END:
        if (!a->by)
            argp_error(state, "give the feature that colours the items: --by FEATURE");
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

/* ---- what is shown ---- */

struct shown {
    const struct ps_feature *feature;
    int values, count, width;
    uint64_t value[VALUES], with[VALUES]; /* the commonest, and how many items have each */
    uint32_t *item; /* owned, as are the others */
    int *kind;      /* place of its value in value[] */
    float *vector;  /* count x width */
    double *place;  /* count x 2 */
};

static void shown_fini(struct shown *s)
{
    free(s->item), free(s->kind), free(s->vector), free(s->place);
}

/* The values that most items have, ties to the lower number. */
static void choose_values(struct shown *s)
{
    uint64_t *count = ps_calloc(s->feature->values, sizeof *count);
    for (uint64_t k = 0; k < s->feature->pairs; k++)
        count[s->feature->value[k]]++;
    for (; s->values < VALUES; s->values++) {
        uint64_t best = 0;
        for (uint64_t v = 1; v < s->feature->values; v++)
            best = count[v] > count[best] ? v : best;
        if (!s->feature->values || !count[best])
            break;
        s->value[s->values] = best;
        count[best] = 0;
    }
    free(count);
}

/* The place in value[] of the first of the item's values that is there; -1: none is. */
static int kind_of(const struct shown *s, uint64_t item)
{
    uint64_t count;
    const uint32_t *value = ps_dataset_feature_values(s->feature, item, &count);
    for (int v = 0; v < s->values; v++)
        for (uint64_t k = 0; k < count; k++)
            if (value[k] == s->value[v])
                return v;
    return -1;
}

struct trained {
    uint32_t item, times;
};

static int by_times(const void *left, const void *right)
{
    const struct trained *l = left, *r = right;
    if (l->times != r->times)
        return l->times > r->times ? -1 : 1;
    return l->item < r->item ? -1 : 1;
}

static void choose_items(struct shown *s, const struct ps_dataset *d, int most)
{
    struct trained *of = ps_calloc(d->items, sizeof *of);
    size_t count = 0;
    for (uint32_t i = 0; i < d->items; i++)
        if (d->train[d->behaviours - 1].count[i] && kind_of(s, i) >= 0)
            of[count++] = (struct trained){i, d->train[d->behaviours - 1].count[i]};
    qsort(of, count, sizeof *of, by_times);
    s->count = (int)PS_MIN(count, (size_t)most);
    s->item = ps_calloc((size_t)s->count, sizeof *s->item);
    s->kind = ps_calloc((size_t)s->count, sizeof *s->kind);
    for (int k = 0; k < s->count; k++) {
        s->item[k] = of[k].item;
        s->kind[k] = kind_of(s, of[k].item);
        s->with[s->kind[k]]++;
    }
    free(of);
}

/* The first field of the items' rows, with their features, at length 1. */
static int take_vectors(struct shown *s, const struct ps_offline *offline, struct ps_error *err)
{
    const struct ps_model *model = &offline->model;
    int t = 0;
    while (t < model->tables && model->table[t].kind != PS_TABLE_ITEM)
        t++;
    if (t == model->tables)
        return ps_fail(err, PS_EXIT_USAGE, "'%s' has no embeddings of items to draw", model->class_->name);
    int row = (int)model->table[t].width;
    s->width = (int)model->table[t].field[0].width;
    float *rows = ps_calloc((size_t)s->count, (size_t)row * sizeof *rows);
    int status = offline->source.fetch(offline->source.ctx, t, s->item, s->count, rows, err);
    for (int k = 0; k < model->recipe.features && !status; k++) {
        struct ps_bag_source source = ps_bag_source_feature(&model->recipe, model->dataset, k);
        if (ps_model_is_feature_of(model, k, t))
            status = ps_bags_pool(&source, &offline->source, model->first_feature + k, row, s->item, (uint64_t)s->count, rows, err);
    }
    s->vector = ps_calloc((size_t)s->count, (size_t)s->width * sizeof *s->vector);
    for (int i = 0; i < s->count && !status; i++) {
        const float *from = rows + (size_t)i * (size_t)row;
        double squares = 0;
        for (int k = 0; k < s->width; k++)
            squares += (double)from[k] * from[k];
        for (int k = 0; k < s->width; k++)
            s->vector[(size_t)i * (size_t)s->width + (size_t)k] = (float)(from[k] / sqrt(PS_MAX(squares, 1e-30)));
    }
    free(rows);
    return status;
}

/* How often the nearest other item has the same value. */
static double agreement(const struct shown *s)
{
    size_t width = (size_t)s->width;
    int same = 0;
    for (int i = 0; i < s->count; i++) {
        double best = -INFINITY;
        int nearest = i;
        for (int j = 0; j < s->count; j++) {
            double dot = 0;
            for (size_t k = 0; k < width; k++)
                dot += (double)s->vector[(size_t)i * width + k] * s->vector[(size_t)j * width + k];
            if (j != i && dot > best)
                best = dot, nearest = j;
        }
        same += s->kind[nearest] == s->kind[i];
    }
    return (double)same / s->count;
}

static double chance(const struct shown *s)
{
    double sum = 0;
    for (int v = 0; v < s->values; v++)
        sum += (double)s->with[v] * ((double)s->with[v] - 1);
    return sum / ((double)s->count * (s->count - 1));
}

/* ---- the picture ---- */

static void put_label(int y, const char *attributes, const char *text, FILE *to)
{
    fprintf(to, "<text x=\"%d\" y=\"%d\" %s>", LEGEND + 26, y, attributes);
    ps_plot_text(text, to);
    fputs("</text>\n", to);
}

static void draw(const struct shown *s, const struct ps_dataset *dataset, const char *title, FILE *to)
{
    double low[2] = {INFINITY, INFINITY}, high[2] = {-INFINITY, -INFINITY};
    for (int i = 0; i < 2 * s->count; i++) {
        low[i % 2] = PS_MIN(low[i % 2], s->place[i]);
        high[i % 2] = PS_MAX(high[i % 2], s->place[i]);
    }
    double room = PS_MIN(LEGEND - 2 * MARGIN, HEIGHT - TOP - MARGIN), scale = room / PS_MAX(PS_MAX(high[0] - low[0], high[1] - low[1]), 1e-30);
    fprintf(to, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" "
            "font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n", WIDTH, HEIGHT, WIDTH, HEIGHT);
    fprintf(to, "<text x=\"%d\" y=\"26\" font-size=\"15\" font-weight=\"bold\">", MARGIN);
    ps_plot_text(title, to);
    fputs("</text>\n", to);
    for (int v = 0; v < s->values; v++) {
        size_t length;
        const char *name = ps_dataset_feature_name(dataset, s->feature, s->value[v], &length);
        char *label = ps_format("%.*s (%llu)", (int)length, name, (unsigned long long)s->with[v]);
        fprintf(to, "<g fill=\"%s\" fill-opacity=\"0.7\">\n<circle cx=\"%d\" cy=\"%d\" r=\"5\"/>\n", ps_plot_colour(v), LEGEND + 14, TOP + 30 + 20 * v);
        for (int i = 0; i < s->count; i++)
            if (s->kind[i] == v)
                fprintf(to, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"2.5\"/>\n", MARGIN + (s->place[2 * i] - low[0]) * scale,
                        TOP + (s->place[2 * i + 1] - low[1]) * scale);
        fputs("</g>\n", to);
        put_label(TOP + 34 + 20 * v, "", label, to);
        free(label);
    }
    put_label(TOP + 10, "font-weight=\"bold\"", s->feature->name, to);
    fputs("</svg>\n", to);
}

static int write_picture(const struct shown *s, const struct ps_offline *offline, const char *name, const char *path, struct ps_error *err)
{
    char *text = NULL, *title = ps_format("%s: items by %s", name, s->feature->name);
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    if (!to)
        ps_die(PS_EXIT_FAIL, "out of memory for a map");
    draw(s, &offline->dataset, title, to);
    fclose(to);
    int status = ps_file_write(path, text, size, err);
    free(text), free(title);
    return status;
}

static int map(const struct arguments *a, const struct ps_offline *offline, const char *path, struct ps_error *err)
{
    struct shown s = {.feature = ps_dataset_feature(&offline->dataset, PS_ITEMS, a->by)};
    if (!offline->has_checkpoint)
        return ps_fail(err, PS_EXIT_USAGE, "'%s' is a rule: it has no embeddings to draw", offline->config.model.name);
    if (!s.feature)
        return ps_fail(err, PS_EXIT_USAGE, "the dataset %s has no feature '%s' of items; 'penstock inspect %s' lists its features", offline->dataset.path,
                       a->by, offline->dataset.path);
    choose_values(&s);
    choose_items(&s, &offline->dataset, a->items);
    int status = s.count < 2 ? ps_fail(err, PS_EXIT_DATA, "fewer than two items that training has have a value of '%s': there is nothing to draw", a->by) : 0;
    if (!status)
        status = take_vectors(&s, offline, err);
    if (!status) {
        s.place = ps_calloc(2 * (size_t)s.count, sizeof *s.place);
        ps_tsne(s.vector, s.count, s.width, PERPLEXITY, ITERATIONS, offline->config.train.seed, s.place);
        status = write_picture(&s, offline, a->title ? a->title : offline->model.class_->name, path, err);
    }
    if (!status)
        printf("%s\n%d items; nearest neighbour of the same %s: %.3f, by chance %.3f\n", path, s.count, a->by, agreement(&s), chance(&s));
    shown_fini(&s);
    return status;
}

int cmd_map(int argc, char **argv)
{
    struct arguments a = {.items = 800};
    argp_parse(&(struct argp){options, parse, "RUN", doc, ps_of_run_child, NULL, NULL}, argc, argv, 0, NULL, &a);
    struct ps_error err = {0};
    struct ps_offline offline;
    char *path = a.out ? ps_strdup(a.out) : ps_format("%s/map.svg", a.of.run);
    int status = ps_offline_open(&offline, a.of.run, a.of.checkpoint, NULL, 0, &err);
    if (!status) {
        status = map(&a, &offline, path, &err);
        ps_offline_close(&offline);
    }
    free(path);
    if (status)
        fprintf(stderr, "penstock: %s\n", err.text);
    return status ? err.code : 0;
}
