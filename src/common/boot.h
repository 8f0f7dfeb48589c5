/* boot.h - how the ranks of one mpirun find each other: who am I, how many are we, and one text from rank 0 to all.
 *
 * Where all ranks are on one host (mpirun says so in the environment) the text goes through mpirun's own session folder and MPI is
 * never initialised. Otherwise MPI carries it, and is finalised at once: a process lives on ZeroMQ alone, may leave at any time and
 * disturbs nobody by dying. MPI is kept to that case because finalising Open MPI 4.1.4 so early is a race that it loses about once in a
 * hundred times on a busy machine: its progress thread is still running while its components are unloaded (a crash inside
 * event_base_loop, with nothing of ours on the stack). The only place that knows mpi.h.
 */
#ifndef PS_COMMON_BOOT_H
#define PS_COMMON_BOOT_H

#include "common/base.h"

struct ps_boot {
    int rank, size;
    bool one_host; /* all ranks are on one host */
    bool mpi;      /* between start and finish: MPI is up */
    char *meeting; /* owned: the file that carries the text on one host; NULL without mpirun */
};

/* Without mpirun or srun: rank 0 of 1. Under MPI: initialises it within 20 s, or the alarm ends the process, since a rank lost
 * before this point would leave all others hanging for ever. */
void ps_boot_start(struct ps_boot *boot);
/* Rank 0's text to everybody; *out is what rank 0 gave, owned by the caller. PS_EXIT_NET where rank 0 says nothing for 20 s. */
int ps_boot_broadcast(const struct ps_boot *boot, const char *text, char **out, struct ps_error *err);
void ps_boot_finish(struct ps_boot *boot);

/* Under mpirun or srun: asks the kernel for SIGTERM when the parent dies, so that a killed mpirun leaves no orphans. */
void ps_boot_die_with_parent(void);

#endif
