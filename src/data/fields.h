/* fields.h - lines of a table as fields: TSV, CSV (RFC 4180 quoting) and RecBole's atomic files, packed or plain.
 *
 * The first line names the columns, unless the caller does. A header with a tab in it is a TSV, any other one a CSV. A line that
 * does not fit is bad: it is reported with its reason and skipped, and the caller counts.
 */
#ifndef PS_DATA_FIELDS_H
#define PS_DATA_FIELDS_H

#include "common/base.h"

#include <signal.h>

struct ps_slice {
    const char *text; /* without a NUL behind it */
    size_t length;
};

/* A decimal number that takes the whole field; false: it is none, or has more than 63 characters. */
bool ps_slice_number(struct ps_slice field, double *value);

enum ps_input_result { PS_INPUT_END = 0, PS_INPUT_EVENT = 1, PS_INPUT_BAD = 2 };

enum { PS_TABLE_COLUMNS = 1024 };

struct ps_fields;

/* Opens a file ("-": standard input) and reads its header; `columns`: names of all columns, separated by commas, of a file without
 * one, or NULL. `stop` as in lines.h. Errors: PS_EXIT_DATA, naming the file. */
int ps_fields_open(struct ps_fields **fields, const char *path, const char *columns, const volatile sig_atomic_t *stop,
                   struct ps_error *err);
/* Opens a file of lines that are no table: no header, for ps_fields_next_line alone. */
int ps_fields_open_lines(struct ps_fields **fields, const char *path, const volatile sig_atomic_t *stop, struct ps_error *err);
void ps_fields_close(struct ps_fields *fields);
/* As shown in errors. */
const char *ps_fields_path(const struct ps_fields *fields);
int ps_fields_columns(const struct ps_fields *fields);
/* A column's name without its type ("user_id:token" of RecBole's atomic files is user_id), and that type: "token", "token_seq",
 * "float", "float_seq" or "". */
struct ps_slice ps_fields_name(const struct ps_fields *fields, int column, const char **type);
/* The column of that name, in any case, or -1. */
int ps_fields_find(const struct ps_fields *fields, const char *name);
/* The names of all columns, as a sentence lists them. Borrowed until the next call. */
const char *ps_fields_list(struct ps_fields *fields);

/* The next line that is not blank. PS_INPUT_EVENT: *field has as many fields as there are columns, borrowed until the next call; or
 * another enum ps_input_result, or a negative status. */
int ps_fields_next(struct ps_fields *fields, const struct ps_slice **field, struct ps_error *err);
/* The same for the line as it is. */
int ps_fields_next_line(struct ps_fields *fields, struct ps_slice *line, struct ps_error *err);
/* Makes the last line a bad one; returns PS_INPUT_BAD. */
int ps_fields_bad(struct ps_fields *fields, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* After PS_INPUT_BAD: what is wrong, in words. Borrowed until the next call. */
const char *ps_fields_reason(const struct ps_fields *fields);
/* Line at which the last one began, from 1. */
uint64_t ps_fields_line(const struct ps_fields *fields);
uint64_t ps_fields_consumed(const struct ps_fields *fields);

#endif
