/* given.c - see given.h. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memrchr */
#endif
#include "data/given.h"

#include <stdlib.h>
#include <string.h>

struct reading {
    struct ps_given *given;
    const struct ps_dataset *dataset;
    uint64_t events;
    size_t event_capacity, operation_capacity, session_capacity, line_capacity, case_capacity;
};

static bool find_operation(const struct ps_dataset *dataset, const char *name, size_t length, uint8_t *operation)
{
    for (uint32_t o = 0; o < dataset->sessions.operations; o++)
        if (strlen(dataset->sessions.operation_name[o]) == length && !memcmp(dataset->sessions.operation_name[o], name, length)) {
            *operation = (uint8_t)o;
            return true;
        }
    return false;
}

/* An item's name may hold a colon itself, so it is looked for as a whole first. */
static bool find_event(const struct ps_dataset *dataset, const char *text, size_t length, uint64_t *item, uint8_t *operation)
{
    *operation = 0;
    if (ps_dataset_find(dataset, PS_ITEMS, text, length, item))
        return true;
    const char *colon = memrchr(text, ':', length);
    return colon && find_operation(dataset, colon + 1, length - (size_t)(colon + 1 - text), operation) &&
           ps_dataset_find(dataset, PS_ITEMS, text, (size_t)(colon - text), item);
}

static void add_event(struct reading *r, uint64_t item, uint8_t operation)
{
    struct ps_given *g = r->given;
    PS_GROW(g->item, r->event_capacity, r->events + 1);
    PS_GROW(g->operation, r->operation_capacity, r->events + 1);
    g->item[r->events] = (uint32_t)item;
    g->operation[r->events++] = operation;
}

/* The event that is asked for has a place as well, though nobody knows it. */
static void add_line(struct reading *r, const char *line, uint64_t number)
{
    struct ps_given *g = r->given;
    uint64_t begin = r->events, most = r->dataset->sessions.longest;
    for (const char *at = line + strspn(line, " \t\r\n"); *at; at += strspn(at, " \t\r\n")) {
        size_t length = strcspn(at, " \t\r\n");
        uint64_t item;
        uint8_t operation;
        if (find_event(r->dataset, at, length, &item, &operation))
            add_event(r, item, operation);
        else
            g->unknown++;
        at += length;
    }
    uint64_t events = r->events - begin;
    if (!events) {
        g->empty += line[strspn(line, " \t\r\n")] != 0;
        return;
    }
    if (events + 1 > most) {
        uint64_t dropped = events + 1 - most;
        memmove(g->item + begin, g->item + begin + dropped, (events - dropped) * sizeof *g->item);
        memmove(g->operation + begin, g->operation + begin + dropped, events - dropped);
        events -= dropped;
        r->events -= dropped;
    }
    add_event(r, 0, 0);
    PS_GROW(g->begin, r->session_capacity, g->count + 2);
    PS_GROW(g->line, r->line_capacity, g->count + 1);
    PS_GROW(g->cases, r->case_capacity, g->count + 1);
    g->cases[g->count] = (struct ps_case){(uint32_t)g->count, (uint32_t)events};
    g->line[g->count] = number;
    g->begin[g->count] = begin;
    g->begin[++g->count] = r->events;
}

int ps_given_read(struct ps_given *given, const struct ps_dataset *dataset, FILE *file, const char *name, struct ps_error *err)
{
    struct reading r = {.given = given, .dataset = dataset};
    *given = (struct ps_given){0};
    char *line = NULL;
    size_t size = 0;
    for (uint64_t number = 1; getline(&line, &size, file) >= 0; number++)
        add_line(&r, line, number);
    free(line);
    if (ferror(file))
        return ps_fail_errno(err, PS_EXIT_DATA, "cannot read %s", name);
    if (!given->count)
        return ps_fail(err, PS_EXIT_DATA, "%s has no session with an item that %s knows; a line is a session, its items parted by blanks",
                       name, dataset->path);
    given->offset = ps_calloc(given->count + 1, sizeof *given->offset);
    return 0;
}

void ps_given_fini(struct ps_given *given)
{
    free(given->line), free(given->begin), free(given->offset), free(given->item), free(given->operation);
    free(given->cases);
    *given = (struct ps_given){0};
}

void ps_given_show(const struct ps_given *given, struct ps_dataset *dataset)
{
    struct ps_sessions *s = &dataset->sessions;
    s->count = given->count;
    s->train = 0;
    s->begin = given->begin;
    s->item = given->item;
    s->operation = given->operation;
    s->visitor = NULL; /* nobody says who it is */
    s->time = NULL;
    s->feedback = NULL;
    s->cases = given->cases;
    dataset->users = given->count;
    dataset->train[0].offset = given->offset;
    dataset->valid_count = dataset->test_count = 0;
}
