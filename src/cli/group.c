/* group.c - one mpirun of penstock launch: its command line, its beginning and its end; see launch.h. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* pipe2 */
#endif
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/launch.h"
#include "common/file.h"
#include "common/net.h"

enum { END_S = 10 }; /* for mpirun to end its ranks and to clean up, after SIGTERM: it takes a second, unless the machine is overloaded */

/* Appends a word to a shell text, quoted. */
static void add_word(FILE *to, const char *word)
{
    fputs(" '", to);
    for (; *word; word++)
        if (*word == '\'')
            fputs("'\\''", to);
        else
            fputc(*word, to);
    fputc('\'', to);
}

/* The coordinator's arguments. */
static void add_coordinator(FILE *to, const struct ps_group *g, const struct ps_launch *a, bool again)
{
    fprintf(to, " train --coordinate --servers %d --workers %d%s", a->servers, a->workers, again ? " --takeover" : "");
    char *settled = ps_format("%s/config.yaml", a->run);
    bool resume = a->resume || (again && access(settled, F_OK) == 0);
    free(settled);
    if (resume) {
        if (a->from) {
            fputs(" --from", to);
            add_word(to, a->from);
        }
        fputs(" --resume", to);
    } else {
        add_word(to, a->conf);
        fputs(" --run", to);
    }
    add_word(to, a->run);
    for (int i = 0; i < a->passed_count; i++)
        add_word(to, a->passed[i]);
    if (*g->bind) {
        char *bind = ps_format("cluster.interface=%s", g->bind);
        fputs(" --set", to);
        add_word(to, bind);
        free(bind);
    }
    if (a->hosts)
        fputs(" --set cluster.transport=tcp", to);
}

static void add_member(FILE *to, const struct ps_group *g, const struct ps_launch *a)
{
    fprintf(to, " join --as %s", g->role == PS_ROLE_SERVER ? "server" : "worker");
    if (*g->bind) {
        fputs(" --bind", to);
        add_word(to, g->bind);
    }
    add_word(to, a->run);
}

/* What the other host's shell does while mpirun runs: it ends mpirun when its own input ends, since that is all that it hears of the death of
 * launch, or of the connection. An agent that gives it no input (the first line is missing) has nothing to tell. */
static const char remote_end[] =
    " 3<&- & p=$!; }; (n=; while read -r w; do n=1; done; [ -z \"$n\" ] || kill -TERM $p) <&3 3<&- > /dev/null 2>&1 & w=$!; exec 3<&-; "
    "while :; do wait $p; e=$?; kill -0 $p 2> /dev/null || break; done; kill $w 2> /dev/null; rm -rf \"$s\"; exit $e";

void ps_group_prepare(struct ps_group *g, const struct ps_launch *a, bool again)
{
    struct ps_text text;
    /* With a coordinator or server that was killed mpirun ends at once, and not after two seconds: there is nobody else in its job to be
     * given time. In recovery mode the others of a job live on, and mpirun's exit code is 0 whatever they end with. */
    const char *mode = g->role == PS_ROLE_WORKER ? "OMPI_MCA_orte_enable_recovery=1" : "OMPI_MCA_odls_base_sigkill_timeout=0";
    FILE *to = ps_text_open(&text);
    if (*g->host) { /* the other host's shell begins elsewhere, and makes mpirun's folder (see ps_group_start) */
        char *here = getcwd(NULL, 0);
        fputs("cd", to);
        add_word(to, here ? here : "/");
        fputs(" && s=$(mktemp -d \"${TMPDIR:-/tmp}/ompi-XXXXXX\") && trap : TERM && exec 3<&0 && { env OMPI_MCA_orte_tmpdir_base=\"$s\"", to);
        free(here);
    } else {
        fputs("exec env", to);
    }
    fprintf(to, " OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1 "
            "OMPI_MCA_hwloc_base_binding_policy=none OMPI_MCA_pml=ob1 OMPI_MCA_btl=self,vader "
            "OMPI_MCA_orte_default_hostfile=none OMPI_MCA_mpi_yield_when_idle=1 "
            "OPENBLAS_NUM_THREADS=1 %s mpirun -q -np %d", mode, g->count);
    add_word(to, a->program);
    if (g->role == PS_ROLE_COORDINATOR)
        add_coordinator(to, g, a, again);
    else
        add_member(to, g, a);
    if (*g->host)
        fputs(remote_end, to);
    free(g->command);
    g->command = ps_text_close(&text);
}

void ps_group_start(struct ps_group *g, const char *agent)
{
    /* Several mpiruns that start or end at once disturb each other in a folder that they share. */
    const char *base = getenv("TMPDIR");
    snprintf(g->session, sizeof g->session, "%s/ompi-XXXXXX", base && strlen(base) < 60 ? base : "/tmp");
    if (*g->host || !mkdtemp(g->session))
        *g->session = 0;
    g->begun = ps_now();
    int input[2] = {0, 0};
    if (*g->host && (pipe2(input, O_CLOEXEC) || write(input[1], "launch\n", 7) != 7))
        ps_die(PS_EXIT_FAIL, "cannot start a process: no pipe: %s", strerror(errno));
    g->pid = fork();
    if (g->pid < 0)
        ps_die(PS_EXIT_FAIL, "cannot start a process: %s", strerror(errno));
    if (g->pid) {
        if (*g->host)
            close(input[0]), g->hold = input[1];
        return;
    }
    setpgid(0, 0);
    if (*g->host)
        dup2(input[0], STDIN_FILENO);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (*g->session)
        setenv("OMPI_MCA_orte_tmpdir_base", g->session, 1);
    if (*g->host)
        execlp(agent, agent, g->host, g->command, NULL);
    else
        execl("/bin/sh", "sh", "-c", g->command, NULL);
    fprintf(stderr, "penstock: cannot run '%s': %s\n", *g->host ? agent : "/bin/sh", strerror(errno));
    _exit(PS_EXIT_FAIL);
}

void ps_group_end(struct ps_group *g, double patience)
{
    double begin = ps_now();
    bool told = false;
    while (g->pid > 0 && waitpid(g->pid, NULL, WNOHANG) == 0) {
        double waited = ps_now() - begin;
        if (waited > patience && !told) {
            kill(-g->pid, SIGTERM);
            told = true;
        }
        if (waited > patience + END_S) { /* its ranks get SIGTERM by the death of their parent */
            kill(-g->pid, SIGKILL);
            waitpid(g->pid, NULL, 0);
            break;
        }
        ps_net_wait(NULL, 0, 0.02, NULL);
    }
    g->pid = 0;
    if (g->hold)
        close(g->hold), g->hold = 0;
    struct ps_error ignored;
    if (*g->session)
        ps_folder_remove(g->session, &ignored);
}
