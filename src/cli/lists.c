/* lists.c - see lists.h. */
#include "cli/lists.h"

#include <stdlib.h>

#include "common/progress.h"
#include "worker/model.h"

enum { BLOCK_USERS = 1024 };

/* A user's name, or the line that a session was on. */
static void write_user(const struct ps_dataset *dataset, const struct ps_given *given, uint32_t user, FILE *to)
{
    size_t length;
    if (given) {
        fprintf(to, "%llu", (unsigned long long)given->line[user]);
        return;
    }
    const char *name = ps_dataset_name(dataset, PS_USERS, user, &length);
    fprintf(to, "%.*s", (int)length, name);
}

/* name: whose list it is; NULL: the user's. */
static void write_list(const struct ps_dataset *dataset, const struct ps_given *given, const char *name, uint32_t user, const struct ps_top *top,
                       int k, FILE *to)
{
    for (int rank = 0; rank < k && top[rank].item != PS_NO_ITEM; rank++) {
        size_t length;
        const char *item = ps_dataset_name(dataset, PS_ITEMS, top[rank].item, &length);
        if (name)
            fputs(name, to);
        else
            write_user(dataset, given, user, to);
        fprintf(to, "\t%d\t%.*s\t%.6g\n", rank + 1, (int)length, item, (double)top[rank].score);
    }
}

static int write_unknown(struct ps_offline *offline, const struct ps_listed *listed, int k, FILE *to, struct ps_error *err)
{
    struct ps_model rule;
    const uint32_t anybody = 0;
    int status = listed->unknowns ? ps_model_init(&rule, "popularity", &offline->config, &offline->dataset, err) : 0;
    if (status || !listed->unknowns)
        return status;
    struct ps_top *top = ps_calloc((size_t)k, sizeof *top);
    status = ps_top_items(&rule, &offline->source, &anybody, 1, PS_MASK_NONE, k, offline->config.train.seed, top, err);
    for (size_t i = 0; !status && i < listed->unknowns; i++)
        write_list(&offline->dataset, NULL, listed->unknown[i], 0, top, k, to);
    free(top);
    ps_model_fini(&rule);
    return status;
}

int ps_lists_write(struct ps_offline *offline, const struct ps_listed *listed, int k, FILE *to, struct ps_error *err)
{
    const struct ps_given *given = listed->given && listed->given->count ? listed->given : NULL;
    struct ps_top *top = ps_calloc((size_t)BLOCK_USERS * (size_t)k, sizeof *top);
    uint32_t user[BLOCK_USERS];
    struct ps_bar bar;
    ps_bar_begin(&bar, "recommending", listed->count);
    fprintf(to, "%s\trank\titem\tscore\n", given ? "session" : "user");
    int status = 0;
    for (size_t first = 0; !status && first < listed->count; first += BLOCK_USERS) {
        size_t n = PS_MIN((size_t)BLOCK_USERS, listed->count - first);
        for (size_t i = 0; i < n; i++)
            user[i] = listed->user ? listed->user[first + i] : (uint32_t)(first + i);
        status = ps_top_items(&offline->model, &offline->source, user, n, ps_eval_mask(&offline->config), k, offline->config.train.seed, top,
                              err);
        for (size_t i = 0; !status && i < n; i++)
            write_list(&offline->dataset, given, NULL, user[i], top + i * (size_t)k, k, to);
        ps_bar_update(&bar, first + n, "");
    }
    ps_bar_end(&bar);
    free(top);
    return status ? status : write_unknown(offline, listed, k, to, err);
}
