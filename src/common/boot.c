/* boot.c - MPI for starting up; see boot.h. */
#include "common/boot.h"

#include <mpi.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { BOOT_SECONDS = 20 };

void ps_boot_die_with_parent(void)
{
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

void ps_boot_start(struct ps_boot *boot)
{
    *boot = (struct ps_boot){.size = 1, .one_host = true};
    /* MPI_Init without mpirun would start a daemon behind our back. */
    if (!getenv("OMPI_COMM_WORLD_SIZE") && !getenv("PMIX_RANK"))
        return;
    ps_boot_die_with_parent();
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

char *ps_boot_broadcast(const struct ps_boot *boot, const char *text)
{
    if (!boot->mpi)
        return ps_strdup(text);
    int size = boot->rank == 0 ? (int)strlen(text) + 1 : 0; /* the NUL travels too */
    MPI_Bcast(&size, 1, MPI_INT, 0, MPI_COMM_WORLD);
    char *copy = boot->rank == 0 ? ps_strdup(text) : ps_calloc(1, (size_t)size);
    MPI_Bcast(copy, size, MPI_CHAR, 0, MPI_COMM_WORLD);
    return copy;
}

void ps_boot_finish(struct ps_boot *boot)
{
    if (!boot->mpi)
        return;
    MPI_Finalize();
    alarm(0);
    signal(SIGALRM, SIG_DFL);
}
