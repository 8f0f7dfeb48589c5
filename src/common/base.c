/* base.c - errors, memory and time; see base.h. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* vasprintf, open_memstream */
#endif
#include "common/base.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int ps_fail(struct ps_error *err, int code, const char *format, ...)
{
    if (err) {
        va_list args;
        va_start(args, format);
        err->code = code;
        vsnprintf(err->text, sizeof err->text, format, args);
        va_end(args);
    }
    return -code;
}

int ps_fail_errno(struct ps_error *err, int code, const char *format, ...)
{
    int number = errno;
    if (number == ENOSPC || number == EDQUOT || number == EIO)
        code = PS_EXIT_STORAGE;
    if (err) {
        va_list args;
        va_start(args, format);
        err->code = code;
        int used = vsnprintf(err->text, sizeof err->text, format, args);
        va_end(args);
        if (used >= 0 && (size_t)used < sizeof err->text)
            snprintf(err->text + used, sizeof err->text - (size_t)used, ": %s", strerror(number));
    }
    return -code;
}

static void print_line(const char *prefix, const char *format, va_list args)
{
    char text[2048];
    vsnprintf(text, sizeof text, format, args);
    fflush(stdout);
    fprintf(stderr, "%s%s\n", prefix, text);
}

void ps_die(int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print_line("penstock: ", format, args);
    va_end(args);
    exit(code);
}

void ps_warn(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print_line("penstock: warning: ", format, args);
    va_end(args);
}

void ps_bug(const char *file, int line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "penstock: BUG at %s:%d: ", file, line);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    abort();
}

static void *checked(void *pointer, size_t size)
{
    if (!pointer && size)
        ps_die(PS_EXIT_FAIL, "out of memory: %zu bytes wanted; lower the batch size, the window or the cache", size);
    return pointer;
}

static size_t product(size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total))
        PS_BUG("allocation of %zu elements of %zu bytes overflows", count, size);
    return total;
}

void *ps_malloc(size_t size)
{
    return checked(malloc(size ? size : 1), size);
}

void *ps_calloc(size_t count, size_t size)
{
    size_t total = product(count, size);
    return checked(calloc(1, total ? total : 1), total);
}

void *ps_realloc(void *pointer, size_t count, size_t size)
{
    size_t total = product(count, size);
    return checked(realloc(pointer, total ? total : 1), total);
}

void *ps_malloc_aligned(size_t size)
{
    size_t rounded = (PS_MAX(size, (size_t)1) + 63) & ~(size_t)63;
    return checked(aligned_alloc(64, rounded), rounded);
}

char *ps_strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    return memcpy(ps_malloc(size), text, size);
}

char *ps_format(const char *format, ...)
{
    va_list args;
    char *text = NULL;
    va_start(args, format);
    int length = vasprintf(&text, format, args);
    va_end(args);
    return checked(length < 0 ? NULL : text, 1);
}

int ps_compare_u32(const void *left, const void *right)
{
    uint32_t l = *(const uint32_t *)left, r = *(const uint32_t *)right;
    return (l > r) - (l < r);
}

FILE *ps_text_open(struct ps_text *text)
{
    *text = (struct ps_text){0};
    text->out = checked(open_memstream(&text->text, &text->size), 1);
    return text->out;
}

char *ps_text_close(struct ps_text *text)
{
    if (fclose(text->out))
        checked(NULL, text->size);
    text->out = NULL;
    return text->text;
}

double ps_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double ps_cpu_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double ps_wall_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void ps_timestamp(char text[32])
{
    time_t now = time(NULL);
    struct tm parts;
    gmtime_r(&now, &parts);
    strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &parts);
}
