/* boot.c - how the ranks of one mpirun find each other; see boot.h. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* dl_iterate_phdr */
#endif
#include "common/boot.h"

#include <dlfcn.h>
#include <link.h>
#include <mpi.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "common/file.h"

enum { BOOT_SECONDS = 20, MEETING_BYTES = 1 << 16 };

static bool launched(void)
{
    return getenv("OMPI_COMM_WORLD_SIZE") || getenv("PMIX_RANK");
}

void ps_boot_die_with_parent(void)
{
    if (launched())
        prctl(PR_SET_PDEATHSIG, SIGTERM);
}

static void too_late(int signal_number)
{
    static const char text[] = "penstock: starting up under MPI took more than 20 s: another rank has not come, or died; "
                               "look at its output\n";
    if (write(STDERR_FILENO, text, sizeof text - 1) < 0)
        _exit(PS_EXIT_FAIL);
    _exit(PS_EXIT_NET);
}

/* A whole number from the environment, or -1. */
static int number_of(const char *name)
{
    const char *text = getenv(name);
    char *end;
    long value = text && *text ? strtol(text, &end, 10) : -1;
    return value < 0 || value > 1 << 20 || *end ? -1 : (int)value;
}

/* What mpirun says of its ranks, where all of them are here and it has a folder for them. */
static bool start_on_one_host(struct ps_boot *boot)
{
    int rank = number_of("OMPI_COMM_WORLD_RANK"), size = number_of("OMPI_COMM_WORLD_SIZE");
    const char *folder = getenv("PMIX_SERVER_TMPDIR"), *job = getenv("PMIX_NAMESPACE");
    if (rank < 0 || size < 1 || number_of("OMPI_COMM_WORLD_LOCAL_SIZE") != size || !folder || !job ||
        access(folder, W_OK))
        return false;
    boot->rank = rank;
    boot->size = size;
    boot->meeting = ps_format("%s/penstock-%s", folder, job);
    return true;
}

void ps_boot_start(struct ps_boot *boot)
{
    *boot = (struct ps_boot){.size = 1, .one_host = true};
    /* MPI_Init without mpirun would start a daemon behind our back. */
    if (!launched())
        return;
    ps_boot_die_with_parent();
    if (start_on_one_host(boot))
        return;
    boot->mpi = true;
    signal(SIGALRM, too_late);
    alarm(BOOT_SECONDS);
    /* Sockets between ranks are ours: MPI only has to start, so its fastest, quietest transports do. */
    setenv("OMPI_MCA_pml", "ob1", 0);
    MPI_Init(NULL, NULL);
    MPI_Comm_rank(MPI_COMM_WORLD, &boot->rank);
    MPI_Comm_size(MPI_COMM_WORLD, &boot->size);
    char host[256] = "", *hosts = ps_calloc((size_t)boot->size, sizeof host);
    gethostname(host, sizeof host - 1);
    MPI_Allgather(host, sizeof host, MPI_CHAR, hosts, sizeof host, MPI_CHAR, MPI_COMM_WORLD);
    for (int i = 0; i < boot->size; i++)
        boot->one_host &= strcmp(hosts + (size_t)i * sizeof host, host) == 0;
    free(hosts);
}

static int read_meeting(const char *path, char **out, struct ps_error *err)
{
    double begin = ps_now();
    size_t size;
    while (access(path, F_OK)) {
        if (ps_now() - begin > BOOT_SECONDS)
            return ps_fail(err, PS_EXIT_NET, "rank 0 has not said where it is for %d s; look at its output", BOOT_SECONDS);
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
    return ps_file_read(path, MEETING_BYTES, out, &size, err);
}

int ps_boot_broadcast(const struct ps_boot *boot, const char *text, char **out, struct ps_error *err)
{
    if (boot->meeting && boot->rank > 0)
        return read_meeting(boot->meeting, out, err);
    if (boot->mpi) {
        int size = boot->rank == 0 ? (int)strlen(text) + 1 : 0; /* the NUL travels too */
        MPI_Bcast(&size, 1, MPI_INT, 0, MPI_COMM_WORLD);
        *out = boot->rank == 0 ? ps_strdup(text) : ps_calloc(1, (size_t)size);
        MPI_Bcast(*out, size, MPI_CHAR, 0, MPI_COMM_WORLD);
        return 0;
    }
    int status = boot->meeting && boot->size > 1 ? ps_file_write(boot->meeting, text, strlen(text), err) : 0;
    if (!status)
        *out = ps_strdup(text);
    return status;
}

struct libraries {
    char **name; /* owned */
    size_t count, capacity;
};

static int collect(struct dl_phdr_info *info, size_t size, void *arg)
{
    struct libraries *l = arg;
    if (info->dlpi_name && *info->dlpi_name) {
        PS_GROW(l->name, l->capacity, l->count + 1);
        l->name[l->count++] = ps_strdup(info->dlpi_name);
    }
    return 0;
}

/* Narrows the race that boot.h tells of: code that is loaded now stays where it is. */
static void keep_libraries(void)
{
    struct libraries l = {0};
    dl_iterate_phdr(collect, &l);
    for (size_t i = 0; i < l.count; i++) {
        dlopen(l.name[i], RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
        free(l.name[i]);
    }
    free(l.name);
}

void ps_boot_finish(struct ps_boot *boot)
{
    if (boot->mpi) {
        keep_libraries();
        MPI_Finalize();
        alarm(0);
        signal(SIGALRM, SIG_DFL);
        boot->mpi = false;
    }
    free(boot->meeting);
    boot->meeting = NULL;
}
