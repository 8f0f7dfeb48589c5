/* checkpoint.c - the coordinator's part of a cut (docs/protocol.md) and of loading one; RUN/checkpoints.
 *
 * RUN/checkpoints/epoch-0007/ holds one file a shard and manifest.yaml, written last. `last` and `best` are symbolic links
 * that are replaced by a rename, so each always points at a whole checkpoint.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "common/manifest.h"
#include "coordinator/internal.h"
#include "coordinator/runlog.h"

void ps_cut_handle(struct ps_coordinator *c, struct ps_member *member, const struct ps_control *message)
{
    if (message->first != c->cut || member->answered || message->kind != c->expected)
        return;
    if (message->kind == PS_CUT_LIMIT) {
        for (uint32_t i = 0; i < message->lane_count; i++)
            if (message->lane[i].lane < c->lanes)
                c->limit[message->lane[i].lane].position =
                    PS_MAX(c->limit[message->lane[i].lane].position, message->lane[i].position);
        return;
    }
    c->file = ps_realloc(c->file, c->files + message->file_count, sizeof *c->file);
    memcpy(c->file + c->files, message->file, message->file_count * sizeof *c->file);
    c->files += message->file_count;
}

/* Both halves of the cut; afterwards c->limit holds P and c->file what the shards have written. */
static int cut(struct ps_coordinator *c, char *folder, struct ps_error *err)
{
    c->cut++;
    c->cut_dropped = false;
    c->files = 0;
    for (uint32_t l = 0; l < c->lanes; l++)
        c->limit[l] = (struct ps_lane_entry){.lane = l};
    struct ps_control prepare = {.kind = PS_CUT_PREPARE, .epoch = c->epoch, .first = c->cut, .text = folder};
    int status = ps_ask_servers(c, &prepare, PS_CUT_LIMIT, c->cut, "CUT_PREPARE", err);
    if (status || c->cut_dropped)
        return status;
    if (c->config->train.consistency == PS_SYNC) { /* one step for all lanes */
        uint64_t step = 0;
        for (uint32_t l = 0; l < c->lanes; l++)
            step = PS_MAX(step, c->limit[l].position);
        for (uint32_t l = 0; l < c->lanes; l++)
            c->limit[l].position = step;
    }
    struct ps_control at = {.kind = PS_CUT_AT, .epoch = c->epoch, .first = c->cut, .text = folder, .lane = c->limit,
                            .lane_count = c->lanes};
    return ps_ask_servers(c, &at, PS_CUT_DONE, c->cut, "CUT_AT", err);
}

static int write_manifest(struct ps_coordinator *c, const char *folder, struct ps_error *err)
{
    struct ps_manifest m = {.run = c->run,
                            .cut = c->cut,
                            .seed = c->config->train.seed,
                            .era = c->era,
                            .term = c->term,
                            .epoch = c->epoch,
                            .mode = (uint32_t)c->config->train.consistency,
                            .slots = PS_SLOTS,
                            .step = c->config->train.consistency == PS_SYNC ? c->limit[0].position : 0,
                            .dataset = c->options.fingerprint,
                            .value = c->last_value,
                            .best = c->training.best,
                            .best_epoch = c->training.best_epoch,
                            .lanes = c->lanes,
                            .tables = (uint32_t)c->options.tables,
                            .table = (struct ps_table_spec *)(uintptr_t)c->options.table,
                            .optimizer = c->config->optimizer,
                            .files = c->files,
                            .file = c->file};
    snprintf(m.blas, sizeof m.blas, "%s", c->options.kernel);
    if (c->training.best_epoch)
        snprintf(m.metric, sizeof m.metric, "%s@%d", c->config->early_stop.metric == PS_METRIC_HR ? "hr" : "ndcg",
                 c->config->early_stop.k);
    m.lane = ps_calloc(c->lanes, sizeof *m.lane);
    for (uint32_t l = 0; l < c->lanes; l++)
        m.lane[l] = (struct ps_manifest_lane){c->limit[l].position, c->lane[l].state == PS_LANE_FINISHED};
    m.config = ps_config_write(c->config);
    int status = ps_manifest_write(&m, folder, err);
    free(m.lane);
    free(m.config);
    return status;
}

/* Points checkpoints/NAME at the folder, by a rename. */
static int point(const char *checkpoints, const char *name, const char *folder, struct ps_error *err)
{
    char *link = ps_format("%s/%s", checkpoints, name), *temporary = ps_format("%s/.%s.tmp", checkpoints, name);
    unlink(temporary);
    int status = 0;
    if (symlink(folder, temporary) || rename(temporary, link))
        status = ps_fail_errno(err, PS_EXIT_STORAGE, "cannot make the link %s", link);
    free(link);
    free(temporary);
    return status;
}

static int newest_first(const void *a, const void *b)
{
    unsigned long x = strtoul(*(char *const *)a + 6, NULL, 10), y = strtoul(*(char *const *)b + 6, NULL, 10);
    return (x < y) - (x > y); /* "epoch-10000" comes behind "epoch-9999" */
}

/* Removes all but the best and the newest `keep` checkpoints. */
static int prune(struct ps_coordinator *c, struct ps_error *err)
{
    const char *checkpoints = c->options.checkpoints;
    char best[32], **name = NULL;
    size_t names = 0, capacity = 0;
    snprintf(best, sizeof best, "epoch-%04u", c->training.best_epoch);
    DIR *dir = opendir(checkpoints);
    if (!dir)
        return ps_fail_errno(err, PS_EXIT_STORAGE, "cannot read %s", checkpoints);
    for (struct dirent *entry; (entry = readdir(dir));)
        if (!strncmp(entry->d_name, "epoch-", 6)) {
            PS_GROW(name, capacity, names + 1);
            name[names++] = ps_strdup(entry->d_name);
        }
    closedir(dir);
    if (names)
        qsort(name, names, sizeof *name, newest_first);
    int status = 0;
    for (size_t i = 0; i < names; i++) {
        if (i >= (size_t)c->config->checkpoint.keep && strcmp(name[i], best) && !status) {
            char *folder = ps_format("%s/%s", checkpoints, name[i]);
            status = ps_folder_remove(folder, err);
            free(folder);
        }
        free(name[i]);
    }
    free(name);
    return status;
}

int ps_cut_save(struct ps_coordinator *c, uint32_t epoch, bool best, struct ps_error *err)
{
    enum { CUT_ATTEMPTS = 5 };
    struct ps_error ignored;
    char name[32];
    snprintf(name, sizeof name, "epoch-%04u", epoch);
    char *folder = ps_format("%s/%s", c->options.checkpoints, name);
    double begin = ps_now();
    c->doing = "checkpoint";
    /* What an earlier life of the run left under this name (it was resumed from before it) is not trusted. */
    int status = ps_folder_remove(folder, err);
    if (!status)
        status = ps_folder_make(folder, err);
    for (int attempt = 0; !status && (attempt == 0 || c->cut_dropped); attempt++)
        status = attempt < CUT_ATTEMPTS ? cut(c, folder, err)
                                        : ps_fail(err, PS_EXIT_NET, "no checkpoint after %d attempts: servers did not hear of the cut's "
                                                  "positions in time; is the machine overloaded?", attempt);
    if (status == PS_ROLL_BACK) { /* servers may be writing there still */
        free(c->unfinished);
        c->unfinished = ps_strdup(folder);
    } else if (status) {
        ps_folder_remove(folder, &ignored); /* files without a manifest are no checkpoint */
    }
    if (!status)
        status = write_manifest(c, folder, err);
    if (!status) /* the links are the newest coordinator's to set */
        status = ps_state_check(c, err);
    /* The manifest of `last` tells which is the best one: so that comes first. */
    if (!status && best)
        status = point(c->options.checkpoints, "best", name, err);
    if (!status)
        status = point(c->options.checkpoints, "last", name, err);
    if (!status)
        status = prune(c, err);
    if (!status) {
        ps_recover_from(c, folder);
        uint64_t bytes = 0;
        for (uint32_t i = 0; i < c->files; i++)
            bytes += c->file[i].bytes;
        ps_runlog(c->options.log, "{\"event\":\"checkpoint\",\"epoch\":%u,\"name\":\"%s\",\"bytes\":%llu,\"seconds\":%.3f}",
                  epoch, name, (unsigned long long)bytes, ps_now() - begin);
    }
    free(folder);
    return status;
}

/* ---- which checkpoint to go on from ---- */

struct candidate {
    char *name; /* owned */
    bool readable;
    uint32_t era, best_epoch;
    uint64_t cut;
    struct ps_error damage; /* where it is not readable */
};

/* The latest first, by (era, cut); before them the ones whose manifest cannot tell. */
static int latest_first(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    if (x->readable != y->readable)
        return x->readable ? 1 : -1;
    if (x->era != y->era)
        return x->era < y->era ? 1 : -1;
    return x->cut == y->cut ? strcmp(y->name, x->name) : x->cut < y->cut ? 1 : -1;
}

/* What a name in RUN/checkpoints holds. False: a folder without a manifest, left by a crash, which is no checkpoint (unless
 * `last` says that it was one). */
static bool examine(const char *checkpoints, const char *last, const char *name, struct candidate *candidate)
{
    struct ps_manifest m;
    char *folder = ps_format("%s/%s", checkpoints, name), *manifest = ps_format("%s/%s", folder, PS_MANIFEST_NAME);
    bool is = !access(manifest, F_OK) || !strcmp(name, last);
    if (is) {
        *candidate = (struct candidate){.name = ps_strdup(name)};
        candidate->readable = !ps_manifest_read(&m, folder, &candidate->damage);
        if (candidate->readable) {
            candidate->era = m.era;
            candidate->cut = m.cut;
            candidate->best_epoch = m.best_epoch;
            ps_manifest_fini(&m);
        }
    }
    free(folder), free(manifest);
    return is;
}

static int verify(const char *folder, struct ps_error *err)
{
    struct ps_manifest m;
    int status = ps_manifest_read(&m, folder, err);
    if (status)
        return status;
    status = ps_manifest_verify(&m, folder, err);
    ps_manifest_fini(&m);
    return status;
}

static int list(const char *checkpoints, struct candidate **candidate, size_t *count, struct ps_error *err)
{
    char last[64] = "", *link = ps_format("%s/last", checkpoints);
    size_t capacity = 0;
    ssize_t length = readlink(link, last, sizeof last - 1);
    last[PS_MAX(length, 0)] = 0;
    free(link);
    DIR *dir = opendir(checkpoints);
    if (!dir)
        return ps_fail_errno(err, PS_EXIT_STORAGE, "cannot read %s", checkpoints);
    bool seen_last = !*last;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (strncmp(entry->d_name, "epoch-", 6))
            continue;
        PS_GROW(*candidate, capacity, *count + 1);
        seen_last |= !strcmp(entry->d_name, last);
        *count += examine(checkpoints, last, entry->d_name, &(*candidate)[*count]);
    }
    closedir(dir);
    if (!seen_last) {
        PS_GROW(*candidate, capacity, *count + 1);
        *count += examine(checkpoints, last, last, &(*candidate)[*count]);
    }
    if (*count)
        qsort(*candidate, *count, sizeof **candidate, latest_first);
    return 0;
}

/* Sets `last`, and `best` where the epoch that the manifest names is there, to what is gone on from. */
static int point_links(const char *checkpoints, const struct candidate *chosen, struct ps_error *err)
{
    char best[32];
    snprintf(best, sizeof best, "epoch-%04u", chosen->best_epoch);
    char *manifest = ps_format("%s/%s/%s", checkpoints, best, PS_MANIFEST_NAME);
    int status = chosen->best_epoch && !access(manifest, F_OK) ? point(checkpoints, "best", best, err) : 0;
    free(manifest);
    return status ? status : point(checkpoints, "last", chosen->name, err);
}

int ps_cut_choose(const char *checkpoints, const char *name, struct ps_runlog *log, char **folder, struct ps_error *err)
{
    struct candidate *candidate = NULL, only;
    size_t count = 0, chosen = 0;
    char *damage = NULL, quoted[PS_JSON_TEXT];
    struct ps_error problem;
    int status = 0;
    *folder = NULL;
    if (name) {
        char *path = ps_format("%s/%s", checkpoints, name);
        status = verify(path, err);
        if (!status && strcmp(name, "best") && examine(checkpoints, "", name, &only)) {
            status = point_links(checkpoints, &only, err);
            free(only.name);
        }
        if (!status)
            *folder = path;
        else
            free(path);
        return status;
    }
    status = list(checkpoints, &candidate, &count, err);
    for (; !status && chosen < count; chosen++) {
        struct candidate *c = &candidate[chosen];
        char *path = ps_format("%s/%s", checkpoints, c->name);
        if (c->readable && !verify(path, &problem)) {
            *folder = path;
            break;
        }
        char *longer = ps_format("%s%s%s", damage ? damage : "", damage ? "; " : "",
                                 c->readable ? problem.text : c->damage.text);
        free(damage), free(path);
        damage = longer;
    }
    if (!status && *folder && damage) {
        ps_warn("going on from checkpoint %s, the newest that is whole; passed over: %s", candidate[chosen].name, damage);
        ps_runlog(log, "{\"event\":\"fallback\",\"to\":\"%s\",\"why\":\"%s\"}", candidate[chosen].name,
                  ps_json_text(damage, quoted));
    } else if (!status && damage) {
        status = ps_fail(err, PS_EXIT_DATA, "no checkpoint in %s is whole, so the run cannot go on: %s", checkpoints, damage);
    }
    if (!status && *folder)
        status = point_links(checkpoints, &candidate[chosen], err);
    for (size_t i = 0; i < count; i++)
        free(candidate[i].name);
    free(candidate), free(damage);
    return status;
}

static int check_tables(const struct ps_coordinator *c, const struct ps_manifest *m, const char *from,
                        struct ps_error *err)
{
    if (m->tables != (uint32_t)c->options.tables)
        return ps_fail(err, PS_EXIT_DATA, "checkpoint %s has %u tables, the model has %d: it is another model's", from,
                       m->tables, c->options.tables);
    for (uint32_t t = 0; t < m->tables; t++) {
        const struct ps_table_spec *a = &m->table[t], *b = &c->options.table[t];
        if (strcmp(a->name, b->name) || a->kind != b->kind || a->rows != b->rows || a->width != b->width)
            return ps_fail(err, PS_EXIT_DATA, "checkpoint %s has table '%s' of %llu x %u, the model wants '%s' of %llu x %u: "
                           "the model's options or the dataset differ", from, a->name, (unsigned long long)a->rows,
                           a->width, b->name, (unsigned long long)b->rows, b->width);
    }
    return 0;
}

/* Eras and cuts go on behind all that are in the folder, also those that were passed over: the latest is the highest. */
static int go_beyond(struct ps_coordinator *c, struct ps_error *err)
{
    struct candidate *candidate = NULL;
    size_t count = 0;
    int status = c->options.checkpoints ? list(c->options.checkpoints, &candidate, &count, err) : 0;
    for (size_t i = 0; i < count; i++) {
        c->era = PS_MAX(c->era, candidate[i].era);
        c->cut = PS_MAX(c->cut, candidate[i].cut);
        free(candidate[i].name);
    }
    free(candidate);
    return status;
}

int ps_cut_load(struct ps_coordinator *c, const char *from, struct ps_error *err)
{
    struct ps_manifest m;
    int status = go_beyond(c, err);
    if (!status)
        status = ps_manifest_read(&m, from, err);
    if (status)
        return status;
    status = ps_manifest_check_files(&m, from, err);
    if (!status)
        status = check_tables(c, &m, from, err);
    if (!status && m.dataset != c->options.fingerprint)
        ps_warn("checkpoint %s was trained on another preparation of the dataset; ids must be the same ones", from);
    if (!status) {
        c->epoch = m.epoch;
        c->cut = PS_MAX(c->cut, m.cut);
        c->era = PS_MAX(c->era, m.era);
        c->training.epoch = m.epoch;
        c->training.best = m.best;
        c->training.best_epoch = m.best_epoch;
        c->last_value = m.value;
        c->stale = m.best_epoch ? (m.epoch - m.best_epoch) / (uint32_t)c->config->early_stop.every : 0;
    }
    ps_manifest_fini(&m);
    return status;
}
