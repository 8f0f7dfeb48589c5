/* names.c - a dictionary of names, and its file; see names.h. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* qsort_r */
#endif
#include "data/names.h"

#include <stdlib.h>
#include <string.h>

struct ps_names_slot {
    uint32_t tag;    /* 32 bits of the name's hash; they also say where the slot is */
    uint32_t number; /* provisional number + 1; 0: free */
};

/* What a name is sorted by: the first eight bytes of a key decide nearly always, the name itself does the rest. */
struct sortable {
    uint64_t key;
    uint32_t number;
};

void ps_names_init(struct ps_names *names)
{
    *names = (struct ps_names){.mask = 1023};
    names->slot = ps_calloc(names->mask + 1, sizeof *names->slot);
    PS_GROW(names->start, names->start_capacity, 1);
    names->start[0] = 0;
}

void ps_names_fini(struct ps_names *names)
{
    free(names->bytes);
    free(names->start);
    free(names->slot);
    *names = (struct ps_names){0};
}

static void double_slots(struct ps_names *names)
{
    uint64_t mask = 2 * names->mask + 1;
    struct ps_names_slot *slot = ps_calloc(mask + 1, sizeof *slot);
    for (uint64_t i = 0; i <= names->mask; i++) {
        if (!names->slot[i].number)
            continue;
        uint64_t at = names->slot[i].tag & mask;
        while (slot[at].number)
            at = (at + 1) & mask;
        slot[at] = names->slot[i];
    }
    free(names->slot);
    names->slot = slot;
    names->mask = mask;
}

bool ps_names_allow(const char *name, size_t length)
{
    bool control = false;
    if (!length || length > PS_NAME_BYTES_MAX)
        return false;
    for (size_t i = 0; i < length; i++)
        control |= (unsigned char)name[i] < ' ' || name[i] == 0x7f;
    return !control;
}

/* The slot of a name: its own, or the free one where it belongs. */
static uint64_t find_slot(const struct ps_names *names, uint32_t tag, const char *name, size_t length)
{
    uint64_t at = tag & names->mask;
    for (; names->slot[at].number; at = (at + 1) & names->mask) {
        uint32_t n = names->slot[at].number - 1;
        if (names->slot[at].tag == tag && names->start[n + 1] - names->start[n] == length &&
            !memcmp(names->bytes + names->start[n], name, length))
            break;
    }
    return at;
}

uint32_t ps_names_find(const struct ps_names *names, const char *name, size_t length)
{
    uint32_t number = names->slot[find_slot(names, (uint32_t)ps_hash64(name, length, 0), name, length)].number;
    return number ? number - 1 : PS_NO_NAME;
}

uint32_t ps_names_add(struct ps_names *names, const char *name, size_t length)
{
    uint32_t tag = (uint32_t)ps_hash64(name, length, 0);
    uint64_t at = find_slot(names, tag, name, length);
    if (names->slot[at].number)
        return names->slot[at].number - 1;
    if (names->count == UINT32_MAX - 1)
        ps_die(PS_EXIT_DATA, "more than %u names of one kind: dense ids have 32 bits", names->count);
    uint64_t begin = names->start[names->count];
    PS_GROW(names->bytes, names->bytes_capacity, begin + length);
    PS_GROW(names->start, names->start_capacity, (size_t)names->count + 2);
    memcpy(names->bytes + begin, name, length);
    names->slot[at] = (struct ps_names_slot){tag, names->count + 1};
    names->start[++names->count] = begin + length;
    if (2 * (uint64_t)names->count > names->mask)
        double_slots(names);
    return names->count - 1;
}

const char *ps_names_get(const struct ps_names *names, uint32_t number, size_t *length)
{
    *length = names->start[number + 1] - names->start[number];
    return names->bytes + names->start[number];
}

uint64_t ps_names_memory(const struct ps_names *names)
{
    return names->bytes_capacity + names->start_capacity * sizeof *names->start +
           (names->mask + 1) * sizeof *names->slot;
}

static int compare(const void *left, const void *right, void *context)
{
    const struct sortable *l = left, *r = right;
    const struct ps_names *names = context;
    if (l->key != r->key)
        return l->key < r->key ? -1 : 1;
    size_t l_length, r_length;
    const char *l_name = ps_names_get(names, l->number, &l_length);
    const char *r_name = ps_names_get(names, r->number, &r_length);
    int order = memcmp(l_name, r_name, PS_MIN(l_length, r_length));
    return order ? order : (l_length > r_length) - (l_length < r_length);
}

static void sort(const struct ps_names *names, struct sortable *array, size_t count)
{
    qsort_r(array, count, sizeof *array, compare, (void *)(uintptr_t)names);
}

uint32_t *ps_names_order(const struct ps_names *names, uint32_t kept, uint64_t seed)
{
    uint32_t fresh = names->count - kept;
    uint32_t *id = ps_malloc(sizeof *id * (size_t)names->count);
    struct sortable *array = ps_malloc(sizeof *array * (size_t)fresh);
    for (uint32_t n = 0; n < kept; n++)
        id[n] = n;
    for (uint32_t i = 0; i < fresh; i++) {
        size_t length;
        const char *name = ps_names_get(names, kept + i, &length);
        array[i] = (struct sortable){ps_hash64(name, length, seed), kept + i};
    }
    sort(names, array, fresh);
    for (uint32_t i = 0; i < fresh; i++)
        id[array[i].number] = kept + i;
    free(array);
    return id;
}

/* The first eight bytes as a big-endian number, so that comparing numbers compares bytes. */
static uint64_t leading_bytes(const char *name, size_t length)
{
    uint64_t key = 0;
    for (size_t i = 0; i < 8; i++)
        key = key << 8 | (i < length ? (unsigned char)name[i] : 0);
    return key;
}

int ps_names_write(const struct ps_names *names, const uint32_t *id, struct ps_writer *w, struct ps_error *err)
{
    uint64_t count = names->count, start = 0;
    uint32_t *number = ps_malloc(sizeof *number * count); /* provisional, by dense id */
    struct sortable *array = ps_malloc(sizeof *array * count);
    for (uint32_t n = 0; n < count; n++) {
        size_t length;
        const char *name = ps_names_get(names, n, &length);
        number[id[n]] = n;
        array[n] = (struct sortable){leading_bytes(name, length), n};
    }
    sort(names, array, count);

    int status = ps_writer_put(w, &count, sizeof count, err);
    if (!status)
        status = ps_writer_put(w, &names->start[count], sizeof names->start[count], err);
    for (uint64_t d = 0; !status && d <= count; d++) {
        status = ps_writer_put(w, &start, sizeof start, err);
        if (d < count)
            start += names->start[number[d] + 1] - names->start[number[d]];
    }
    for (uint64_t i = 0; !status && i < count + count % 2; i++) {
        uint32_t sorted = i < count ? id[array[i].number] : 0; /* one more, to fill eight bytes */
        status = ps_writer_put(w, &sorted, sizeof sorted, err);
    }
    for (uint64_t d = 0; !status && d < count; d++) {
        size_t length;
        const char *name = ps_names_get(names, number[d], &length);
        status = ps_writer_put(w, name, length, err);
    }
    free(array);
    free(number);
    return status;
}
