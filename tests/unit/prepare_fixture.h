/* prepare_fixture.h - what the tests of lines, input, preparation and datasets share: a folder that goes away, small
 * files in it, and preparations of them.
 */
#ifndef PREPARE_FIXTURE_H
#define PREPARE_FIXTURE_H

#include "common/file.h"
#include "data/prepare.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[256]; /* of the test that runs */
static struct ps_error err;

static inline int make_folder(void **state)
{
    const char *parent = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/penstock-test.XXXXXX", parent ? parent : "/tmp");
    memset(&err, 0, sizeof err);
    return mkdtemp(folder) ? 0 : -1;
}

static inline int remove_folder(void **state)
{
    return ps_folder_remove(folder, NULL);
}

#define FOLDER_TEST(function) cmocka_unit_test_setup_teardown(function, make_folder, remove_folder)

/* A path in the folder; good until a few more have been asked for. */
static inline const char *in_folder(const char *name)
{
    static char path[8][512];
    static int turn;
    turn = (turn + 1) % 8;
    snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
    return path[turn];
}

static inline const char *write_bytes(const char *name, const void *data, size_t size)
{
    const char *path = in_folder(name);
    assert_int_equal(ps_file_write(path, data, size, &err), 0);
    return path;
}

static inline const char *write_text(const char *name, const char *text)
{
    return write_bytes(name, text, strlen(text));
}

/* A file of tests/fixtures. */
static inline const char *fixture(const char *name)
{
    static char path[4][512];
    static int turn;
    const char *root = getenv("PENSTOCK_ROOT");
    turn = (turn + 1) % 4;
    snprintf(path[turn], sizeof path[turn], "%s/tests/fixtures/%s", root ? root : ".", name);
    return path[turn];
}

/* A file of the real data; the test is skipped where it is missing. */
static inline const char *real_data(const char *name)
{
    static char path[4][512];
    static int turn;
    const char *root = getenv("PENSTOCK_DATA");
    turn = (turn + 1) % 4;
    snprintf(path[turn], sizeof path[turn], "%s/%s", root ? root : "../shared/data", name);
    if (access(path[turn], R_OK) != 0) {
        print_message("skipped: PENSTOCK_DATA has no %s\n", name);
        skip();
    }
    return path[turn];
}

/* Names in the folder, apart from . and .. */
static inline int count_names(void)
{
    int count = 0;
    DIR *d = opendir(folder);
    assert_non_null(d);
    for (struct dirent *entry; (entry = readdir(d));)
        count += entry->d_name[0] != '.';
    closedir(d);
    return count;
}

struct preparation {
    struct ps_prepare_options o;
    struct ps_prepare_input input[4];
    struct ps_prepare_stats stats;
    struct ps_dataset d;
};

/* view, cart, buy; no held-out pairs; into the folder's "out"; no inputs yet. */
static inline void prepare_begin(struct preparation *p)
{
    *p = (struct preparation){0};
    p->o = (struct ps_prepare_options){.out = in_folder("out"),
                                       .input = p->input,
                                       .rules = {.behaviours = 3, .keep_targets = 1, .seed = 1},
                                       .behaviour = {"view", "cart", "buy"},
                                       .id_seed = 1,
                                       .memory = 64 << 20,
                                       .max_bad = 100,
                                       .quiet = true};
}

static inline void prepare_input(struct preparation *p, const char *path, int behaviour)
{
    p->input[p->o.inputs++] = (struct ps_prepare_input){path, behaviour};
}

/* Prepares, opens and checks everything; the caller closes p->d. */
static inline void prepare_now(struct preparation *p)
{
    if (ps_prepare(&p->o, &p->stats, &err) || ps_dataset_open(p->o.out, &p->d, &err) || ps_dataset_verify(&p->d, &err))
        fail_msg("%s", err.text);
}

static inline uint32_t id_of(const struct ps_dataset *d, enum ps_entity entity, const char *name)
{
    uint64_t id = 0;
    if (!ps_dataset_find(d, entity, name, strlen(name), &id))
        fail_msg("no id for %s", name);
    return (uint32_t)id;
}

/* Whether the pair of names is in training behaviour b. */
static inline bool trained(const struct ps_dataset *d, uint32_t b, const char *user, const char *item)
{
    return ps_dataset_has(d, b, id_of(d, PS_USERS, user), id_of(d, PS_ITEMS, item));
}

static inline bool held(const struct ps_dataset *d, const struct ps_pair *pair, uint64_t count, const char *user,
                        const char *item)
{
    uint32_t u = id_of(d, PS_USERS, user), i = id_of(d, PS_ITEMS, item);
    for (uint64_t k = 0; k < count; k++)
        if (pair[k].user == u && pair[k].item == i)
            return true;
    return false;
}

/* Time of a training pair. */
static inline int64_t time_of(const struct ps_dataset *d, uint32_t b, const char *user, const char *item)
{
    uint32_t u = id_of(d, PS_USERS, user), i = id_of(d, PS_ITEMS, item);
    assert_non_null(d->train[b].time);
    for (uint64_t k = d->train[b].offset[u]; k < d->train[b].offset[u + 1]; k++)
        if (d->train[b].item[k] == i)
            return d->train[b].time[k];
    fail_msg("%s %s is not in training behaviour %u", user, item, b);
    return 0;
}

#endif
