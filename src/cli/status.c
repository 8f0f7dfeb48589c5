/* status.c - penstock status: what a running job and each of its processes are doing. */
#include <argp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/arguments.h"
#include "cli/ask.h"
#include "cli/commands.h"
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
    "One line for each process: role, host, process, state, lanes (worker) or slots (server), thousands of samples (worker) or rows "
    "(server) a second, requests in its queue, micro-batches behind the first lane, seconds since its last beat. Below them those "
    "that hold up the others, what workers have been waiting for, and how often strangers were refused. Whoever can read RUN/keys/token may ask. Exit code 4: no "
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

static void print_member(const struct ps_yaml *m)
{
    bool server = !strcmp(text_of(m, "role"), "server");
    char state[32];
    snprintf(state, sizeof state, "%s %s", text_of(m, "state"), text_of(m, "copy_of"));
    printf("  %-7s %-16.16s %8s  %-10s %6s %10.1f %6s %5s %6.1f\n", text_of(m, "role"), text_of(m, "host"), text_of(m, "pid"), state,
           text_of(m, server ? "slots" : "lanes"), 1e-3 * number_of(m, server ? "rows_per_second" : "samples_per_second"),
           text_of(m, "queue"), text_of(m, "lag"), number_of(m, "last_seen"));
}

/* Below the table: who holds up the others, and who has been waiting for whom. */
static void print_notes(const struct ps_yaml *m)
{
    if (!strcmp(text_of(m, "straggler"), "true")) {
        printf("straggler: %s, process %s on %s: ", text_of(m, "role"), text_of(m, "pid"), text_of(m, "host"));
        if (!strcmp(text_of(m, "state"), "silent"))
            printf("no sign of life for %s s\n", text_of(m, "last_seen"));
        else
            printf("%s s left for its lanes\n", text_of(m, "remaining"));
    }
    if (number_of(m, "refused") > 0)
        printf("refused: %s, process %s on %s: %s connections or messages of strangers\n", text_of(m, "role"), text_of(m, "pid"), text_of(m, "host"),
               text_of(m, "refused"));
    if (*text_of(m, "waits"))
        printf("waiting: %s, process %s on %s: for %s\n", text_of(m, "role"), text_of(m, "pid"), text_of(m, "host"), text_of(m, "waits"));
}

static int print_status(const char *run, const char *json, struct ps_error *err)
{
    struct ps_yaml *s;
    int status = ps_yaml_load_text(json, strlen(json), "the coordinator's answer", PS_EXIT_NET, &s, err);
    if (status)
        return status;
    const struct ps_yaml *members = ps_yaml_get(s, "members");
    printf("%s: %s, epoch %s of %s, %.0f %%, %.0f k samples/s; %s servers, %s workers, %s of %s lanes finished\n", run, text_of(s, "phase"),
           text_of(s, "epoch"), text_of(s, "epochs"), 100 * number_of(s, "done"), 1e-3 * number_of(s, "samples_per_second"),
           text_of(s, "servers"), text_of(s, "workers"), text_of(s, "lanes_finished"), text_of(s, "lanes"));
    printf("  %-7s %-16s %8s  %-10s %6s %10s %6s %5s %6s\n", "role", "host", "process", "state", "lanes", "k/s", "queue", "lag", "seen");
    for (int i = 0; members && i < members->count; i++)
        print_member(&members->child[i]);
    for (int i = 0; members && i < members->count; i++)
        print_notes(&members->child[i]);
    if (number_of(s, "refused") > 0)
        printf("refused: %s connections or messages of strangers, by the coordinator and the servers\n", text_of(s, "refused"));
    if (*text_of(s, "waits"))
        printf("waiting: coordinator: for %s\n", text_of(s, "waits"));
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
        if (!status && a.watch && !a.json && isatty(STDOUT_FILENO))
            fputs("\033[H\033[2J", stdout);
        if (!status && a.json)
            fputs(answer, stdout);
        else if (!status)
            status = print_status(a.run, answer, &err);
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
