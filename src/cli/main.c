/* main.c - bin/penstock: prepares the process and hands over to a subcommand. */
#include "cli/commands.h"
#include "common/base.h"
#include "common/process.h"
#include "common/suggest.h"
#include "worker/nn/blas.h"

#include <argp.h>
#include <errno.h>
#include <string.h>

const char *argp_program_version = "penstock " PS_VERSION;

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    bool computes; /* multiplies matrices, or starts processes that do */
    const char *summary;
} commands[] = {
    {"synth", cmd_synth, false, "make a dataset with known structure, to try things"},
    {"prepare", cmd_prepare, false, "turn interaction logs into a prepared dataset"},
    {"train", cmd_train, true, "train a model: in this process, or as a rank of mpirun"},
    {"launch", cmd_launch, true, "train on a cluster that survives the loss of its parts"},
    {"join", cmd_join, true, "join a running job with more workers or servers"},
    {"status", cmd_status, false, "show what a running job and each of its processes are doing"},
    {"trace", cmd_trace, false, "write what workers and servers do in some micro-batches as a Chrome trace"},
    {"scale", cmd_scale, false, "change the number of workers of a running job"},
    {"report", cmd_report, false, "write a run's report: results, curves, speed, events, on one page"},
    {"evaluate", cmd_evaluate, true, "rank the held-out items with a trained model"},
    {"compare", cmd_compare, false, "set two results side by side: could their difference be chance?"},
    {"reproduce", cmd_reproduce, false, "train what a table of experiments needs, and print it beside the paper's"},
    {"nightly", cmd_nightly, false, "retrain on what is new, and publish the model if it is good enough"},
    {"publish", cmd_publish, false, "make another version production, as by --rollback"},
    {"history", cmd_history, false, "list the nights with what came of them, and why"},
    {"recommend", cmd_recommend, true, "write the best items of users"},
    {"indicators", cmd_indicators, true, "learn what a weaker behaviour says of an item"},
    {"export", cmd_export, true, "write a model for others: npy, safetensors, ONNX, lists, a card"},
    {"map", cmd_map, false, "draw items as points, those that are alike near each other"},
    {"inspect", cmd_inspect, false, "say what a dataset, a checkpoint or a run holds"},
    {"plan", cmd_plan, true, "say what a run would need and reach on some hosts"},
    {"models", cmd_models, false, "list the models, or describe one"},
    {"config", cmd_config, false, "check a configuration, or list all keys"},
};

static void print_help(FILE *to)
{
    fputs("usage: penstock COMMAND [ARGUMENTS]\n"
          "       penstock COMMAND --help\n"
          "       penstock --version\n"
          "\n"
          "Penstock trains multi-behaviour recommenders on a parameter server.\n"
          "\n",
          to);
    for (size_t i = 0; i < PS_COUNT(commands); i++)
        fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].summary);
}

static int refuse_command(const char *typed)
{
    const char *names[PS_COUNT(commands) + 1] = {NULL};
    for (size_t i = 0; i < PS_COUNT(commands); i++)
        names[i] = commands[i].name;
    const char *near = ps_suggest(typed, names);
    if (near)
        ps_die(PS_EXIT_USAGE, "'%s' is not a command; did you mean '%s'?", typed, near);
    ps_die(PS_EXIT_USAGE, "'%s' is not a command; 'penstock --help' lists them", typed);
}

/* What is still in stdout's buffer is part of the result: a full disk must not look like success. A reader that has
 * seen enough (a closed pipe, as with "| head") is no failure. */
static int finish(int code)
{
    errno = 0;
    bool failed = ferror(stdout) != 0;
    if (fflush(stdout) != 0)
        failed = true;
    if (failed && code == PS_OK && errno != EPIPE) {
        fprintf(stderr, "penstock: cannot write to the standard output: %s\n", errno ? strerror(errno) : "I/O error");
        return PS_EXIT_STORAGE;
    }
    return code;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return PS_EXIT_USAGE;
    }
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || (!strcmp(argv[1], "help") && argc == 2)) {
        print_help(stdout);
        return finish(PS_OK);
    }
    if (!strcmp(argv[1], "--version")) {
        puts(argp_program_version);
        return finish(PS_OK);
    }
    argp_err_exit_status = PS_EXIT_USAGE;
    ps_process_prepare();

    bool wants_help = !strcmp(argv[1], "help"); /* "help NAME" is "NAME --help" */
    const char *name = argv[wants_help ? 2 : 1];
    for (size_t i = 0; i < PS_COUNT(commands); i++) {
        if (strcmp(commands[i].name, name))
            continue;
        if (commands[i].computes && !wants_help) {
            ps_process_huge_pages(argv);
            ps_blas_ensure_kernel(argv);
        }
        char title[64];
        snprintf(title, sizeof title, "penstock %s", name);
        char *help[] = {title, "--help", NULL};
        argv[1] = title;
        return finish(wants_help ? commands[i].run(2, help) : commands[i].run(argc - 1, argv + 1));
    }
    return refuse_command(name);
}
