/* model.c - finding, starting and ending a model, and the tables that it declares; see model.h. */
#include "worker/model.h"

#include "common/suggest.h"

#include <string.h>

const struct ps_model_class *ps_model_find(const char *name)
{
    for (int i = 0; ps_models[i]; i++)
        if (strcmp(ps_models[i]->name, name) == 0)
            return ps_models[i];
    return NULL;
}

static int refuse_name(const char *name, struct ps_error *err)
{
    const char *names[64] = {NULL};
    for (size_t i = 0; ps_models[i] && i + 1 < PS_COUNT(names); i++)
        names[i] = ps_models[i]->name;
    const char *near = ps_suggest(name, names);
    return ps_fail(err, PS_EXIT_USAGE, "model.name is '%.40s', which is no model; %s%s%s'penstock models' lists them",
                   name, near ? "did you mean '" : "", near ? near : "", near ? "'? " : "");
}

static int add_table(struct ps_model *model, enum ps_table_kind kind, struct ps_error *err)
{
    if (model->tables == PS_MAX_TABLES)
        return ps_fail(err, PS_EXIT_USAGE, "model %s needs more than %d tables; use fewer behaviours, model.layers or model.features",
                       model->class_->name, PS_MAX_TABLES);
    model->table[model->tables] = (struct ps_table_spec){.kind = kind};
    return model->tables++;
}

/* The table of the users or items whose rows a feature is added to: every model has one of each. */
static int add_feature(struct ps_model *model, int k, struct ps_error *err)
{
    const struct ps_feature *feature = &model->dataset->feature[model->recipe.feature[k]];
    int table = add_table(model, PS_TABLE_FEATURE + (enum ps_table_kind)k, err), from = 0;
    if (table < 0)
        return table;
    while (!ps_model_is_feature_of(model, k, from))
        from++;
    struct ps_table_spec *spec = &model->table[table];
    enum ps_table_kind kind = spec->kind;
    *spec = model->table[from];
    spec->kind = kind;
    spec->rows = feature->values;
    snprintf(spec->name, sizeof spec->name, "%s.%s", ps_feature_side(feature->side), feature->name);
    return 0;
}

/* Whether rows of a table are of ids, of which there may be too many: not towers, lane state, and relations of knowledge, which are few. */
static bool has_ids(const struct ps_table_spec *spec)
{
    return spec->kind == PS_TABLE_USER || spec->kind == PS_TABLE_ITEM || spec->kind == PS_TABLE_HISTORY || spec->kind == PS_TABLE_VALUE ||
           (spec->kind >= PS_TABLE_FEATURE && spec->kind < PS_TABLE_SIGHTINGS);
}

/* Where ids come and go each table of them gets one of sightings (server/living.h), behind all that the model knows. */
static int add_sightings(struct ps_model *model, struct ps_error *err)
{
    const struct ps_config *config = model->config;
    if (!ps_config_lives(config) || !model->class_->forward)
        return 0;
    if (model->recipe.sweeps || model->recipe.loss == PS_LOSS_WHOLE || config->optimizer.kind == PS_OPT_ADAM_DENSE)
        return ps_fail(err, PS_EXIT_USAGE, "servers.admit_after, evict_after and memory let rows come and go, which %s cannot do with; leave them out",
                       model->recipe.sweeps ? "alternating least squares" : model->recipe.loss == PS_LOSS_WHOLE ? "model.loss: whole" : "adam_dense");
    for (int t = 0, tables = model->tables; t < tables; t++) {
        struct ps_table_spec *of = &model->table[t];
        if (!has_ids(of))
            continue;
        int table = add_table(model, PS_TABLE_SIGHTINGS, err);
        if (table < 0)
            return table;
        struct ps_table_spec *spec = &model->table[table];
        of->sightings = (uint32_t)table;
        of->admit_after = (uint32_t)config->servers.admit_after;
        of->evict_after = (uint32_t)config->servers.evict_after;
        spec->rows = of->rows;
        spec->counts = of->kind;
        spec->update = PS_UPDATE_ADD; /* nobody pushes to it, and it has no state */
        snprintf(spec->name, sizeof spec->name, "sightings.%d", t);
        ps_model_add_field(model, table, "seen", 1, PS_INIT_ZERO, 0);
        ps_model_add_field(model, table, "epoch", 1, PS_INIT_ZERO, 0);
    }
    return 0;
}

int ps_model_init(struct ps_model *model, const char *name, const struct ps_config *config,
                  const struct ps_dataset *dataset, struct ps_error *err)
{
    const struct ps_model_class *class_ = ps_model_find(name);
    if (!class_)
        return refuse_name(name, err);
    /* A rule is trained on nothing: its recipe is one that no configuration contradicts. */
    *model = (struct ps_model){.class_ = class_, .config = config, .dataset = dataset,
                               .recipe = {.heads = 1, .negatives_from = PS_NEGATIVES_UNIFORM, .loss = PS_LOSS_BCE}};
    int status = 0;
    if (class_->forward)
        status = ps_recipe_init(&model->recipe, name, &class_->recipe, config, dataset, err);
    else if (class_->recipe.stream) /* of the rules, some do with either kind of dataset */
        status = ps_recipe_stream(name, class_->recipe.stream, dataset, err);
    if (!status)
        status = class_->init(model, err);
    model->first_feature = model->tables;
    for (int k = 0; !status && k < model->recipe.features; k++)
        status = add_feature(model, k, err);
    int known = model->tables;
    if (status >= 0)
        status = add_sightings(model, err);
    model->declared = model->tables;
    model->tables = known;
    if (status < 0)
        ps_model_fini(model);
    return status;
}

bool ps_model_is_feature_of(const struct ps_model *model, int k, int t)
{
    enum ps_entity side = model->dataset->feature[model->recipe.feature[k]].side;
    return model->table[t].kind == (side == PS_USERS ? PS_TABLE_USER : PS_TABLE_ITEM);
}

int ps_model_tasks(const struct ps_model *model, const char *name[PS_MAX_TASKS])
{
    const struct ps_sessions *sessions = &model->dataset->sessions;
    const struct ps_recipe *recipe = &model->recipe;
    int tasks = recipe->stream ? (model->class_->judge ? 1 + (int)sessions->feedbacks : 1) : recipe->loss == PS_LOSS_WHOLE || recipe->sweeps ? 1 : recipe->heads;
    for (int k = 0; k < tasks; k++)
        name[k] = !recipe->stream ? model->dataset->behaviour[recipe->first + (uint32_t)k] : k ? sessions->feedback_name[k - 1] : "next_item";
    return tasks > 1 ? tasks : 0;
}

void ps_model_fini(struct ps_model *model)
{
    if (model->class_)
        model->class_->fini(model);
    *model = (struct ps_model){0};
}

int ps_model_add_rows(struct ps_model *model, const char *name, enum ps_table_kind kind, struct ps_error *err)
{
    int table = add_table(model, kind, err);
    if (table < 0)
        return table;
    struct ps_table_spec *spec = &model->table[table];
    snprintf(spec->name, sizeof spec->name, "%s", name);
    PS_ASSERT(kind != PS_TABLE_HISTORY || model->recipe.history);
    spec->update = kind == PS_TABLE_LANE ? PS_UPDATE_ASSIGN : PS_UPDATE_OPTIMIZER;
    const struct ps_dataset *dataset = model->dataset;
    uint64_t users = dataset->sessions.count ? dataset->sessions.visitors : dataset->users;
    switch (kind) {
    case PS_TABLE_USER: spec->rows = users; break;
    case PS_TABLE_LANE: spec->rows = (uint64_t)model->config->train.lanes * (uint64_t)model->config->train.batch; break;
    case PS_TABLE_VALUE: spec->rows = ps_triples_values(dataset); break;
    case PS_TABLE_RELATION: spec->rows = ps_triples_relations(dataset); break;
    default: spec->rows = dataset->items;
    }
    return table;
}

int ps_model_add_field(struct ps_model *model, int table, const char *name, int width, enum ps_init init, float scale)
{
    struct ps_table_spec *spec = &model->table[table];
    PS_ASSERT(spec->fields < PS_MAX_FIELDS && width > 0);
    struct ps_field *field = &spec->field[spec->fields++];
    *field = (struct ps_field){.first = spec->width, .width = (uint32_t)width, .init = init, .scale = scale};
    snprintf(field->name, sizeof field->name, "%s", name);
    spec->width += (uint32_t)width;
    return (int)field->first;
}

const char *ps_model_head(const struct ps_model *model, int r)
{
    return model->class_->recipe.heads == PS_HEADS_EACH ? model->dataset->behaviour[r] : NULL;
}

int ps_model_add_tensor(struct ps_model *model, const char *name, const char *behaviour, int rows, int cols,
                        enum ps_init init, float scale, struct ps_error *err)
{
    int table = add_table(model, PS_TABLE_TENSOR, err);
    if (table < 0)
        return table;
    struct ps_table_spec *spec = &model->table[table];
    snprintf(spec->name, sizeof spec->name, "%s%s%s", name, behaviour ? "." : "", behaviour ? behaviour : "");
    spec->tensor_rows = (uint32_t)rows;
    spec->tensor_cols = (uint32_t)cols;
    uint64_t size = (uint64_t)rows * (uint64_t)cols;
    spec->rows = (size + PS_CHUNK - 1) / PS_CHUNK;
    ps_model_add_field(model, table, "value", (int)((size + spec->rows - 1) / spec->rows), init, scale);
    return table;
}
