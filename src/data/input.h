/* input.h - events out of tables: the columns of users, items, behaviours and times.
 *
 * Columns are found by name; those that nobody asks for are ignored.
 */
#ifndef PS_DATA_INPUT_H
#define PS_DATA_INPUT_H

#include "data/fields.h"

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

/* The column of a role: by the name that the caller wants, or by usual ones. PS_NO_COLUMN where there is none and none is needed.
 * Errors: PS_EXIT_DATA, naming the file and the columns that it has. */
enum { PS_NO_COLUMN = PS_TABLE_COLUMNS };
int ps_input_column(struct ps_fields *fields, const struct ps_input_format *format, enum ps_role_column role, bool needed,
                    struct ps_error *err);

struct ps_input;

/* Opens a file ("-": standard input) and finds its columns: user, item and those named by the caller must be there.
 * `stop` as in lines.h. Errors: PS_EXIT_DATA, naming the file and the columns that it has. */
int ps_input_open(struct ps_input **input, const char *path, const struct ps_input_format *format,
                  const volatile sig_atomic_t *stop, struct ps_error *err);
void ps_input_close(struct ps_input *input);
bool ps_input_has(const struct ps_input *input, enum ps_role_column role);

/* Returns an enum ps_input_result, or a negative status. */
int ps_input_next(struct ps_input *input, struct ps_event *event, struct ps_error *err);
/* For the place and the reason of bad lines, and for progress. Borrowed. */
const struct ps_fields *ps_input_fields(const struct ps_input *input);

#endif
