/* state.c - what the coordinator has decided, as numbered files RUN/state/NNNNNNNN (docs/protocol.md, "The coordinator").
 *
 * Each file holds the complete state and is linked under the next number: link() fails where the number is taken, so the right to
 * decide is the right to create the next record, whoever believes to be the coordinator, and on whatever host. Nothing is
 * announced before its record is there. Leases, positions and beats are not in it: the members know them.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/sealed.h"
#include "coordinator/internal.h"

enum { KEPT = 3, DIGITS = 8, SLOT_BYTES = PS_SLOTS / 8 };
static const char ADVICE[] = "remove it, and the record before it is used";
static const char *const stage_name[] = {[PS_STAGE_BETWEEN] = "between", [PS_STAGE_TRAINING] = "training",
                                         [PS_STAGE_TRAINED] = "trained", [PS_STAGE_VALIDATED] = "validated",
                                         [PS_STAGE_REPORTING] = "reporting", [PS_STAGE_ENDED] = "ended"};

const char *ps_stage_name(const struct ps_coordinator *c)
{
    return stage_name[c->stage];
}

/* ---- one record as text and back ---- */

static void print_server(FILE *out, const struct ps_coordinator *c, uint64_t incarnation, const char *endpoint)
{
    const struct ps_member *m = incarnation ? ps_member_find(c, incarnation) : NULL;
    fprintf(out, "incarnation: %" PRIu64 ", pid: %u, host: ", incarnation, m ? m->pid : 0);
    ps_sealed_text(out, m ? m->host : "");
    fputs(", endpoint: ", out);
    ps_sealed_text(out, endpoint);
}

static void print_shard(FILE *out, const struct ps_coordinator *c, const struct ps_shard_entry *entry)
{
    fprintf(out, "  - {shard: %u, ", entry->shard);
    print_server(out, c, entry->incarnation, entry->endpoint);
    fputs(", backup: {", out);
    print_server(out, c, entry->backup, entry->backup_endpoint);
    fprintf(out, ", log: %" PRIu64 ", synced: %d}, slots: ", entry->log, entry->synced);
    for (int i = 0; i < SLOT_BYTES; i++)
        fprintf(out, "%02x", entry->slots[i]);
    fputs("}\n", out);
}

static void print_training(FILE *out, const char *key, const struct ps_training *t)
{
    fprintf(out, "%s: {epoch: %u, best_epoch: %u, best: %.17g, stopped_early: %d, tally: ", key, t->epoch, t->best_epoch, t->best,
            t->stopped_early);
    ps_tally_print(out, &t->tally);
    fputs("}\n", out);
}

static void print_record(FILE *out, const struct ps_coordinator *c)
{
    const struct ps_training *t = &c->training;
    char time[32], host[256] = "";
    ps_timestamp(time);
    gethostname(host, sizeof host - 1);
    fprintf(out, "# What the coordinator of this run has decided. The file with the highest number holds all of it.\nversion: 2\n"
            "written: '%s'\nhost: ", time);
    ps_sealed_text(out, host);
    fprintf(out, "\npid: %d\nrun: %" PRIu64 "\nterm: %u\nera: %u\nmap: %u\nepoch: %u\nstage: %s\nservers: %d\nworkers: %d\nbase: ",
            (int)getpid(), c->run, c->term, c->era, c->map.version, c->epoch, stage_name[c->stage], c->options.servers,
            c->options.workers);
    ps_sealed_text(out, c->base ? c->base : "");
    fputc('\n', out);
    print_training(out, "training", t);
    const struct ps_cutting *k = &c->cutting;
    bool pending = k->phase == PS_CUT_FILES && k->manifest.complete;
    fprintf(out, "cut: {id: %" PRIu64 ", best: %d, since: %" PRIu64 ", chain: %d, saved_best: %.17g, saved_best_epoch: %u, parent: ",
            pending ? c->cut : k->pending, k->best, pending ? k->manifest.since : k->parent_cut, k->chain, k->saved_best,
            k->saved_best_epoch);
    ps_sealed_text(out, pending ? k->manifest.parent : k->pending ? k->parent : "");
    fputs("}\n", out);
    print_training(out, "cut_training", &k->training);
    fprintf(out, "value: %.17g\nstale: %u\nepoch_begun: %.3f", c->last_value, c->stale, c->epoch_begun);
    fprintf(out, "\ncode: %d\nreason: ", c->end.code);
    ps_sealed_text(out, c->end.text);
    fputs("\nshards:\n", out);
    for (uint32_t s = 0; s < c->map.shards; s++)
        print_shard(out, c, &c->map.entry[s]);
}

static bool parse_slots(const char *text, uint8_t *slots)
{
    static const char digits[] = "0123456789abcdef";
    if (strlen(text) != 2 * SLOT_BYTES)
        return false;
    for (int i = 0; i < 2 * SLOT_BYTES; i++) {
        const char *digit = strchr(digits, text[i]);
        if (!digit)
            return false;
        slots[i / 2] = (uint8_t)(slots[i / 2] << 4 | (digit - digits));
    }
    return true;
}

/* A server of the map, if there is one, becomes a member whose first word is awaited. */
static void read_server(struct ps_reading *r, const struct ps_yaml *map, uint32_t shard, struct ps_coordinator *c, uint64_t *incarnation,
                        char endpoint[256])
{
    *incarnation = ps_read_whole(r, map, "incarnation", UINT64_MAX);
    ps_read_text(r, map, "endpoint", endpoint, 256);
    if (!*incarnation)
        return;
    struct ps_member *m = ps_calloc(1, sizeof *m);
    PS_GROW(c->member, c->member_capacity, c->members + 1);
    c->member[c->members++] = m;
    m->shard = shard;
    m->incarnation = m->home = *incarnation;
    memcpy(m->endpoint, endpoint, sizeof m->endpoint);
    ps_read_text(r, map, "host", m->host, sizeof m->host);
    m->pid = (uint32_t)ps_read_whole(r, map, "pid", UINT32_MAX);
    m->role = PS_ROLE_SERVER;
    m->alive = m->welcomed = m->awaited = true;
    m->joined = m->turned = m->last_beat = ps_now();
    m->connection = -1;
}

static void read_shards(struct ps_reading *r, const struct ps_yaml *list, uint32_t version, struct ps_coordinator *c)
{
    struct ps_shard_entry *entry = r->status ? NULL : ps_calloc((size_t)list->count, sizeof *entry);
    for (int i = 0; !r->status && i < list->count; i++) {
        const struct ps_yaml *map = &list->child[i], *slots = ps_read_child(r, map, "slots", PS_YAML_SCALAR);
        const struct ps_yaml *backup = ps_read_child(r, map, "backup", PS_YAML_MAP);
        entry[i].shard = (uint32_t)ps_read_whole(r, map, "shard", PS_MAX_SHARDS - 1);
        read_server(r, map, entry[i].shard, c, &entry[i].incarnation, entry[i].endpoint);
        read_server(r, backup, PS_NO_SHARD, c, &entry[i].backup, entry[i].backup_endpoint);
        entry[i].log = ps_read_whole(r, backup, "log", UINT64_MAX);
        entry[i].synced = ps_read_whole(r, backup, "synced", 1);
        if (!r->status && !parse_slots(slots->text, entry[i].slots))
            r->status = ps_fail(r->err, PS_EXIT_DATA, "%s: the slots of shard %u make no sense; %s", r->path, entry[i].shard, ADVICE);
    }
    if (!r->status && list->count)
        r->status = ps_slot_map_from_entries(&c->map, version, entry, (uint32_t)list->count, r->err);
    free(entry);
}

static void read_training(struct ps_reading *r, const struct ps_yaml *root, const char *key, struct ps_training *t)
{
    const struct ps_yaml *map = ps_read_child(r, root, key, PS_YAML_MAP);
    t->epoch = (uint32_t)ps_read_whole(r, map, "epoch", UINT32_MAX);
    t->best_epoch = (uint32_t)ps_read_whole(r, map, "best_epoch", UINT32_MAX);
    t->best = ps_read_real(r, map, "best");
    t->stopped_early = ps_read_whole(r, map, "stopped_early", 1);
    ps_tally_read(r, ps_read_child(r, map, "tally", PS_YAML_MAP), &t->tally);
}

static void read_record(struct ps_reading *r, const struct ps_yaml *root, struct ps_coordinator *c)
{
    char base[PS_STATE_PATH] = "", stage[16] = "";
    if (ps_read_whole(r, root, "version", UINT32_MAX) != 2 && !r->status)
        r->status = ps_fail(r->err, PS_EXIT_DATA, "%s is of another format; use the program that wrote it", r->path);
    c->run = ps_read_whole(r, root, "run", UINT64_MAX);
    c->term = (uint32_t)ps_read_whole(r, root, "term", UINT32_MAX - 1);
    c->era = (uint32_t)ps_read_whole(r, root, "era", UINT32_MAX);
    c->epoch = (uint32_t)ps_read_whole(r, root, "epoch", UINT32_MAX);
    ps_read_text(r, root, "stage", stage, sizeof stage);
    c->stage = PS_STAGE_BETWEEN;
    while (c->stage < PS_STAGE_ENDED && strcmp(stage, stage_name[c->stage]))
        c->stage++;
    ps_read_text(r, root, "base", base, sizeof base);
    read_training(r, root, "training", &c->training);
    const struct ps_yaml *cut = ps_read_child(r, root, "cut", PS_YAML_MAP);
    c->cutting.pending = ps_read_whole(r, cut, "id", UINT64_MAX);
    c->cutting.best = ps_read_whole(r, cut, "best", 1);
    c->cutting.parent_cut = ps_read_whole(r, cut, "since", UINT64_MAX); /* the pending one's; the next one after it begins a chain */
    c->cutting.chain = (int)ps_read_whole(r, cut, "chain", INT32_MAX);
    ps_read_text(r, cut, "parent", c->cutting.parent, sizeof c->cutting.parent);
    c->cutting.saved_best = ps_read_real(r, cut, "saved_best");
    c->cutting.saved_best_epoch = (uint32_t)ps_read_whole(r, cut, "saved_best_epoch", UINT32_MAX);
    read_training(r, root, "cut_training", &c->cutting.training);
    c->last_value = ps_read_real(r, root, "value");
    c->stale = (uint32_t)ps_read_whole(r, root, "stale", UINT32_MAX);
    c->epoch_begun = ps_read_real(r, root, "epoch_begun");
    c->end.code = (int)ps_read_whole(r, root, "code", 255);
    ps_read_text(r, root, "reason", c->end.text, sizeof c->end.text);
    uint32_t version = (uint32_t)ps_read_whole(r, root, "map", UINT32_MAX);
    read_shards(r, ps_read_child(r, root, "shards", PS_YAML_LIST), version, c);
    free(c->base);
    c->base = *base ? ps_strdup(base) : NULL;
    if (c->options.takeover) { /* what the command line does not say */
        c->options.servers = (int)ps_read_whole(r, root, "servers", PS_MAX_SHARDS);
        c->options.workers = (int)ps_read_whole(r, root, "workers", PS_MAX_LANES);
    }
}

/* ---- the folder ---- */

static char *record_path(const struct ps_coordinator *c, uint64_t number)
{
    return ps_format("%s/%0*" PRIu64, c->options.state, DIGITS, number);
}

/* The highest number below `below` that the folder has; 0: none. */
static int newest(const struct ps_coordinator *c, uint64_t below, uint64_t *number, struct ps_error *err)
{
    DIR *dir = opendir(c->options.state);
    if (!dir)
        return ps_fail_errno(err, PS_EXIT_STORAGE, "cannot read the folder %s", c->options.state);
    *number = 0;
    for (struct dirent *entry; (entry = readdir(dir));)
        if (strlen(entry->d_name) == DIGITS && strspn(entry->d_name, "0123456789") == DIGITS) {
            uint64_t found = strtoull(entry->d_name, NULL, 10);
            if (found < below)
                *number = PS_MAX(*number, found);
        }
    closedir(dir);
    return 0;
}

static void forget_members(struct ps_coordinator *c)
{
    for (int i = 0; i < c->members; i++)
        free(c->member[i]);
    c->members = 0;
    memset(&c->map, 0, sizeof c->map);
}

static int load(struct ps_coordinator *c, uint64_t number, struct ps_error *err)
{
    struct ps_yaml *root;
    char *path = record_path(c, number);
    int status = ps_sealed_load(path, ADVICE, &root, err);
    if (!status) {
        struct ps_reading r = {.path = path, .advice = ADVICE, .err = err};
        read_record(&r, root, c);
        status = r.status;
        ps_yaml_free(root);
    }
    if (status)
        forget_members(c);
    free(path);
    return status;
}

/* The newest record that can be read. One that is damaged is passed over: the one before it is at most one decision behind, and
 * members that know more say so. */
static int load_newest(struct ps_coordinator *c, bool *found, struct ps_error *err)
{
    *found = false;
    uint64_t number;
    int status = newest(c, UINT64_MAX, &number, err);
    c->state_number = status ? 0 : number;
    while (!status && number) {
        struct ps_error bad;
        if (!load(c, number, &bad)) {
            *found = true;
            return 0;
        }
        ps_warn("%s", bad.text);
        status = newest(c, number, &number, err);
    }
    return status;
}

static int superseded(const struct ps_coordinator *c, struct ps_error *err)
{
    return ps_fail(err, PS_EXIT_SUPERSEDED, "another coordinator has taken this run over (%s has a record after our %" PRIu64 "); this one "
                   "ends and leaves everything to it", c->options.state, c->state_number);
}

int ps_state_check(struct ps_coordinator *c, struct ps_error *err)
{
    uint64_t number = 0;
    if (!c->options.state)
        return 0;
    int status = newest(c, UINT64_MAX, &number, err);
    if (!status && number > c->state_number)
        status = superseded(c, err);
    c->state_checked = ps_now();
    return status;
}

/* Gives the temporary file its number, and only if nobody else has it. */
static int link_record(const struct ps_coordinator *c, const char *temporary, const char *path, struct ps_error *err)
{
    struct stat info;
    if (!link(temporary, path))
        return 0;
    int reason = errno;
    /* Over NFS the answer may be lost after the link was made: then the file has two names. */
    if (!stat(temporary, &info) && info.st_nlink == 2)
        return 0;
    errno = reason;
    return reason == EEXIST ? superseded(c, err) : ps_fail_errno(err, PS_EXIT_STORAGE, "cannot make the record %s", path);
}

/* On a full disk the records before the last one give up their place: a run that cannot write checkpoints goes on. */
static bool make_room(const struct ps_coordinator *c)
{
    bool removed = false;
    for (uint64_t i = 1; i < KEPT && i < c->state_number; i++) {
        char *old = record_path(c, c->state_number - i);
        removed |= !unlink(old);
        free(old);
    }
    return removed;
}

int ps_state_write(struct ps_coordinator *c, struct ps_error *err)
{
    if (!c->options.state)
        return 0;
    struct ps_text sealed;
    ps_text_open(&sealed);
    print_record(sealed.out, c);
    char *text = ps_sealed_end(&sealed), *temporary = ps_format("%s/record-%016" PRIx64, c->options.state, c->incarnation);
    char *path = record_path(c, c->state_number + 1);
    int status = ps_file_write(temporary, text, sealed.size, err);
    if (status == -PS_EXIT_STORAGE && make_room(c))
        status = ps_file_write(temporary, text, sealed.size, err);
    if (!status)
        status = link_record(c, temporary, path, err);
    unlink(temporary);
    if (!status)
        status = ps_folder_sync(c->options.state, err);
    free(temporary), free(text);
    if (!status) {
        c->state_number++;
        /* A number that somebody else had taken may have been free again because it is too old to be kept: then there are higher
         * ones. Nobody reads ours, and it decides nothing. */
        status = ps_state_check(c, err);
        if (status == -PS_EXIT_SUPERSEDED)
            unlink(path);
    }
    free(path);
    if (!status && c->state_number > KEPT) {
        char *old = record_path(c, c->state_number - KEPT);
        unlink(old);
        free(old);
    }
    return status;
}

int ps_state_open(struct ps_coordinator *c, struct ps_error *err)
{
    enum { ATTEMPTS = 5 };
    int status = -1;
    if (!c->options.state)
        return 0;
    /* The one that starts at the same time as another reads again, and supersedes it. */
    for (int attempt = 0; status && attempt < ATTEMPTS; attempt++) {
        bool found;
        forget_members(c);
        status = load_newest(c, &found, err);
        if (status)
            return status;
        if (found)
            c->term++;
        if (!c->options.takeover) { /* a new start: of the last one only what must never come again is kept */
            forget_members(c);
            c->stage = PS_STAGE_BETWEEN;
            c->epoch = c->stale = 0;
            c->cutting = (struct ps_cutting){0};
            c->training = (struct ps_training){0};
            c->last_value = 0;
            c->end = (struct ps_error){0};
            free(c->base);
            c->base = NULL;
        }
        status = ps_state_write(c, err);
        if (status && status != -PS_EXIT_SUPERSEDED)
            return status;
    }
    return status;
}
