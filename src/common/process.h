/* process.h - what every program of Penstock does first: signals and memory. */
#ifndef PS_COMMON_PROCESS_H
#define PS_COMMON_PROCESS_H

#include <stdint.h>

/* Ignores SIGPIPE and keeps freed memory for the next message. */
void ps_process_prepare(void);

/* For programs that train or serve, before any thread and before MPI: asks for huge pages. The C library does so only where it
 * was told to before it started, so the program starts itself anew, once, with the arguments of main. */
void ps_process_huge_pages(char **argv);

/* Bytes of memory that this process has resident; 0 where the system does not tell. */
uint64_t ps_process_memory(void);

#endif
