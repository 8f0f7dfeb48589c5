/* process.c - signals and memory of a process; see process.h. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "common/process.h"

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void ps_process_prepare(void)
{
    /* A peer or a pager that goes away is an error of that write, not the end of the process. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a limit on file sizes (ulimit -f) becomes an error of write(), like a full disk */
#ifdef M_MMAP_THRESHOLD
    /* Messages are megabytes long and come and go thousands of times a second. From the heap their memory is used
     * again; as mappings, every message would pay for fresh pages (a fault and a cleared page for each 4 KiB). */
    mallopt(M_MMAP_THRESHOLD, 1 << 30);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
#endif
}

uint64_t ps_process_memory(void)
{
    char line[128], *resident = NULL; /* pages: of the address space, in memory, and more */
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file)
        return 0;
    if (fgets(line, sizeof line, file))
        resident = strchr(line, ' ');
    fclose(file);
    return resident ? strtoull(resident, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

void ps_process_huge_pages(char **argv)
{
    /* Tables, gradients and messages are read at random, a few hundred bytes at a time: with pages of 4 KiB most accesses
     * miss the processor's cache of page addresses too. A user's own GLIBC_TUNABLES is left alone, and ends the loop. */
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    char program[4096];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (getenv("GLIBC_TUNABLES") || length < 0)
        return;
    program[length] = 0;
    setenv("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1", 1);
    execv(program, argv); /* where that fails, training is slower and nothing else */
#endif
}
