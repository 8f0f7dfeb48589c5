/* lines.h - lines of a text file, plain or packed with gzip, xz or zstd: the only place that knows zlib.h, lzma.h and
 * zstd.h.
 *
 * The packing is recognised by the file's first bytes, never by its name. Files are untrusted: a stream that is
 * truncated or damaged is an error that names the file, and a line of any length needs bounded memory.
 */
#ifndef PS_DATA_LINES_H
#define PS_DATA_LINES_H

#include "common/base.h"

#include <signal.h>

enum { PS_LINE_MAX = 1 << 20 }; /* bytes; a longer line is reported and skipped */

enum ps_line { PS_LINE_END = 0, PS_LINE_TEXT = 1, PS_LINE_TOO_LONG = 2 };

struct ps_lines;

/* Opens a file, or the standard input as "-". `stop` (borrowed, or NULL) is looked at before every read: once it is
 * set, ps_lines_next fails with PS_EXIT_INTERRUPTED. ps_lines_close frees *lines, which is set on success only. */
int ps_lines_open(struct ps_lines **lines, const char *path, const volatile sig_atomic_t *stop, struct ps_error *err);
void ps_lines_close(struct ps_lines *lines);

/* The next line without its end ("\n" or "\r\n"); a byte order mark before the first one is left out, and the last one
 * need not have an end. The text is borrowed until the next call and has no NUL behind it. Returns an enum ps_line, or
 * a negative status; PS_LINE_TOO_LONG leaves *text and *length as they are. */
int ps_lines_next(struct ps_lines *lines, const char **text, size_t *length, struct ps_error *err);

/* Number of the line last returned, from 1. */
uint64_t ps_lines_number(const struct ps_lines *lines);
/* Bytes read from the file so far, before unpacking: for progress. */
uint64_t ps_lines_consumed(const struct ps_lines *lines);

#endif
