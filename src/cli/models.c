/* models.c - penstock models: the registry, or what one model reads, keeps and comes from. */
#include "cli/commands.h"
#include "common/schema.h"
#include "worker/model.h"

#include <argp.h>
#include <string.h>

static const char doc[] =
    "Lists the recommenders that model.name may be. With NAME, shows that model's options, the tables "
    "of rows that it keeps on the servers, and the publication that it is from.";

static error_t parse(int key, char *value, struct argp_state *state)
{
    const char **name = state->input;
    if (key != ARGP_KEY_ARG)
        return ARGP_ERR_UNKNOWN;
    if (*name)
        argp_error(state, "one model at a time: '%s' is too much", value);
    *name = value;
    return 0;
}

static void print_list(void)
{
    for (int m = 0; ps_models[m]; m++)
        printf("%-18s %-12s %s\n", ps_models[m]->name,
               ps_models[m]->recipe.stream == PS_STREAM_INTERACTIONS ? "interactions" : "sessions", ps_models[m]->title);
}

/* The keys "model.OPTION" of the blank-separated options, with their defaults and what they are for. */
static void print_options(const char *options)
{
    while (*options) {
        int length = (int)strcspn(options, " ");
        for (int k = 0; k < ps_config_schema.count; k++) {
            const char *path = ps_config_schema.key[k].path;
            if (strncmp(path, "model.", 6) == 0 && (int)strlen(path + 6) == length &&
                strncmp(path + 6, options, (size_t)length) == 0)
                printf("  %-19s %-10s %s\n", path, ps_config_schema.key[k].initial, ps_config_schema.key[k].doc);
        }
        options += length;
        options += strspn(options, " ");
    }
}

static void print_tables(const struct ps_model *model)
{
    bool sessions = model->recipe.stream != PS_STREAM_INTERACTIONS;
    static const char *const kinds[] = {[PS_TABLE_USER] = "users", [PS_TABLE_ITEM] = "items", [PS_TABLE_HISTORY] = "items",
                                        [PS_TABLE_LANE] = "lanes' tracks", [PS_TABLE_VALUE] = "values", [PS_TABLE_RELATION] = "relations"};
    if (model->tables == 0)
        printf("\nTables: none\n");
    else
        printf("\nTables, with the default options and %s:\n",
               sessions ? "sessions of clicks and orders with the feedback like" : "the behaviours view, cart and buy");
    for (int t = 0; t < model->tables; t++) {
        const struct ps_table_spec *spec = &model->table[t];
        if (spec->kind == PS_TABLE_TENSOR) {
            printf("  %-19s tensor %u x %u, in %llu row%s of %u floats\n", spec->name, spec->tensor_rows,
                   spec->tensor_cols, (unsigned long long)spec->rows, spec->rows == 1 ? "" : "s", spec->width);
            continue;
        }
        printf("  %-19s %s x %u floats:", spec->name, kinds[spec->kind], spec->width);
        for (uint32_t f = 0; f < spec->fields; f++)
            printf("%s %s (%u)", f ? "," : "", spec->field[f].name, spec->field[f].width);
        printf("\n");
    }
}

/* A model declares its tables for a dataset: here for one of a single user and item without any history, or of a
 * session without events. */
static int print_model(const char *name, struct ps_error *err)
{
    static const uint64_t offset[2] = {0, 0}, one[2] = {0, 1};
    static const uint32_t count[1] = {0};
    const struct ps_history none = {.offset = offset, .count = count};
    const struct ps_dataset dataset = {
        .users = 1, .items = 1, .behaviours = 3, .behaviour = {"view", "cart", "buy"}, .train = {none, none, none}};
    const struct ps_dataset sessions = {
        .users = 1, .items = 1, .behaviours = 1, .behaviour = {"event"}, .train = {none}, .features = 1,
        .feature = {{.name = "category", .side = PS_ITEMS, .values = 1, .pairs = 1, .offset = one, .value = count}},
        .sessions = {.count = 1, .train = 1, .longest = 2, .visitors = 1, .operations = 2, .feedbacks = 1, .begin = offset, .targets = offset,
                     .operation_name = {"click", "order"}, .feedback_name = {"like"}}};
    struct ps_config config;
    struct ps_model model;
    ps_config_init(&config);
    const struct ps_model_class *class_ = ps_model_find(name);
    int status = ps_model_init(&model, name, &config, class_ && class_->recipe.stream ? &sessions : &dataset, err);
    if (status < 0)
        return status;
    printf("%s: %s\nSource: %s\n", name, model.class_->title, model.class_->source);
    printf("\nOptions%s\n", *model.class_->options ? ", with their defaults:" : ": none");
    print_options(model.class_->options);
    if (model.class_->forward && !model.class_->recipe.sweeps) /* the embedding layer's, of all models */
        print_options("features feature_pooling");
    print_tables(&model);
    ps_model_fini(&model);
    return 0;
}

int cmd_models(int argc, char **argv)
{
    const char *name = NULL;
    argp_parse(&(struct argp){NULL, parse, "[NAME]", doc, NULL, NULL, NULL}, argc, argv, 0, NULL, &name);
    if (!name) {
        print_list();
        return PS_OK;
    }
    struct ps_error err;
    if (print_model(name, &err) < 0) {
        fprintf(stderr, "penstock: %s\n", err.text);
        return err.code;
    }
    return PS_OK;
}
