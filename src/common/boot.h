/* boot.h - MPI for starting up and for nothing else: ranks, hosts, one broadcast, then MPI_Finalize at once.
 *
 * After ps_boot_finish a process lives on ZeroMQ alone: it may leave at any time and disturbs nobody by dying (launch facts,
 * section 0). A process that was not started by mpirun or srun never touches MPI. The only place that knows mpi.h.
 */
#ifndef PS_COMMON_BOOT_H
#define PS_COMMON_BOOT_H

#include "common/base.h"

struct ps_boot {
    bool mpi; /* started by mpirun or srun --mpi */
    int rank, size;
    bool one_host; /* all ranks have this host's name */
};

/* Dies with the parent from here on; under MPI: initialises it within 20 s (or the alarm ends the process, since a rank lost
 * before this point would leave all others hanging for ever). */
void ps_boot_start(struct ps_boot *boot);
/* Rank 0's text to everybody; returns what rank 0 gave, owned by the caller. Without MPI a copy. */
char *ps_boot_broadcast(const struct ps_boot *boot, const char *text);
void ps_boot_finish(struct ps_boot *boot);

/* Asks the kernel for SIGTERM when the parent dies: a killed mpirun leaves no orphans. */
void ps_boot_die_with_parent(void);

#endif
