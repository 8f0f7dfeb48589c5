/* status.c - penstock status: what a running job and each of its processes are doing. */
#include <argp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/arguments.h"
#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/screen.h"
#include "common/yaml.h"

enum { KEY_JSON = 1000 };
static const double WATCH_EVERY = 1; /* seconds */

struct arguments {
    const char *run;
    bool watch, json;
};

static const struct argp_option options[] = {
    {"watch", 'w', NULL, 0, "Again every second, until the run ends or Ctrl-C", 0},
    {"json", KEY_JSON, NULL, 0, "As JSON, one object; docs/cluster.md has the fields", 0},
    {0}};

static const char doc[] =
    "Show what a running job is doing.\v"
    "At first those that hold up the others, what workers have been waiting for, and how often strangers were refused. Then one line for each "
    "process: role, host, process, state, lanes (worker) or slots (server), thousands of samples (worker) or rows (server) a second, the share of its "
    "time that it works rather than waits, micro-batches behind the first lane, seconds since its last beat; and where the terminal is wide enough the "
    "requests in its queue, seconds left for its lanes, refused strangers. Whoever can read RUN/keys/token may ask. Exit code 4: no "
    "coordinator is at work in RUN, or it does not answer.";

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case 'w': a->watch = true; return 0;
    case KEY_JSON: a->json = true; return 0;
    case ARGP_KEY_ARG:
        ps_argument_only(&a->run, arg, "RUN", state);
        return 0;
    case ARGP_KEY_END:
        if (!a->run)
            argp_error(state, "give the folder of a running job");
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static const char *text_of(const struct ps_yaml *map, const char *key)
{
    const struct ps_yaml *node = ps_yaml_get(map, key);
    return node && node->kind == PS_YAML_SCALAR ? node->text : "";
}

static double number_of(const struct ps_yaml *map, const char *key)
{
    return strtod(text_of(map, key), NULL);
}

static bool is_straggler(const struct ps_yaml *m)
{
    return !strcmp(text_of(m, "straggler"), "true");
}

static bool is_server(const struct ps_yaml *m)
{
    return !strcmp(text_of(m, "role"), "server");
}

static void print_state(const struct ps_yaml *m, char text[64])
{
    snprintf(text, 64, "%s %s", text_of(m, "state"), text_of(m, "copy_of"));
}

static void print_share(const struct ps_yaml *m, char text[64])
{
    snprintf(text, 64, "%s", text_of(m, is_server(m) ? "slots" : "lanes"));
}

static void print_speed(const struct ps_yaml *m, char text[64])
{
    snprintf(text, 64, "%.1f", 1e-3 * number_of(m, is_server(m) ? "rows_per_second" : "samples_per_second"));
}

static void print_busy(const struct ps_yaml *m, char text[64])
{
    snprintf(text, 64, "%.0f%%", 100 * number_of(m, "busy"));
}

static void print_seen(const struct ps_yaml *m, char text[64])
{
    snprintf(text, 64, "%.1f", number_of(m, "last_seen"));
}

/* The columns of the table, of which as many are shown as there is room for. */
static const struct {
    const char *title;
    int width;       /* negative: to the left */
    const char *key; /* what is told of a member; NULL: `print` says it */
    void (*print)(const struct ps_yaml *member, char text[64]);
} columns[] = {
    {"role", -7, "role", NULL},      {"host", -16, "host", NULL},   {"process", 8, "pid", NULL},     {"state", -10, NULL, print_state},
    {"lanes", 5, NULL, print_share}, {"k/s", 8, NULL, print_speed}, {"busy", 5, NULL, print_busy},   {"lag", 4, "lag", NULL},
    {"seen", 5, NULL, print_seen},   {"queue", 6, "queue", NULL},   {"left", 7, "remaining", NULL},  {"refused", 8, "refused", NULL},
};

/* How many columns there is room for. */
static size_t columns_for(const struct ps_screen *screen)
{
    size_t count = 0;
    for (int used = 1; count < PS_COUNT(columns); count++) {
        used += 1 + abs(columns[count].width);
        if (screen->columns && used > screen->columns)
            break;
    }
    return count;
}

static void print_row(const struct ps_yaml *m, size_t count)
{
    char text[64];
    fputc(' ', stdout);
    for (size_t i = 0; i < count; i++) {
        if (m && columns[i].print)
            columns[i].print(m, text);
        else
            snprintf(text, sizeof text, "%s", m ? text_of(m, columns[i].key) : columns[i].title);
        printf(" %*.*s", columns[i].width, i == 1 ? abs(columns[i].width) : 63, text); /* a long host name is cut off */
    }
    fputc('\n', stdout);
}

/* Who holds up the others, and who has been waiting for whom. Returns the lines that it took. */
static int print_notes(const struct ps_screen *screen, const struct ps_yaml *m)
{
    const char *role = text_of(m, "role"), *process = text_of(m, "pid"), *host = text_of(m, "host");
    int lines = 0;
    if (is_straggler(m) && !strcmp(text_of(m, "state"), "silent"))
        lines += ps_screen_print(screen, stdout, "straggler: %s, process %s on %s: no sign of life for %s s", role, process, host,
                                 text_of(m, "last_seen"));
    else if (is_straggler(m))
        lines += ps_screen_print(screen, stdout, "straggler: %s, process %s on %s: %s s left for its lanes", role, process, host,
                                 text_of(m, "remaining"));
    if (number_of(m, "refused") > 0)
        lines += ps_screen_print(screen, stdout, "refused: %s, process %s on %s: %s connections or messages of strangers", role, process, host,
                                 text_of(m, "refused"));
    if (*text_of(m, "waits"))
        lines += ps_screen_print(screen, stdout, "waiting: %s, process %s on %s: for %s", role, process, host, text_of(m, "waits"));
    return lines;
}

/* Whether it belongs at the top where there is no room for all. */
static bool stands_out(const struct ps_yaml *m)
{
    static const char *const usual[] = {"working", "serving", "replica", "idle", "ranking"};
    for (size_t i = 0; i < PS_COUNT(usual); i++)
        if (!strcmp(text_of(m, "state"), usual[i]))
            return is_straggler(m);
    return true;
}

/* The table, with at most `room` members (0: all): those that stand out come first then. */
static void print_members(const struct ps_screen *screen, const struct ps_yaml *members, int room)
{
    size_t count = columns_for(screen);
    bool all = !room || members->count <= room;
    int shown = 0, passes = all ? 1 : 2;
    print_row(NULL, count);
    for (int pass = 0; pass < passes; pass++)
        for (int i = 0; i < members->count; i++)
            if (all || (stands_out(&members->child[i]) == !pass && shown < room)) {
                print_row(&members->child[i], count);
                shown++;
            }
    if (shown < members->count)
        printf("  and %d more\n", members->count - shown);
}

static int print_status(const struct ps_screen *screen, const char *run, const char *json, struct ps_error *err)
{
    struct ps_yaml *s;
    static const struct ps_yaml none;
    int status = ps_yaml_load_text(json, strlen(json), "the coordinator's answer", PS_EXIT_NET, &s, err);
    if (status)
        return status;
    const struct ps_yaml *members = ps_yaml_get(s, "members");
    members = members ? members : &none;
    int used = 3 + ps_screen_print(screen, stdout, "%s: %s, epoch %s of %s, %.0f %%, %.0f k samples/s; %s servers, %s workers, %s of %s lanes finished",
                                   run, text_of(s, "phase"), text_of(s, "epoch"), text_of(s, "epochs"), 100 * number_of(s, "done"),
                                   1e-3 * number_of(s, "samples_per_second"), text_of(s, "servers"), text_of(s, "workers"),
                                   text_of(s, "lanes_finished"), text_of(s, "lanes"));
    for (int i = 0; i < members->count; i++)
        used += print_notes(screen, &members->child[i]);
    if (number_of(s, "refused") > 0)
        used += ps_screen_print(screen, stdout, "refused: %s connections or messages of strangers, by the coordinator and the servers",
                                text_of(s, "refused"));
    const struct ps_yaml *ids = ps_yaml_get(s, "ids");
    if (ids)
        used += ps_screen_print(screen, stdout, "ids: %s have rows, %s were seen and have none; in this epoch %s were admitted and %s evicted",
                                text_of(ids, "rows"), text_of(ids, "waiting"), text_of(ids, "admitted"), text_of(ids, "evicted"));
    if (*text_of(s, "waits"))
        used += ps_screen_print(screen, stdout, "waiting: coordinator: for %s", text_of(s, "waits"));
    print_members(screen, members, screen->lines ? PS_MAX(screen->lines - used, 1) : 0);
    ps_yaml_free(s);
    return 0;
}

int cmd_status(int argc, char **argv)
{
    struct arguments a = {0};
    const struct argp argp = {options, parse, "RUN", doc, NULL, NULL, NULL};
    argp_parse(&argp, argc, argv, 0, NULL, &a);
    struct ps_asker *asker = NULL;
    struct ps_error err;
    int status = ps_asker_open(a.run, &asker, &err);
    bool again = a.watch;
    do {
        char *answer = NULL;
        if (!status)
            status = ps_asker_ask(asker, PS_ASK_STATUS, 0, 0, &answer, &err);
        struct ps_screen screen = ps_screen_size(); /* it may be another one by now */
        if (!a.watch)
            screen.lines = 0;
        if (!status && a.watch && !a.json && isatty(STDOUT_FILENO))
            fputs("\033[H\033[2J", stdout);
        if (!status && a.json)
            fputs(answer, stdout);
        else if (!status)
            status = print_status(&screen, a.run, answer, &err);
        free(answer);
        if (status || fflush(stdout)) /* the reader may have seen enough */
            break;
        if (again)
            ps_net_wait(NULL, 0, WATCH_EVERY, NULL);
    } while (again);
    if (status)
        fprintf(stderr, "penstock: %s\n", err.text);
    ps_asker_close(asker);
    return status ? err.code : 0;
}
