/* dataset_open.c - opens and checks a prepared dataset; see dataset.h.
 *
 * Everything whose size goes with users and items is checked at once, contents and checksum: offsets, counts, pairs,
 * names, features, blocks. The columns of items and times are as large as the data: their sizes are checked at once, their
 * contents block by block when they are streamed. So nothing that a damaged file says is ever used as an index.
 */
#include "data/dataset_private.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DESCRIPTION_BYTES = 1 << 20 };

int ps_dataset_damaged(const struct ps_dataset *d, const char *file, const char *what, struct ps_error *err)
{
    ps_fail(err, PS_EXIT_DATA, "%s/%s is damaged (%s); prepare the dataset again", d->path, file, what);
    return -PS_EXIT_DATA;
}

/* ---- dataset.yaml ---- */

int ps_dataset_number(const struct ps_dataset *d, const struct ps_yaml *map, const char *key, int base,
                              uint64_t limit, uint64_t *value, struct ps_error *err)
{
    const struct ps_yaml *node = ps_yaml_get(map, key);
    char what[96], *end = NULL;
    bool number = node && node->kind == PS_YAML_SCALAR && node->text[0] && node->text[0] != '-';
    errno = 0;
    *value = number ? strtoull(node->text, &end, base) : 0;
    if (number && !errno && !*end && *value <= limit)
        return 0;
    snprintf(what, sizeof what, "line %d: no possible number '%.40s'", node ? node->line : map->line, key);
    return ps_dataset_damaged(d, "dataset.yaml", what, err);
}

static int description_behaviours(struct ps_dataset *d, const struct ps_yaml *root, bool *times, struct ps_error *err)
{
    const struct ps_yaml *list = ps_yaml_get(root, "behaviours");
    if (!list || list->kind != PS_YAML_LIST || list->count < 1 || list->count > PS_MAX_BEHAVIOURS)
        return ps_dataset_damaged(d, "dataset.yaml", "no list of behaviours", err);
    d->behaviours = (uint32_t)list->count;
    for (uint32_t b = 0; b < d->behaviours; b++) {
        const struct ps_yaml *entry = &list->child[b];
        const struct ps_yaml *name = ps_yaml_get(entry, "name"), *has = ps_yaml_get(entry, "times");
        if (!name || name->kind != PS_YAML_SCALAR || !name->text[0] || strchr(name->text, '/') ||
            strlen(name->text) >= sizeof d->behaviour[b])
            return ps_dataset_damaged(d, "dataset.yaml", "a behaviour without a name", err);
        memcpy(d->behaviour[b], name->text, strlen(name->text) + 1);
        times[b] = has && has->kind == PS_YAML_SCALAR && !strcmp(has->text, "yes");
        int status = ps_dataset_number(d, entry, "interactions", 10, INT64_MAX / 8, &d->train[b].interactions, err);
        if (status)
            return status;
    }
    return 0;
}

/* A list of features is there only where there are any. */
static int description_features(struct ps_dataset *d, const struct ps_yaml *root, struct ps_error *err)
{
    const struct ps_yaml *list = ps_yaml_get(root, "features");
    if (list && (list->kind != PS_YAML_LIST || list->count > PS_MAX_FEATURES))
        return ps_dataset_damaged(d, "dataset.yaml", "no list of features", err);
    d->features = list ? (uint32_t)list->count : 0;
    for (uint32_t f = 0; f < d->features; f++) {
        struct ps_feature *feature = &d->feature[f];
        const struct ps_yaml *entry = &list->child[f], *name = ps_yaml_get(entry, "name");
        const struct ps_yaml *side = ps_yaml_get(entry, "side"), *number = ps_yaml_get(entry, "number");
        if (!name || name->kind != PS_YAML_SCALAR || !name->text[0] || strchr(name->text, '/') ||
            strlen(name->text) >= sizeof feature->name || !side || side->kind != PS_YAML_SCALAR)
            return ps_dataset_damaged(d, "dataset.yaml", "a feature without a name and a side", err);
        memcpy(feature->name, name->text, strlen(name->text) + 1);
        feature->side = strcmp(side->text, "user") ? PS_ITEMS : PS_USERS;
        feature->number = number && number->kind == PS_YAML_SCALAR && !strcmp(number->text, "yes");
        int status = ps_dataset_number(d, entry, "values", 10, UINT32_MAX - 1, &feature->values, err);
        if (!status)
            status = ps_dataset_number(d, entry, "pairs", 10, INT64_MAX / 8, &feature->pairs, err);
        if (status)
            return status;
    }
    return 0;
}

/* The last line is a checksum of everything before it. */
static bool description_is_whole(const char *text, size_t size)
{
    static const char head[] = "checksum: \"";
    size_t line = strlen(head) + 16 + strlen("\"\n");
    char wanted[64];
    if (size < line)
        return false;
    snprintf(wanted, sizeof wanted, "%s%016" PRIx64 "\"\n", head, ps_hash64(text, size - line, 0));
    return !memcmp(text + size - line, wanted, line);
}

static int load_description(struct ps_dataset *d, struct ps_yaml **root, bool *times, struct ps_error *err)
{
    char *path = ps_format("%s/dataset.yaml", d->path), *text = NULL;
    size_t size = 0;
    int status = ps_file_read(path, DESCRIPTION_BYTES, &text, &size, err);
    if (status && access(path, F_OK) != 0)
        ps_fail(err, PS_EXIT_DATA, "%s holds no prepared dataset (no dataset.yaml); make one with 'penstock prepare'",
                d->path);
    if (!status)
        status = ps_yaml_load_text(text, size, path, PS_EXIT_DATA, root, err);
    if (status)
        goto out;
    const struct ps_yaml *format = ps_yaml_get(*root, "format");
    uint64_t version = 0;
    if (!format || !format->text || strcmp(format->text, PS_DATASET_FORMAT) != 0) {
        status = ps_fail(err, PS_EXIT_DATA, "%s does not describe a prepared dataset", path);
        goto out;
    }
    status = ps_dataset_number(d, *root, "version", 10, UINT32_MAX, &version, err);
    if (!status && version != PS_DATASET_VERSION)
        status =
            ps_fail(err, PS_EXIT_DATA,
                    "%s has format version %" PRIu64 ", and this penstock reads version %d; prepare the data again",
                    d->path, version, PS_DATASET_VERSION);
    if (!status && !description_is_whole(text, size))
        status = ps_dataset_damaged(d, "dataset.yaml", "its checksum is wrong", err);
    if (!status)
        status = ps_dataset_number(d, *root, "users", 10, UINT32_MAX - 1, &d->users, err);
    if (!status)
        status = ps_dataset_number(d, *root, "items", 10, UINT32_MAX - 1, &d->items, err);
    if (!status)
        status = ps_dataset_number(d, *root, "union_pairs", 10, INT64_MAX / 8, &d->union_pairs, err);
    if (!status)
        status = ps_dataset_number(d, *root, "blocks", 10, UINT32_MAX, &d->blocks, err);
    if (!status)
        status = ps_dataset_number(d, *root, "valid", 10, INT64_MAX / 8, &d->valid_count, err);
    if (!status)
        status = ps_dataset_number(d, *root, "test", 10, INT64_MAX / 8, &d->test_count, err);
    if (!status)
        status = description_behaviours(d, *root, times, err);
    if (!status)
        status = description_features(d, *root, err);
    d->fingerprint = ps_hash64(text, size, 0);
out:
    free(path);
    free(text);
    return status;
}

/* ---- files ---- */

/* Maps FIRST.SECOND, of the size that the description tells (and `size`, unless it is 0 for any). */
int ps_dataset_map(struct ps_dataset *d, const struct ps_yaml *files, const char *first, const char *second,
                    uint64_t size, bool check_sum, const void **data, uint64_t *bytes, struct ps_error *err)
{
    PS_ASSERT(d->private_->files < PS_DATASET_FILES);
    struct ps_mapped *f = &d->private_->file[d->private_->files];
    uint64_t noted;
    snprintf(f->name, sizeof f->name, "%s.%s", first, second);
    const struct ps_yaml *entry = files ? ps_yaml_get(files, f->name) : NULL;
    if (!entry)
        return ps_dataset_damaged(d, f->name, "dataset.yaml does not name it", err);
    int status = ps_dataset_number(d, entry, "bytes", 10, INT64_MAX, &noted, err);
    if (!status)
        status = ps_dataset_number(d, entry, "xxh64", 16, UINT64_MAX, &f->sum, err);
    if (status)
        return status;
    char *path = ps_format("%s/%s", d->path, f->name);
    status = ps_mapping_open(&f->view, path, err);
    free(path);
    if (status)
        return status;
    d->private_->files++;
    if (f->view.size != noted || (size && noted != size)) {
        char what[96];
        snprintf(what, sizeof what, "%zu bytes instead of %" PRIu64, f->view.size, size ? size : noted);
        return ps_dataset_damaged(d, f->name, what, err);
    }
    if (check_sum && ps_hash64(f->view.data, f->view.size, 0) != f->sum)
        return ps_dataset_damaged(d, f->name, "its checksum is wrong", err);
    *data = f->view.data;
    if (bytes)
        *bytes = f->view.size;
    return 0;
}

bool ps_dataset_ascends(const uint64_t *offset, uint64_t count, uint64_t end)
{
    bool right = offset[0] == 0 && offset[count] == end;
    for (uint64_t i = 0; i < count; i++)
        right &= offset[i] <= offset[i + 1];
    return right;
}

static int map_behaviour(struct ps_dataset *d, const struct ps_yaml *files, uint32_t b, bool times,
                         struct ps_error *err)
{
    struct ps_history *h = &d->train[b];
    const void *offset = NULL, *item = NULL, *time = NULL, *count = NULL;
    const char *name = d->behaviour[b];
    int status = ps_dataset_map(d, files, name, "offset", (d->users + 1) * sizeof *h->offset, true, &offset, NULL, err);
    if (!status)
        status = ps_dataset_map(d, files, name, "item", h->interactions * sizeof *h->item, false, &item, NULL, err);
    if (!status && times)
        status = ps_dataset_map(d, files, name, "time", h->interactions * sizeof *h->time, false, &time, NULL, err);
    if (!status)
        status = ps_dataset_map(d, files, name, "count", d->items * sizeof *h->count, true, &count, NULL, err);
    if (status)
        return status;
    h->offset = offset;
    h->item = item;
    h->time = time;
    h->count = count;
    if (!ps_dataset_ascends(h->offset, d->users, h->interactions))
        return ps_dataset_damaged(d, name, "its offsets do not ascend", err);
    return 0;
}

int ps_dataset_map_names(struct ps_dataset *d, const struct ps_yaml *files, const char *kind, uint64_t count, struct ps_names_view *v,
                     struct ps_error *err)
{
    uint64_t size = 0;
    const void *data = NULL;
    int status = ps_dataset_map(d, files, kind, "names", 0, true, &data, &size, err);
    if (status)
        return status;
    uint64_t head = 2 * sizeof(uint64_t) + (count + 1) * sizeof *v->start + (count + count % 2) * sizeof *v->sorted;
    const uint64_t *counts = data;
    if (size < head || counts[0] != count || counts[1] != size - head)
        return ps_dataset_damaged(d, d->private_->file[d->private_->files - 1].name, "its counts are wrong", err);
    v->start = counts + 2;
    v->sorted = (const uint32_t *)(v->start + count + 1);
    v->bytes = (const char *)data + head;
    bool right = ps_dataset_ascends(v->start, count, size - head);
    for (uint64_t i = 0; i < count; i++)
        right &= v->sorted[i] < count;
    return right ? 0 : ps_dataset_damaged(d, d->private_->file[d->private_->files - 1].name, "its contents are wrong", err);
}

static int map_feature(struct ps_dataset *d, const struct ps_yaml *files, uint32_t f, struct ps_error *err)
{
    struct ps_feature *feature = &d->feature[f];
    uint64_t owners = feature->side == PS_USERS ? d->users : d->items;
    const void *offset = NULL, *value = NULL;
    char name[64];
    snprintf(name, sizeof name, "%s.%s", ps_feature_side(feature->side), feature->name);
    int status = ps_dataset_map(d, files, name, "offset", (owners + 1) * sizeof *feature->offset, true, &offset, NULL, err);
    if (!status)
        status = ps_dataset_map(d, files, name, "value", feature->pairs * sizeof *feature->value, true, &value, NULL, err);
    if (!status)
        status = ps_dataset_map_names(d, files, name, feature->values, &d->private_->values[f], err);
    if (status)
        return status;
    feature->offset = offset;
    feature->value = value;
    bool right = ps_dataset_ascends(feature->offset, owners, feature->pairs);
    for (uint64_t i = 0; right && i < owners; i++)
        for (uint64_t k = feature->offset[i]; k < feature->offset[i + 1]; k++)
            right &= feature->value[k] < feature->values && (k == feature->offset[i] || feature->value[k - 1] < feature->value[k]);
    return right ? 0 : ps_dataset_damaged(d, name, "its values are no values", err);
}

static int map_pairs(struct ps_dataset *d, const struct ps_yaml *files, const char *name, uint64_t count,
                     const struct ps_pair **pairs, struct ps_error *err)
{
    const void *data = NULL;
    int status = ps_dataset_map(d, files, name, "pairs", count * sizeof **pairs, true, &data, NULL, err);
    if (status)
        return status;
    bool right = true;
    *pairs = data;
    for (uint64_t i = 0; i < count; i++)
        right &= (*pairs)[i].user < d->users && (*pairs)[i].item < d->items;
    return right ? 0 : ps_dataset_damaged(d, name, "it names users or items that are not there", err);
}

/* Blocks of training, and behind them those of held-out sessions. */
static int map_blocks(struct ps_dataset *d, const struct ps_yaml *files, struct ps_error *err)
{
    const void *data = NULL;
    uint64_t train = d->sessions.count ? d->sessions.train : d->users, all = d->sessions.count ? d->sessions.count : d->users;
    uint64_t blocks = d->blocks + d->private_->held_blocks, ends = blocks + 1;
    uint64_t head = (ends + ends % 2) * sizeof *d->block_user;
    int status = ps_dataset_map(d, files, "blocks", "sums", head + blocks * sizeof(uint64_t), true, &data, NULL, err);
    if (status)
        return status;
    d->block_user = data;
    d->private_->block_sum = (const uint64_t *)((const char *)data + head);
    bool right = d->block_user[0] == 0 && d->block_user[d->blocks] == train && d->block_user[blocks] == all;
    for (uint64_t b = 0; b < blocks; b++)
        right &= d->block_user[b] <= d->block_user[b + 1];
    return right ? 0 : ps_dataset_damaged(d, "blocks.sums", "its users do not ascend", err);
}

/* The columns of users' interactions. */
static int map_interactions(struct ps_dataset *d, const struct ps_yaml *files, const bool *times, struct ps_error *err)
{
    const void *data = NULL;
    int status = 0;
    for (uint32_t b = 0; !status && b < d->behaviours; b++)
        status = map_behaviour(d, files, b, times[b], err);
    if (!status)
        status =
            ps_dataset_map(d, files, "union", "offset", (d->users + 1) * sizeof *d->union_offset, true, &data, NULL, err);
    d->union_offset = data;
    if (!status && !ps_dataset_ascends(d->union_offset, d->users, d->union_pairs))
        status = ps_dataset_damaged(d, "union.offset", "its offsets do not ascend", err);
    return status;
}

static int map_all(struct ps_dataset *d, const struct ps_yaml *root, const bool *times, struct ps_error *err)
{
    const struct ps_yaml *files = ps_yaml_get(root, "files"), *sessions = ps_yaml_get(root, "sessions");
    int status = ps_dataset_map_names(d, files, "users", d->users, &d->private_->names[PS_USERS], err);
    if (!status)
        status = ps_dataset_map_names(d, files, "items", d->items, &d->private_->names[PS_ITEMS], err);
    if (!status)
        status = sessions ? ps_dataset_map_sessions(d, sessions, files, err) : map_interactions(d, files, times, err);
    if (!status)
        status = map_blocks(d, files, err);
    if (!status)
        status = map_pairs(d, files, "valid", d->valid_count, &d->valid, err);
    if (!status)
        status = map_pairs(d, files, "test", d->test_count, &d->test, err);
    for (uint32_t f = 0; !status && f < d->features; f++)
        status = map_feature(d, files, f, err);
    if (!status && sessions)
        status = ps_dataset_check_held_out(d, err);
    return status;
}

int ps_dataset_open(const char *path, struct ps_dataset *dataset, struct ps_error *err)
{
    struct ps_dataset d = {.path = ps_strdup(path), .private_ = ps_calloc(1, sizeof *d.private_)};
    struct ps_yaml *root = NULL;
    bool times[PS_MAX_BEHAVIOURS] = {false};
    int status = load_description(&d, &root, times, err);
    if (!status)
        status = map_all(&d, root, times, err);
    ps_yaml_free(root);
    if (status)
        ps_dataset_close(&d);
    else
        *dataset = d;
    return status;
}

void ps_dataset_close(struct ps_dataset *d)
{
    for (int i = 0; d->private_ && i < d->private_->files; i++)
        ps_mapping_close(&d->private_->file[i].view);
    if (d->private_)
        free(d->private_->no_history);
    free(d->private_);
    free(d->path);
    *d = (struct ps_dataset){0};
}
