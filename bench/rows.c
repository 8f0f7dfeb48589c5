/* rows.c - how many rows a second one server and one worker pull, push and update with Adagrad.
 *
 * A real coordinator, a real server process and a worker made of the real client: the worker asks for random rows of one table,
 * writes a gradient for each, and pushes them. A row that was pulled, pushed and updated counts once.
 *
 *   rows TRANSPORT DIMENSION BATCH SECONDS ROWS [curve]     prints one line: rows/s and MB/s in both directions,
 *                                                            and what a row costs each process in time on a processor
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/member.h"
#include "common/process.h"
#include "coordinator/coordinator.h"
#include "data/dataset.h"
#include "server/server.h"
#include "worker/client.h"

enum { LANES = 3 };

struct job {
    struct ps_coordinator *coordinator;
    struct ps_error err;
    int status;
};

static void *coordinate(void *arg)
{
    struct job *job = arg;
    struct ps_training training;
    job->status = ps_coordinator_start(job->coordinator, NULL, &job->err);
    if (!job->status)
        job->status = ps_coordinator_train(job->coordinator, &training, &job->err);
    if (ps_coordinator_stop(job->coordinator, 0, "", &job->err) && !job->status)
        job->status = -job->err.code;
    return NULL;
}

static int ascending(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Distinct random ids, ascending: drawn once, outside of what is timed. */
static uint32_t random_keys(uint64_t *key, int n, uint64_t rows, uint64_t number)
{
    struct ps_random random = ps_random_stream(7, PS_RANDOM_TEST, number, 0, 0);
    for (int i = 0; i < n; i++)
        key[i] = ps_random_below(&random, rows);
    qsort(key, (size_t)n, sizeof *key, ascending);
    uint32_t unique = 0;
    for (int i = 0; i < n; i++)
        if (!unique || key[unique - 1] != key[i])
            key[unique++] = key[i];
    return unique;
}

/* What each lane has pushed, written before its END: the coordinator compares. */
static uint64_t pushed[LANES];

static uint64_t lane_batches(void *of, uint32_t epoch, uint32_t lane)
{
    return pushed[lane];
}

struct lane {
    uint64_t lease, position;
    struct ps_step *step;
    bool end;
};

/* Seconds that a process, all of its threads, has been on a processor. */
static double processor(pid_t process)
{
    clockid_t clock;
    struct timespec t = {0};
    if (!clock_getcpuclockid(process, &clock))
        clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Rows a second, and seconds on a processor that a row costs the worker and the server. */
struct result {
    double rate, worker, server;
};

/* The worker's part. */
static struct result work(struct ps_net *net, const char *endpoint, const struct ps_config *config, double seconds,
                          uint64_t rows, pid_t server)
{
    enum { LISTS = 64 };
    struct ps_membership *member;
    struct ps_control welcome = {0}, message;
    struct ps_error err;
    struct ps_client client;
    struct ps_batcher batcher = {.capacity = config->train.batch, .recipe = {.heads = 1}};
    uint64_t incarnation = ps_net_incarnation();
    struct ps_membership_options options = {.net = net, .coordinator = endpoint, .role = PS_ROLE_WORKER, .incarnation = incarnation,
                                            .endpoint = "", .start_timeout = 30, .coordinator_timeout = 60};
    if (ps_membership_join(&member, &options, &welcome, &err) ||
        ps_client_init(&client, net, incarnation, &welcome, config, &batcher, &err))
        ps_die(PS_EXIT_NET, "%s", err.text);
    uint64_t *list[LISTS];
    uint32_t count[LISTS];
    for (int i = 0; i < LISTS; i++) {
        list[i] = ps_calloc((size_t)config->train.batch, sizeof *list[i]);
        count[i] = random_keys(list[i], config->train.batch, rows, (uint64_t)i);
    }
    struct lane lane[LANES] = {{0}};
    uint64_t done = 0, next = 0;
    double begin = 0, end = 0, worker_at[2] = {0}, server_at[2] = {0};
    double told = 0;
    int finished = 0;
    struct ps_socket *socket[2] = {client.socket[0], ps_membership_socket(member)};
    while (finished < LANES) {
        while (ps_membership_receive(member, &message)) {
            if (message.kind == PS_MAP) {
                if (ps_client_map(&client, message.map, message.shards, message.shard_count, &err))
                    ps_die(PS_EXIT_NET, "%s", err.text);
                client.era = message.era;
                struct ps_control ack = {.kind = PS_MAP_ACK, .era = client.era, .map = message.map};
                ps_membership_send(member, &ack, NULL);
            } else if (message.kind == PS_GRANT) {
                for (uint32_t i = 0; i < message.lane_count; i++)
                    lane[message.lane[i].lane].lease = message.lane[i].lease;
                struct ps_control ack = {.kind = PS_GRANT_ACK, .era = client.era, .epoch = message.epoch, .lane = message.lane,
                                         .lane_count = message.lane_count};
                ps_membership_send(member, &ack, NULL);
            }
            ps_control_fini(&message);
        }
        if (ps_now() - told > 0.1) { /* a worker that does not turn gets no lanes, and one that does not name them loses them */
            struct ps_lane_entry held[LANES];
            struct ps_progress progress = {.entry = held};
            for (int l = 0; l < LANES; l++)
                if (lane[l].lease && !(lane[l].end && !lane[l].step))
                    held[progress.entries++] = (struct ps_lane_entry){(uint32_t)l, lane[l].lease, lane[l].position};
            ps_membership_progress(member, &progress, !told);
            told = ps_now();
        }
        uint32_t fenced;
        if (ps_client_progress(&client, &fenced, &err))
            ps_die(PS_EXIT_NET, "%s", err.text);
        bool idle = true;
        for (int l = 0; l < LANES; l++) {
            struct ps_step *step = lane[l].step;
            if (step && step->state == PS_STEP_FREE) {
                lane[l].step = NULL;
                if (lane[l].end) {
                    finished++;
                    struct ps_lane_entry entry = {(uint32_t)l, lane[l].lease, lane[l].position};
                    struct ps_control over = {.kind = PS_LANE_DONE, .era = client.era, .epoch = 1, .lane = &entry, .lane_count = 1};
                    ps_membership_send(member, &over, NULL);
                }
            } else if (step && step->state == PS_STEP_READY) {
                /* A gradient that depends on the row, so that the row is read. */
                uint32_t n = step->batch.users.count, width = client.table[0].width;
                for (uint32_t r = 0; r < n; r++)
                    for (uint32_t d = 0; d < width; d++)
                        step->grad[0][r * width + d] = 0.01f * step->value[0][r][d];
                ps_client_push(&client, step, NULL);
                if (next > LISTS + LANES) { /* every list has been there once: no row is new any more */
                    if (begin) {
                        done += n;
                    } else {
                        begin = ps_now();
                        worker_at[0] = processor(0), server_at[0] = processor(server);
                    }
                }
                end = ps_now();
                idle = false;
            }
            if (lane[l].lease && !lane[l].step && !lane[l].end) {
                struct ps_step *s = ps_client_step(&client);
                s->epoch = 1;
                s->lane = (uint32_t)l;
                s->lease = lane[l].lease;
                s->position = lane[l].position++;
                s->end = lane[l].end = begin && ps_now() - begin > seconds;
                if (s->end && !worker_at[1])
                    worker_at[1] = processor(0), server_at[1] = processor(server);
                lane[l].step = s;
                if (s->end) {
                    pushed[l] = s->position;
                    ps_client_push(&client, s, NULL);
                    continue;
                }
                int which = (int)(next++ % LISTS);
                memcpy(s->batch.users.key, list[which], count[which] * sizeof *list[which]);
                s->batch.users.count = s->batch.users.first[1] = count[which];
                s->batch.items.count = s->batch.items.first[1] = 0;
                ps_client_pull(&client, s);
                idle = false;
            }
        }
        bool ready[2];
        socket[0] = client.socket[0];
        if (idle)
            ps_net_wait(socket, 2, 0.05, ready);
    }
    double stop = ps_now() + 10;
    for (bool over = false; !over && ps_now() < stop;) { /* answers of the coordinator to LANE_DONE, then STOP */
        bool ready[1];
        ps_net_wait(&socket[1], 1, 0.1, ready);
        while (ps_membership_receive(member, &message)) {
            over |= message.kind == PS_STOP;
            ps_control_fini(&message);
        }
    }
    ps_membership_leave(member, 0, "");
    ps_client_fini(&client);
    ps_control_fini(&welcome);
    for (int i = 0; i < LISTS; i++)
        free(list[i]);
    double n = (double)done;
    return (struct result){n / (end - begin), (worker_at[1] - worker_at[0]) / n, (server_at[1] - server_at[0]) / n};
}

int main(int argc, char **argv)
{
    ps_process_prepare();
    ps_process_huge_pages(argv);
    bool curve = argc == 7 && !strcmp(argv[6], "curve");
    if (argc != 6 && !curve)
        ps_die(PS_EXIT_USAGE, "usage: rows tcp|ipc|inproc DIMENSION BATCH SECONDS ROWS [curve]");
    const char *transport = argv[1];
    uint32_t width = (uint32_t)atoi(argv[2]);
    uint64_t rows = strtoull(argv[5], NULL, 10);
    struct ps_config config;
    ps_config_init(&config);
    config.train.batch = atoi(argv[3]);
    config.train.lanes = LANES;
    config.train.epochs = 1;
    config.early_stop.patience = 0;
    struct ps_table_spec table = {.name = "user", .kind = PS_TABLE_USER, .rows = rows, .width = width, .fields = 1};
    table.field[0] = (struct ps_field){"embedding", 0, width, PS_INIT_NORMAL, 0.01f};

    char folder[] = "/tmp/penstock-XXXXXX", bind[128], server_bind[128], meeting[256] = "";
    if (!mkdtemp(folder))
        ps_die(PS_EXIT_STORAGE, "cannot make a folder for sockets");
    bool tcp = !strcmp(transport, "tcp"), inproc = !strcmp(transport, "inproc");
    snprintf(bind, sizeof bind, tcp ? "tcp://127.0.0.1:*" : inproc ? "inproc://c" : "ipc://%s/c", folder);
    snprintf(server_bind, sizeof server_bind, tcp ? "tcp://127.0.0.1:*" : inproc ? "inproc://s" : "ipc://%s/s", folder);
    int pipes[2];
    if (pipe(pipes))
        ps_die(PS_EXIT_FAIL, "no pipe");
    struct ps_error err;
    struct ps_credentials keys;
    if (curve)
        ps_credentials_make(&keys);
    struct ps_server_options server = {.bind = server_bind, .coordinator = meeting};
    pid_t child = inproc ? 0 : fork();
    if (!inproc && child == 0) { /* the server process learns the coordinator's address through the pipe */
        close(pipes[1]);
        if (read(pipes[0], meeting, sizeof meeting - 1) <= 0)
            _exit(1);
        server.net = ps_net_new(1);
        if (curve && ps_net_secure(server.net, &keys, &err))
            ps_die(err.code, "%s", err.text);
        int status = ps_server_run(&server, &err);
        if (status)
            fprintf(stderr, "%s\n", err.text);
        ps_net_free(server.net);
        _exit(status ? err.code : 0);
    }
    struct ps_net *net = ps_net_new(1);
    if (curve && ps_net_secure(net, &keys, &err))
        ps_die(err.code, "%s", err.text);
    struct job job = {0};
    struct ps_coordinator_options options = {.net = net, .endpoint = bind, .config = &config, .servers = 1, .workers = 1,
                                             .table = &table, .tables = 1, .behaviours = 1, .kernel = "", .quiet = true,
                                             .lane_batches = lane_batches};
    if (ps_coordinator_open(&options, &job.coordinator, &err))
        ps_die(err.code, "%s", err.text);
    snprintf(meeting, sizeof meeting, "%s", ps_coordinator_endpoint(job.coordinator));
    if (write(pipes[1], meeting, strlen(meeting)) < 0)
        ps_die(PS_EXIT_FAIL, "no pipe");
    pthread_t thread;
    pthread_create(&thread, NULL, coordinate, &job);
    struct result result = work(net, meeting, &config, atof(argv[4]), rows, child);
    pthread_join(thread, NULL);
    if (job.status)
        fprintf(stderr, "%s\n", job.err.text);
    if (child)
        waitpid(child, NULL, 0);
    ps_coordinator_close(job.coordinator);
    ps_net_free(net);
    char path[64];
    snprintf(path, sizeof path, "%s/c", folder), unlink(path);
    snprintf(path, sizeof path, "%s/s", folder), unlink(path);
    rmdir(folder);
    printf("%-6s%s d=%u batch=%d  %.2f M rows/s  %.0f MB/s each way  %.1f ns worker %.1f ns server\n", transport, curve ? " curve" : "", width,
           config.train.batch, result.rate * 1e-6, result.rate * width * 4e-6, result.worker * 1e9, result.server * 1e9);
    return job.status ? 1 : 0;
}
