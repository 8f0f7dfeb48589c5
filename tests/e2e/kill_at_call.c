/* kill_at_call.c - runs a command and kills it at one exact system call:  kill_at_call N FOLDER COMMAND...
 *
 * Counted are the calls that change files below FOLDER, of all threads: opening for writing, write, fsync, rename, link, symlink, unlink,
 * mkdir and their kin. Before the N-th one is carried out the whole process is killed, as by a power cut between two calls: exit code 99.
 * Fewer calls than that: the command's own exit code. N = 0 never kills. The calls are listed on the standard output. A filter in the
 * kernel stops the command at these calls only, so everything else runs at full speed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { KILLED = 99, BROKEN = 98, FD, PATH, SECOND, AT, OPEN_PATH, OPEN_AT };

/* By which argument a call names its file: SECOND is a path in the second one, AT a folder's number and a path in it, OPEN_* count only
 * with a flag for writing. */
static const struct {
    int number, names;
    const char *name;
} calls[] = {
    {SYS_write, FD, "write"},         {SYS_pwrite64, FD, "pwrite"},      {SYS_writev, FD, "writev"},
    {SYS_fsync, FD, "fsync"},         {SYS_fdatasync, FD, "fdatasync"},  {SYS_ftruncate, FD, "ftruncate"},
    {SYS_fallocate, FD, "fallocate"}, {SYS_openat, OPEN_AT, "openat"},   {SYS_renameat, AT, "renameat"},
    {SYS_renameat2, AT, "renameat2"}, {SYS_linkat, AT, "linkat"},        {SYS_unlinkat, AT, "unlinkat"},
    {SYS_mkdirat, AT, "mkdirat"},     {SYS_symlinkat, PATH, "symlinkat"},
#ifdef SYS_open
    {SYS_open, OPEN_PATH, "open"},    {SYS_rename, PATH, "rename"},      {SYS_link, PATH, "link"},
    {SYS_unlink, PATH, "unlink"},     {SYS_mkdir, PATH, "mkdir"},        {SYS_rmdir, PATH, "rmdir"},
    {SYS_symlink, SECOND, "symlink"},
#endif
};
enum { CALLS = sizeof calls / sizeof *calls };

static void die(const char *what)
{
    fprintf(stderr, "kill_at_call: %s: %s\n", what, strerror(errno));
    exit(BROKEN);
}

static void be_traced(char **command)
{
    struct sock_filter filter[CALLS + 3];
    int n = 0;
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (int i = 0; i < CALLS; i++)
        filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)calls[i].number, (unsigned char)(CALLS - i), 0);
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE);
    struct sock_fprog program = {(unsigned short)n, filter};
    if (ptrace(PTRACE_TRACEME, 0, 0, 0) || raise(SIGSTOP) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
        die("cannot be traced");
    execvp(command[0], command);
    die(command[0]);
}

static void read_text(pid_t pid, unsigned long address, char text[PATH_MAX])
{
    size_t n = 0;
    for (; n < PATH_MAX - 1; n++) {
        struct iovec here = {text + n, 1}, there = {(void *)(address + n), 1};
        if (process_vm_readv(pid, &here, 1, &there, 1, 0) != 1 || !text[n])
            break;
    }
    text[n] = 0;
}

/* The file that has a number in the process. */
static size_t open_file(pid_t pid, int number, char path[PATH_MAX])
{
    char link[64];
    snprintf(link, sizeof link, "/proc/%d/fd/%d", pid, number);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    path[length > 0 ? length : 0] = 0;
    return strlen(path);
}

/* The file that a call is about; "" where it only reads. */
static void file_of(pid_t pid, int names, const unsigned long long *argument, char path[PATH_MAX])
{
    static const int writing = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC;
    *path = 0;
    if (names == FD) {
        open_file(pid, (int)argument[0], path);
        return;
    }
    int at = names == AT || names == OPEN_AT, second = at || names == SECOND;
    if ((names == OPEN_AT || names == OPEN_PATH) && !((int)argument[1 + at] & writing))
        return;
    char name[PATH_MAX];
    read_text(pid, (unsigned long)argument[second], name);
    size_t length = at && *name != '/' && (int)argument[0] != AT_FDCWD ? open_file(pid, (int)argument[0], path) : 0;
    snprintf(path + length, PATH_MAX - length, "%s%s", length ? "/" : "", name);
}

static int trace(pid_t child, long n, const char *folder)
{
    int status;
    long count = 0;
    if (waitpid(child, &status, 0) != child || !WIFSTOPPED(status))
        die("cannot trace");
    if (ptrace(PTRACE_SETOPTIONS, child, 0,
               PTRACE_O_TRACESECCOMP | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_EXITKILL))
        die("cannot trace");
    ptrace(PTRACE_CONT, child, 0, 0);
    for (;;) {
        pid_t pid = waitpid(-1, &status, __WALL);
        if (pid < 0)
            die("lost the command");
        if (pid == child && WIFEXITED(status))
            return WEXITSTATUS(status);
        if (pid == child && WIFSIGNALED(status))
            return 128 + WTERMSIG(status);
        if (!WIFSTOPPED(status))
            continue;
        long signal = 0;
        if (status >> 8 == (SIGTRAP | PTRACE_EVENT_SECCOMP << 8)) {
            struct __ptrace_syscall_info info;
            char path[PATH_MAX] = "";
            int i = 0;
            if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info) > 0) {
                while (i < CALLS && calls[i].number != (int)info.seccomp.nr)
                    i++;
                if (i < CALLS)
                    file_of(pid, calls[i].names, (const unsigned long long *)info.seccomp.args, path);
            }
            if (strstr(path, folder)) {
                printf("%ld %s %s\n", ++count, calls[i].name, path);
                if (count == n) {
                    kill(child, SIGKILL);
                    while (waitpid(-1, &status, __WALL) > 0)
                        ;
                    return KILLED;
                }
            }
        } else if (status >> 16 == 0 && WSTOPSIG(status) != SIGSTOP && WSTOPSIG(status) != SIGTRAP) {
            signal = WSTOPSIG(status); /* its own */
        }
        ptrace(PTRACE_CONT, pid, 0, signal);
    }
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "kill_at_call N FOLDER COMMAND...\n");
        return 2;
    }
    pid_t child = fork();
    if (child == 0)
        be_traced(argv + 3);
    if (child < 0)
        die("fork");
    return trace(child, atol(argv[1]), argv[2]);
}
