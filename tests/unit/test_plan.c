/* test_plan.c - the cost model of penstock plan: what it must come to by hand, and micro-batches that are tried out without servers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <math.h>
#include <string.h>

#include <cmocka.h>

#include "cli/plan_cost.h"
#include "data/synth_dataset.h"
#include "toy.h"

static struct ps_error err;

/* A model of the made dataset with what a plan of it begins with. */
struct planning {
    struct ps_config config;
    struct ps_dataset dataset;
    struct ps_model model;
    struct ps_rehearsal rehearsal;
    struct ps_rates rates;
    struct ps_plan_task task;
};

static void begin(struct planning *p, const char *model, struct ps_synth_sizes sizes)
{
    memset(p, 0, sizeof *p);
    p->config = toy_config(8);
    p->config.train.batch = 500;
    ps_synth_dataset(&sizes, &p->dataset);
    assert_int_equal(ps_model_init(&p->model, model, &p->config, &p->dataset, &err), 0);
    assert_int_equal(ps_rates_load(&p->rates, NULL, NULL, 0, &err), 0);
    p->task = (struct ps_plan_task){.model = &p->model, .rehearsal = &p->rehearsal, .rates = &p->rates, .epoch_samples = 1e6, .hosts = 4, .cores = 2};
}

static void end(struct planning *p)
{
    ps_model_fini(&p->model);
    ps_synth_dataset_free(&p->dataset);
}

static void micro_batches_are_tried_out(void **state)
{
    struct planning p;
    begin(&p, "gmf", (struct ps_synth_sizes){.users = 100000000, .items = 10000, .interactions = 10000000000, .behaviours = 2});
    assert_int_equal(ps_rehearse(&p.model, true, 3, 1e-6, &p.rehearsal, &err), 0);
    assert_true(p.rehearsal.samples == 500); /* 100 positives with 4 negatives each */
    assert_true(p.rehearsal.rows[0] > 98 && p.rehearsal.rows[0] <= 100); /* of 10,000 users in a window, 100 are hardly ever the same */
    assert_true(p.rehearsal.rows[1] > 450 && p.rehearsal.rows[1] < 495); /* 400 uniform ones and 100 by popularity, of 10,000 */
    assert_true(p.rehearsal.build > 0 && p.rehearsal.compute > 0);
    /* Ids as gaps: 8 bytes for the first of a table and server; users' gaps are wide. */
    assert_true(p.rehearsal.key_bytes > 6 * 8 + 490 && p.rehearsal.key_bytes < 6 * 8 + 100 * 8 + 500 * 2 + 100);
    end(&p);
}

static void sessions_are_tried_out(void **state)
{
    static const char *const models[] = {"gru4rec", "gru4rec_full", "stamp", "srgnn", "fpmc"};
    for (size_t k = 0; k < PS_COUNT(models); k++) {
        struct planning p;
        begin(&p, models[k], (struct ps_synth_sizes){.users = 50, .items = 300, .interactions = 5000, .behaviours = 2, .session = 5});
        p.config.train.batch = 40;
        assert_int_equal(ps_rehearse(&p.model, true, 1, 1e-6, &p.rehearsal, &err), 0);
        double targets = strcmp(models[k], "gru4rec_full") ? 40 : 160; /* whole sessions have four next items each */
        assert_true(p.rehearsal.samples == targets);
        end(&p);
    }
}

static void what_is_too_large_is_refused(void **state)
{
    struct planning p;
    begin(&p, "stamp", (struct ps_synth_sizes){.users = 50, .items = 100000, .interactions = 5000, .behaviours = 1, .session = 5});
    p.model.table[0].width = 8192;
    assert_int_equal(ps_rehearse(&p.model, true, 1, 1e-6, &p.rehearsal, &err), -PS_EXIT_USAGE);
    assert_non_null(strstr(err.text, "train.candidates to sampled"));
    end(&p);
}

/* 1,000 users and 500 items of 8 floats, Adagrad: by hand. */
static void memory_and_bytes_add_up(void **state)
{
    struct planning p;
    struct ps_plan plan;
    begin(&p, "gmf", (struct ps_synth_sizes){.users = 1000, .items = 500, .interactions = 5000, .behaviours = 1});
    p.rehearsal = (struct ps_rehearsal){.samples = 500, .build = 1e-3, .compute = 2e-3, .rows = {100, 300}, .key_bytes = 700};
    p.task.servers = 2;
    p.task.workers = 3;
    ps_plan_cost(&p.task, &plan);
    double rows = 0, memory = 0, disk = 0, floats = 0;
    for (int t = 0; t < p.model.tables; t++) {
        rows += (double)p.model.table[t].rows;
        memory += (double)p.model.table[t].rows * (1.15 * 8 * p.model.table[t].width + 16);
        disk += (double)p.model.table[t].rows * (8.0 * p.model.table[t].width + 8);
        floats += p.rehearsal.rows[t] * p.model.table[t].width;
    }
    assert_true(p.model.table[0].width == 8 && p.model.table[1].width == 8);
    assert_true(plan.rows == rows && plan.checkpoint_bytes == disk);
    assert_true(fabs(plan.server_bytes - (memory / 2 + 64 * 1048576.0 + 20e6)) < 1);
    assert_true(plan.servers == 2 && plan.workers == 3 && plan.batch_rows == 400);
    assert_true(fabs(plan.parts - 2) < 1e-9);
    assert_true(fabs(plan.pulled - (700 + 4 * floats + 2 * 2 * 150)) < 1e-6);

    double all = plan.server_bytes - 64 * 1048576.0 - 20e6, values = plan.pulled, seconds = plan.server_seconds;
    p.config.servers.replicas = 1;
    p.config.net.values = PS_CODEC_FP16;
    ps_plan_cost(&p.task, &plan);
    assert_true(fabs(plan.server_bytes - 64 * 1048576.0 - 20e6 - 2 * all) < 1);
    assert_true(fabs(values - plan.pulled - 2 * floats) < 1e-6);
    assert_true(fabs(plan.server_seconds - 2 * seconds) < 1e-12);
    end(&p);
}

static void the_scarcest_resource_is_the_limit(void **state)
{
    struct planning p;
    struct ps_plan plan, other;
    begin(&p, "gmf", (struct ps_synth_sizes){.users = 1000, .items = 500, .interactions = 5000, .behaviours = 1});
    p.rehearsal = (struct ps_rehearsal){.samples = 500, .build = 1, .compute = 1, .rows = {100, 300}, .key_bytes = 700};
    ps_plan_cost(&p.task, &plan); /* two seconds of a core for 500 samples: all cores but one work for them */
    assert_int_equal(plan.limited, PS_LIMIT_WORKERS);
    assert_int_equal(plan.workers, 4);
    assert_true(fabs(plan.rate - 4 * 250) < 1 && fabs(plan.epoch_seconds - 1000) < 2);
    p.task.cores = 16;
    ps_plan_cost(&p.task, &other);
    assert_int_equal(other.workers, 60);

    p.task.workers = 100; /* on 64 cores */
    ps_plan_cost(&p.task, &other);
    assert_int_equal(other.limited, PS_LIMIT_CORES);

    p.task.workers = 0;
    p.rehearsal.build = p.rehearsal.compute = 1e-9;
    p.rates.host.bandwidth = 0.1;
    ps_plan_cost(&p.task, &plan);
    assert_int_equal(plan.limited, PS_LIMIT_WORKER_LINKS);
    /* What leaves the hosts: three quarters of both ways. */
    assert_true(fabs(plan.rate - 500 * 4 * 1e8 / 8 / (0.75 * (plan.pulled + plan.pushed))) < 1e-3 * plan.rate);
    p.task.server_hosts = 1;
    ps_plan_cost(&p.task, &other);
    assert_int_equal(other.limited, PS_LIMIT_SERVER_LINKS); /* three hosts ask one */
    p.task.server_hosts = 0;

    p.rates.host.bandwidth = 1e6;
    p.task.servers = 1;
    ps_plan_cost(&p.task, &plan);
    assert_int_equal(plan.limited, PS_LIMIT_SERVERS);
    p.rates.host.speed = 2;
    ps_plan_cost(&p.task, &other);
    assert_true(fabs(other.rate - 2 * plan.rate) < 1e-6 * plan.rate);
    p.task.hosts = 1;
    ps_plan_cost(&p.task, &other);
    assert_true(isinf(other.limit[PS_LIMIT_WORKER_LINKS]));
    end(&p);
}

static void rates_are_checked(void **state)
{
    struct ps_rates rates;
    const char *good[] = {"server_tcp.row=77", "host.bandwidth=25"}, *bad[] = {"server_tcp.rows=77"}, *none[] = {"host.speed=0"};
    assert_int_equal(ps_rates_load(&rates, NULL, good, 2, &err), 0);
    assert_true(rates.server_tcp.row == 77 && rates.host.bandwidth == 25);
    assert_int_equal(ps_rates_load(&rates, NULL, bad, 1, &err), -PS_EXIT_USAGE);
    assert_non_null(strstr(err.text, "server_tcp.row"));
    assert_int_equal(ps_rates_load(&rates, NULL, none, 1, &err), -PS_EXIT_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(micro_batches_are_tried_out), cmocka_unit_test(sessions_are_tried_out),
        cmocka_unit_test(what_is_too_large_is_refused), cmocka_unit_test(memory_and_bytes_add_up),
        cmocka_unit_test(the_scarcest_resource_is_the_limit), cmocka_unit_test(rates_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
