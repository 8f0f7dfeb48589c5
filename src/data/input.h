/* input.h - events out of tables: TSV, CSV (RFC 4180 quoting) and RecBole .inter files, packed or plain.
 *
 * The first line names the columns, unless the caller does. A header with a tab in it is a TSV, any other one a CSV.
 * Columns are found by name; those that nobody asks for are ignored. A line that does not fit is bad: it is
 * reported with its reason and skipped, and the caller counts.
 */
#ifndef PS_DATA_INPUT_H
#define PS_DATA_INPUT_H

#include "common/base.h"

#include <signal.h>

enum ps_role_column { PS_COLUMN_USER, PS_COLUMN_ITEM, PS_COLUMN_BEHAVIOUR, PS_COLUMN_TIME, PS_COLUMN_ROLES };

/* How the caller wants tables read. All texts are borrowed. */
struct ps_input_format {
    const char *column[PS_COLUMN_ROLES]; /* the column that must be there for a role; NULL: usual names are tried */
    const char *columns;                 /* names of all columns, separated by commas, for files without a header */
    bool milliseconds;                   /* unit of the time column; seconds otherwise */
};

/* One line. Texts are borrowed until the next call and have no NUL behind them. */
struct ps_event {
    const char *user, *item, *behaviour; /* behaviour is NULL without such a column */
    size_t user_length, item_length, behaviour_length;
    int64_t time; /* milliseconds; 0 without such a column */
};

enum ps_input_result { PS_INPUT_END = 0, PS_INPUT_EVENT = 1, PS_INPUT_BAD = 2 };

struct ps_input;

/* Opens a file ("-": standard input) and finds its columns: user, item and those named by the caller must be there.
 * `stop` as in lines.h. Errors: PS_EXIT_DATA, naming the file and the columns that it has. */
int ps_input_open(struct ps_input **input, const char *path, const struct ps_input_format *format,
                  const volatile sig_atomic_t *stop, struct ps_error *err);
void ps_input_close(struct ps_input *input);
bool ps_input_has(const struct ps_input *input, enum ps_role_column role);

/* Returns an enum ps_input_result, or a negative status. Blank lines are passed over. */
int ps_input_next(struct ps_input *input, struct ps_event *event, struct ps_error *err);
/* After PS_INPUT_BAD: what is wrong, in words. Borrowed until the next call. */
const char *ps_input_reason(const struct ps_input *input);
/* Line at which the last event began, from 1. */
uint64_t ps_input_line(const struct ps_input *input);
uint64_t ps_input_consumed(const struct ps_input *input);

#endif
