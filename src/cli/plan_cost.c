/* plan_cost.c - the cost model of penstock plan; see plan_cost.h. */
#include "cli/plan_cost.h"

#include <math.h>

#include "common/wire.h"
#include "server/optimizer.h"
#include "worker/lane.h"

static const double HEADER = 150;                      /* bytes of a message beside keys and values: protobuf, ZeroMQ, TCP and IP */
static const double ROW_FACTOR = 1.15, ROW_BYTES = 16; /* of a row in memory, at most (docs/performance.md) */
static const double PROCESS_BYTES = 20e6;              /* of a process that holds nothing yet */
enum { WINDOW_ENTRY = 12, STEPS = PS_WINDOW + PS_AHEAD + 1 };

static double value_bytes(const struct ps_config *config)
{
    return config->net.values == PS_CODEC_PLAIN ? sizeof(float) : sizeof(uint16_t);
}

/* What the tables are in memory and on the disk, whatever serves them. */
static void hold(const struct ps_plan_task *task, struct ps_plan *plan)
{
    const struct ps_model *model = task->model;
    const struct ps_config *config = model->config;
    double memory = 0;
    plan->rows = plan->checkpoint_bytes = 0;
    for (int t = 0; t < model->tables; t++) {
        const struct ps_table_spec *table = &model->table[t];
        double rows = (double)table->rows, floats = table->width + ps_table_state(table, &config->optimizer);
        plan->rows += rows;
        memory += rows * (floats * sizeof(float) * ROW_FACTOR + ROW_BYTES);
        plan->checkpoint_bytes += rows * (floats * sizeof(float) + sizeof(uint64_t));
    }
    plan->server_bytes = memory * (1 + config->servers.replicas) / plan->servers + config->checkpoint.memory * 1048576.0 + PROCESS_BYTES;
    plan->worker_bytes = STEPS * (double)task->rehearsal->memory + PROCESS_BYTES +
                         2.0 * WINDOW_ENTRY * PS_MIN((double)config->data.shuffle_window, task->epoch_samples);
    double on_server = ceil((double)plan->servers / (task->server_hosts ? task->server_hosts : task->hosts)) * plan->server_bytes;
    double on_worker = ceil((double)plan->workers / (task->hosts - task->server_hosts)) * plan->worker_bytes;
    plan->host_bytes = task->server_hosts ? PS_MAX(on_server, on_worker) : on_server + on_worker;
    int writers = PS_MIN(plan->servers, task->server_hosts ? task->server_hosts : task->hosts);
    plan->checkpoint_seconds = plan->checkpoint_bytes / writers / (1e6 * task->rates->host.disk);
}

static double toll(const struct ps_toll *t, const struct ps_plan *plan, double floats)
{
    return 1e-9 * (2 * plan->parts * t->message + plan->batch_rows * t->row + floats * t->number);
}

/* What a micro-batch carries and costs. */
static void carry(const struct ps_plan_task *task, struct ps_plan *plan)
{
    const struct ps_rehearsal *r = task->rehearsal;
    const struct ps_config *config = task->model->config;
    const struct ps_rates *rates = task->rates;
    bool wired = task->hosts > 1;
    double floats = 0, servers = plan->servers;
    plan->batch_rows = 0;
    for (int t = 0; t < task->model->tables; t++) {
        plan->batch_rows += r->rows[t];
        floats += r->rows[t] * task->model->table[t].width;
    }
    plan->parts = servers * (1 - pow(1 - 1 / servers, plan->batch_rows));
    double values = floats * value_bytes(config), headers = 2 * plan->parts * HEADER;
    plan->pulled = r->key_bytes + values + headers;
    plan->pushed = r->key_bytes + values + headers;
    plan->worker_seconds = r->build + r->compute + toll(wired ? &rates->worker_tcp : &rates->worker_ipc, plan, floats);
    plan->server_seconds = (1 + config->servers.replicas) * toll(wired ? &rates->server_tcp : &rates->server_ipc, plan, floats);
    plan->worker_seconds /= rates->host.speed;
    plan->server_seconds /= rates->host.speed;
}

static void limit(const struct ps_plan_task *task, struct ps_plan *plan)
{
    const struct ps_rehearsal *r = task->rehearsal;
    double n = r->samples, link = task->rates->host.bandwidth * 1e9 / 8, servers_on = task->server_hosts, workers_on = task->hosts - servers_on;
    double *most = plan->limit;
    /* Keys go with both; values come with the rows and go with the gradients, which go on to the copies. */
    double headers = plan->parts * HEADER, values = plan->pulled - r->key_bytes - 2 * headers;
    double up = 2 * r->key_bytes + values + 2 * headers, down = values + 2 * headers;
    double copied = task->model->config->servers.replicas * (plan->pushed - headers);
    double away = task->hosts == 1 ? 0 : servers_on > 0 ? 1 : 1 - 1.0 / task->hosts; /* share of it between hosts */
    most[PS_LIMIT_WORKERS] = n * plan->workers / plan->worker_seconds;
    most[PS_LIMIT_SERVERS] = n * plan->servers / plan->server_seconds;
    if (servers_on > 0) {
        double workers = n * workers_on * task->cores / plan->worker_seconds, servers = n * servers_on * task->cores / plan->server_seconds;
        most[PS_LIMIT_CORES] = PS_MIN(workers, servers);
        most[PS_LIMIT_WORKER_LINKS] = n * workers_on * link / (away * PS_MAX(up, down));
        most[PS_LIMIT_SERVER_LINKS] = n * servers_on * link / (away * (PS_MAX(up, down) + copied));
    } else {
        most[PS_LIMIT_CORES] = n * task->hosts * task->cores / (plan->worker_seconds + plan->server_seconds);
        most[PS_LIMIT_WORKER_LINKS] = most[PS_LIMIT_SERVER_LINKS] = n * task->hosts * link / (away * (up + down + copied));
    }
    plan->limited = PS_LIMIT_WORKERS;
    for (int k = 1; k < PS_LIMITS; k++)
        if (most[k] < most[plan->limited])
            plan->limited = (enum ps_plan_limit)k;
    plan->rate = most[plan->limited];
    plan->epoch_seconds = task->epoch_samples / plan->rate;
}

static void evaluate(const struct ps_plan_task *task, int servers, int workers, struct ps_plan *plan)
{
    plan->servers = PS_MAX(PS_MIN(servers, PS_MAX_SHARDS), 1);
    plan->workers = PS_MAX(PS_MIN(workers, PS_MAX_LANES), 1);
    hold(task, plan);
    carry(task, plan);
    limit(task, plan);
}

void ps_plan_cost(const struct ps_plan_task *task, struct ps_plan *plan)
{
    int on = task->server_hosts ? task->server_hosts : task->hosts, all = task->hosts * task->cores;
    int each = task->server_hosts ? task->cores : PS_MAX(task->cores - 1, 1); /* servers of a host, at most */
    *plan = (struct ps_plan){0};
    for (int k = 1; k <= (task->servers ? 1 : each); k++) {
        int servers = task->servers ? task->servers : PS_MIN(k * on, PS_MAX_SHARDS);
        int left = task->server_hosts ? (task->hosts - task->server_hosts) * task->cores : all - servers;
        struct ps_plan tried;
        evaluate(task, servers, task->workers ? task->workers : left, &tried);
        if (tried.rate > plan->rate)
            *plan = tried;
    }
}
