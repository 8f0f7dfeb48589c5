/* input.h - events out of tables: the columns of users, items, behaviours and times, and those that sessions have beside them.
 *
 * Columns are found by name; those that nobody asks for are ignored. Or a line is a whole session, a list of items.
 */
#ifndef PS_DATA_INPUT_H
#define PS_DATA_INPUT_H

#include "data/dataset.h"
#include "data/fields.h"

enum { PS_POSITIONS = 1 << 17 }; /* a position is below */

/* Those from the position on are found only under a name that the caller gives. */
enum ps_role_column {
    PS_COLUMN_USER,
    PS_COLUMN_ITEM,
    PS_COLUMN_BEHAVIOUR,
    PS_COLUMN_TIME,
    PS_COLUMN_SESSION,
    PS_COLUMN_POSITION, /* within the session */
    PS_COLUMN_STEP,     /* 0: the item was shown, and nothing was done with it */
    PS_COLUMN_FEEDBACK, /* the first of PS_MAX_FEEDBACKS */
    PS_COLUMN_ROLES = PS_COLUMN_FEEDBACK + PS_MAX_FEEDBACKS
};

/* What a line is. */
enum ps_input_rows {
    PS_ROWS_USERS,    /* an event of a user */
    PS_ROWS_SESSIONS, /* an event of a session, perhaps with a user */
    PS_ROWS_LISTS     /* a whole session: its items, oldest first, with blanks between them; no header */
};

/* How the caller wants tables read. All texts are borrowed. */
struct ps_input_format {
    enum ps_input_rows rows;
    const char *column[PS_COLUMN_ROLES]; /* the column that must be there for a role; NULL: usual names are tried */
    const char *columns;                 /* names of all columns, separated by commas, for files without a header */
    bool milliseconds;                   /* unit of the time column; seconds otherwise */
};

/* An event. Texts are borrowed until the next call and have no NUL behind them; they are NULL without such a column. */
struct ps_event {
    const char *user, *item, *behaviour, *session;
    size_t user_length, item_length, behaviour_length, session_length;
    int64_t time;      /* milliseconds; 0 without such a column */
    uint32_t position; /* 0 without such a column */
    uint32_t feedback; /* bit k: what PS_COLUMN_FEEDBACK + k holds is not 0 */
    bool shown;        /* the step column holds 0 */
    bool continues;    /* on the line of the event before */
};

/* The column of a role: by the name that the caller wants, or by usual ones. PS_NO_COLUMN where there is none and none is needed.
 * Errors: PS_EXIT_DATA, naming the file and the columns that it has. */
enum { PS_NO_COLUMN = PS_TABLE_COLUMNS };
int ps_input_column(struct ps_fields *fields, const struct ps_input_format *format, enum ps_role_column role, bool needed,
                    struct ps_error *err);

struct ps_input;

/* Opens a file ("-": standard input) and finds its columns: the item, the user or the session, and those
 * named by the caller must be there.
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
