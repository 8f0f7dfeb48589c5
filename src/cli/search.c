/* search.c - draws of settings, and the arithmetic of successive halving; see search.h. */
#include "cli/search.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/random.h"

/* Combinations of the listed values; 1 where there are none. */
static uint64_t combinations(const struct ps_exp_row *row)
{
    uint64_t count = 1;
    for (int i = 0; i < row->choices; i++)
        if (row->choice[i].values)
            count *= (uint64_t)row->choice[i].values->count;
    return count;
}

int ps_search_trials(const struct ps_experiment *e, int row)
{
    uint64_t count = combinations(&e->row[row]);
    for (int i = 0; i < e->row[row].choices; i++)
        if (!e->row[row].choice[i].values)
            return e->budget.trials;
    return (int)PS_MIN(count, (uint64_t)e->budget.trials);
}

/* "5", "[20, 1]". */
static char *text_of(const struct ps_yaml *value)
{
    char *text = ps_strdup(value->kind == PS_YAML_SCALAR ? value->text : "[");
    for (int i = 0; i < value->count; i++) {
        char *longer = ps_format("%s%s%s", text, i ? ", " : "", value->child[i].text);
        free(text);
        text = longer;
    }
    if (value->kind == PS_YAML_LIST) {
        char *closed = ps_format("%s]", text);
        free(text);
        text = closed;
    }
    return text;
}

void ps_search_draw(const struct ps_experiment *e, int row, int trial, char *text[PS_EXP_SPACE])
{
    const struct ps_exp_row *r = &e->row[row];
    uint64_t name = ps_hash64(r->name, strlen(r->name), 0), count = combinations(r);
    struct ps_random random = ps_random_stream(e->budget.seed, PS_RANDOM_SEARCH, name, (uint64_t)trial, 0);
    uint64_t index = ps_random_permute(ps_mix64(e->budget.seed ^ name), count, (uint64_t)trial % count);
    for (int i = 0; i < r->choices; i++) {
        const struct ps_exp_choice *choice = &r->choice[i];
        if (choice->values) {
            char *value = text_of(&choice->values->child[index % (uint64_t)choice->values->count]);
            index /= (uint64_t)choice->values->count;
            text[i] = ps_format("%s=%s", choice->key, value);
            free(value);
            continue;
        }
        double at = ps_random_unit(&random);
        double value = choice->logarithmic ? choice->low * pow(choice->high / choice->low, at) : choice->low + (choice->high - choice->low) * at;
        text[i] = ps_format("%s=%.4g", choice->key, value);
    }
}

int ps_search_rungs(const struct ps_exp_budget *budget, int trials)
{
    int rungs = 1;
    for (; budget->halving && trials >= budget->halving; trials /= budget->halving)
        rungs++;
    return rungs;
}

void ps_search_rung(const struct ps_exp_budget *budget, int trials, int rung, int *alive, int *epochs)
{
    int left = ps_search_rungs(budget, trials) - 1 - rung;
    double part = budget->epochs;
    *alive = trials;
    for (int i = 0; i < rung; i++)
        *alive /= budget->halving;
    for (int i = 0; i < left; i++)
        part /= budget->halving;
    *epochs = PS_MIN((int)ceil(part / budget->every - 1e-9) * budget->every, budget->epochs);
}
