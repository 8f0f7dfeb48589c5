/* children.c - starts child processes and waits for them and for signals at once; see children.h. */
#include "cli/children.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/file.h"

enum { GRACE = 30 }; /* seconds between the two signals of a limit */

static sigset_t awaited, usual;

int ps_children_lock(const char *folder, int *lock, struct ps_error *err)
{
    char *file = ps_format("%s/lock", folder);
    double deadline = ps_now() + 5;
    int status = 0;
    *lock = open(file, O_RDWR | O_CREAT, 0666);
    if (*lock < 0)
        status = ps_fail_errno(err, PS_EXIT_STORAGE, "cannot write %s", file);
    while (!status && flock(*lock, LOCK_EX | LOCK_NB)) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            status = ps_fail_errno(err, PS_EXIT_STORAGE, "cannot lock %s", file);
        else if (ps_now() > deadline)
            status = ps_fail(err, PS_EXIT_LOCKED, "another process works in %s; wait for its end", folder);
        else
            usleep(20000);
    }
    if (status && *lock >= 0) {
        close(*lock);
        *lock = -1;
    }
    free(file);
    return status;
}

void ps_children_prepare(void)
{
    sigemptyset(&awaited);
    sigaddset(&awaited, SIGCHLD);
    sigaddset(&awaited, SIGINT);
    sigaddset(&awaited, SIGTERM);
    sigaddset(&awaited, SIGUSR1);
    sigprocmask(SIG_BLOCK, &awaited, &usual);
}

/* In the child. */
static void become(struct ps_child *child, pid_t parent)
{
    const char *program = child->program ? child->program : "/proc/self/exe";
    char *argv[PS_CHILD_ARGS + 1] = {(char *)(uintptr_t)(child->program ? child->program : "penstock")};
    for (int i = 0; child->argument[i]; i++)
        argv[i + 1] = (char *)child->argument[i];
    setpgid(0, 0); /* a terminal's signal is the parent's to hand on */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int in = open(child->input ? child->input : "/dev/null", O_RDONLY | O_CLOEXEC), out = open(child->output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (in >= 0 && out >= 0 && dup2(in, 0) >= 0 && dup2(out, 1) >= 0 && dup2(out, 2) >= 0 && getppid() == parent) {
        sigprocmask(SIG_SETMASK, &usual, NULL);
        execv(program, argv);
        fprintf(stderr, "penstock: cannot start %s: %s\n", child->program ? child->program : "itself", strerror(errno));
    }
    _exit(PS_EXIT_FAIL);
}

static void start(struct ps_child *child)
{
    pid_t parent = getpid();
    child->seconds = ps_now();
    child->late = 0;
    child->pid = fork();
    if (child->pid < 0)
        ps_die(PS_EXIT_FAIL, "cannot start a process: %s", strerror(errno));
    if (!child->pid)
        become(child, parent);
}

/* The last line of its output says why. */
static void take_failure(struct ps_child *child)
{
    char *text = NULL;
    size_t size;
    struct ps_error err;
    *child->failure = 0;
    if (!child->code)
        return;
    if (!ps_file_read(child->output, 1 << 24, &text, &size, &err)) {
        while (size && text[size - 1] == '\n')
            text[--size] = 0;
        char *line = strrchr(text, '\n');
        line = line ? line + 1 : text;
        if (!strncmp(line, "penstock: ", 10))
            line += 10;
        snprintf(child->failure, sizeof child->failure, "%.400s", line);
        free(text);
    }
    if (child->late)
        snprintf(child->failure + strlen(child->failure), sizeof child->failure - strlen(child->failure), "%s(it took longer than %g s)",
                 *child->failure ? " " : "", child->limit);
    else if (child->code > 128)
        snprintf(child->failure + strlen(child->failure), sizeof child->failure - strlen(child->failure), "%s(ended by signal %d, %s)",
                 *child->failure ? " " : "", child->code - 128, strsignal(child->code - 128));
    else if (!*child->failure)
        snprintf(child->failure, sizeof child->failure, "ended with code %d", child->code);
}

/* Takes in children that have ended; returns how many. */
static int collect(struct ps_child *child, int count, void (*ended)(void *ctx, struct ps_child *child), void *ctx)
{
    int collected = 0;
    for (int i = 0; i < count; i++) {
        int status;
        if (child[i].pid <= 0 || waitpid(child[i].pid, &status, WNOHANG) != child[i].pid)
            continue;
        child[i].pid = 0;
        child[i].seconds = ps_now() - child[i].seconds;
        child[i].code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
        take_failure(&child[i]);
        collected++;
        if (ended)
            ended(ctx, &child[i]);
    }
    return collected;
}

static void tell(const struct ps_child *child, int count, int number)
{
    for (int i = 0; i < count; i++)
        if (child[i].pid > 0)
            kill(-child[i].pid, number);
}

/* Tells those that have had their time to end. Returns the seconds until that is due for another one; a negative number: for none. */
static double end_late(struct ps_child *child, int count)
{
    double next = -1, now = ps_now();
    for (int i = 0; i < count; i++) {
        if (child[i].pid <= 0 || child[i].limit <= 0 || child[i].late > 1)
            continue;
        double left = child[i].seconds + child[i].limit + (child[i].late ? GRACE : 0) - now;
        if (left <= 0) {
            kill(-child[i].pid, child[i].late++ ? SIGKILL : SIGTERM);
            left = GRACE;
        }
        next = next < 0 ? left : PS_MIN(next, left);
    }
    return next;
}

/* The next signal; 0: none came within the seconds, where they are not negative. */
static int wait_signal(double seconds)
{
    struct timespec time = {.tv_sec = (time_t)PS_MAX(seconds, 0), .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};
    int number = seconds < 0 ? sigwaitinfo(&awaited, NULL) : sigtimedwait(&awaited, NULL, &time);
    return PS_MAX(number, 0);
}

int ps_children_run(struct ps_child *child, int count, int jobs, void (*ended)(void *ctx, struct ps_child *child), void *ctx, struct ps_error *err)
{
    int begun = 0, live = 0, signals = 0;
    for (;;) {
        int number;
        while ((number = wait_signal(0)) > 0) {
            if (number != SIGCHLD)
                tell(child, begun, signals++ ? SIGKILL : SIGTERM);
        }
        live -= collect(child, begun, signals ? NULL : ended, ctx);
        while (!signals && begun < count && live < jobs) {
            start(&child[begun++]);
            live++;
        }
        if (!live)
            break;
        number = wait_signal(end_late(child, begun));
        if (number > 0 && number != SIGCHLD)
            tell(child, begun, signals++ ? SIGKILL : SIGTERM);
    }
    return signals ? ps_fail(err, PS_EXIT_INTERRUPTED, "interrupted; the same command goes on where it was") : 0;
}
