/* test_prepare_limits.c - preparing with less memory than the input has, and on a disk that is full.
 *
 * Both are done in a child process that limits itself. Under a sanitizer address space cannot be limited.
 */
#include "data/synth.h"
#include "prepare_fixture.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

enum { LIMIT = 96 << 20 };

static void make_log(uint64_t interactions)
{
    struct ps_synth_options made = {.users = 50000,
                                    .items = 20000,
                                    .interactions = interactions,
                                    .tastes = 50,
                                    .behaviours = 3,
                                    .behaviour = {"view", "cart", "buy"},
                                    .quiet = true};
    assert_int_equal(ps_synth(&made, in_folder("log"), &err), 0);
}

/* The parts of a process that are mapped now, in bytes. */
static rlim_t address_space(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%lu", &pages) != 1)
        _exit(99);
    fclose(file);
    return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

/* Prepares the log in a child; `limit` makes it poor. Returns its exit code. */
static int prepare_in_child(void (*limit)(void))
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (!child) {
        struct preparation p;
        prepare_begin(&p);
        prepare_input(&p, in_folder("log"), PS_ANY_BEHAVIOUR);
        p.o.rules.test = p.o.rules.valid = PS_HOLDOUT_LAST_TIME;
        p.o.memory = LIMIT * 3 / 4;
        limit();
        int status = ps_prepare(&p.o, &p.stats, &err);
        if (status)
            fprintf(stderr, "child: %s\n", err.text);
        _exit(-status);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void limit_memory(void)
{
    rlim_t most = address_space() + LIMIT;
    if (setrlimit(RLIMIT_AS, &(struct rlimit){most, most}))
        _exit(99);
}

static void test_more_than_memory(void **state)
{
    struct ps_dataset d;
    uint64_t events = 0;
    if (SANITIZED) {
        print_message("skipped: address space cannot be limited under a sanitizer\n");
        skip();
    }
    make_log(7000000); /* 215 MB, and 112 MB of records */
    assert_int_equal(prepare_in_child(limit_memory), 0);
    assert_int_equal(ps_dataset_open(in_folder("out"), &d, &err), 0);
    for (uint32_t b = 0; b < 3; b++)
        events += d.train[b].interactions;
    assert_true(events > 3000000); /* repeated events are merged */
    ps_dataset_close(&d);
}

/* A file that may not grow: every write past it fails, as on a full disk. */
static void limit_files(void)
{
    signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &(struct rlimit){1 << 20, 1 << 20}))
        _exit(99);
}

static void test_full_disk(void **state)
{
    make_log(200000);
    assert_int_equal(prepare_in_child(limit_files), PS_EXIT_STORAGE);
    assert_int_equal(count_names(), 1); /* the log */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FOLDER_TEST(test_more_than_memory),
        FOLDER_TEST(test_full_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
