/* base.h - what every file of Penstock may use: exit codes, the ladder of errors, memory, time.
 *
 * The ladder:  PS_BUG   our own mistake: prints and aborts.
 *              ps_die   bad usage or configuration, found where nothing is left to undo: one sentence, exit.
 *              ps_error what a file, a peer or the system did: filled in by the function that found it, passed up
 *                       unchanged, printed once by the command (src/cli).
 *              ps_warn  goes on, but the user should know.
 */
#ifndef PS_COMMON_BASE_H
#define PS_COMMON_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Exit codes of bin/penstock; documented in docs/cluster.md. */
enum ps_exit {
    PS_OK = 0,
    PS_EXIT_FAIL = 1,        /* anything without a code of its own */
    PS_EXIT_USAGE = 2,       /* command line or configuration */
    PS_EXIT_DATA = 3,        /* input, dataset or checkpoint is bad */
    PS_EXIT_NET = 4,         /* a peer is gone, a port is taken, a deadline has passed */
    PS_EXIT_STORAGE = 5,     /* disk full, permission, I/O error */
    PS_EXIT_SUPERSEDED = 6,  /* a newer coordinator owns the run */
    PS_EXIT_INTERRUPTED = 7, /* ended by a signal after saving its state */
    PS_EXIT_LOCKED = 8,      /* another process does the same work */
    PS_EXIT_REFUSED = 9,     /* a night's gate has kept production as it was */
    PS_EXIT_NOTHING = 10     /* there is nothing new to begin a night with */
};

/* One failure: the code that the process would exit with, and one clear sentence (what, where, what to do). */
struct ps_error {
    int code;
    char text[1024];
};

/* Fills err (which may be NULL) and returns -code, so that "return ps_fail(err, ...)" reads well. */
int ps_fail(struct ps_error *err, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The same with ": strerror(errno)" appended; ENOSPC, EDQUOT and EIO choose PS_EXIT_STORAGE by themselves. */
int ps_fail_errno(struct ps_error *err, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

void ps_die(int code, const char *format, ...) __attribute__((format(printf, 2, 3), noreturn));
void ps_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
void ps_bug(const char *file, int line, const char *format, ...) __attribute__((format(printf, 3, 4), noreturn));

#define PS_BUG(...) ps_bug(__FILE__, __LINE__, __VA_ARGS__)
#define PS_ASSERT(condition)                                                                                           \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            PS_BUG("assertion failed: %s", #condition);                                                                \
    } while (0)

/* Allocation failure dies here and nowhere else. Sizes are checked for overflow. */
void *ps_malloc(size_t size);
void *ps_calloc(size_t count, size_t size);
void *ps_realloc(void *pointer, size_t count, size_t size);
void *ps_malloc_aligned(size_t size); /* 64-byte aligned; free() releases it */
char *ps_strdup(const char *text);
char *ps_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Makes room for at least `need` elements, growing by half; array and capacity are updated. */
#define PS_GROW(array, capacity, need)                                                                                 \
    do {                                                                                                               \
        if ((size_t)(need) > (size_t)(capacity)) {                                                                     \
            size_t grown_ = (size_t)(capacity) + (size_t)(capacity) / 2 + 16;                                          \
            if (grown_ < (size_t)(need))                                                                               \
                grown_ = (size_t)(need);                                                                               \
            (array) = ps_realloc((array), grown_, sizeof *(array));                                                    \
            (capacity) = grown_;                                                                                       \
        }                                                                                                              \
    } while (0)

#define PS_COUNT(array) (sizeof(array) / sizeof *(array))
#define PS_MIN(a, b) ((a) < (b) ? (a) : (b))
#define PS_MAX(a, b) ((a) > (b) ? (a) : (b))

/* For qsort and bsearch: numbers of 32 bits in ascending order. */
int ps_compare_u32(const void *left, const void *right);

/* A text that is written like a file, into memory. */
struct ps_text {
    FILE *out;
    char *text;
    size_t size;
};

FILE *ps_text_open(struct ps_text *text);
/* Ends it and gives the text to the caller, with a zero behind it; text->size is its length. */
char *ps_text_close(struct ps_text *text);

/* Monotonic seconds, for deadlines and rates; wall clock only for what a person reads. */
double ps_now(void);
/* Seconds that this thread has been on a processor: a shared machine may take it away meanwhile. */
double ps_cpu_now(void);
/* Seconds since 1970: for what outlives a process. It may jump. */
double ps_wall_clock(void);
/* "2026-11-21T05:22:48Z" into text. */
void ps_timestamp(char text[32]);

#endif
