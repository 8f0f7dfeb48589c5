/* input.c - roles and numbers of events; see input.h. */
#include "data/input.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct ps_input {
    struct ps_fields *fields; /* owned */
    enum ps_input_rows rows;
    bool milliseconds;
    int column[PS_COLUMN_ROLES];  /* of a role, or PS_NO_COLUMN */
    const char *list, *list_end; /* borrowed; what is left of a line that is a list */
};

static const char *const role_names[PS_COLUMN_FEEDBACK + 1] = {"user",    "item",     "behaviour", "time",
                                                               "session", "position", "step",      "feedback"};
/* The usual names, the most likely first. */
static const char *const synonyms[PS_COLUMN_ROLES][16] = {
    {"user", "user_id", "userid", "uid", "visitorid", "visitor_id", "customer_id", "reviewerid"},
    {"item", "item_id", "itemid", "iid", "video", "video_id", "sku_id", "sku", "product_id", "asin"},
    {"behaviour", "behavior", "event", "event_type", "type", "action", "behavior_type", "action_type"},
    {"timestamp", "time", "ts", "time_s", "action_time", "unix_time"},
    {"session", "session_id", "sessionid"},
};

static const char *role_name(int role)
{
    return role_names[PS_MIN(role, (int)PS_COLUMN_FEEDBACK)];
}

/* ---- header ---- */

int ps_input_column(struct ps_fields *fields, const struct ps_input_format *format, enum ps_role_column role, bool needed,
                    struct ps_error *err)
{
    const char *wanted = format->column[role], *path = ps_fields_path(fields);
    int found = wanted ? ps_fields_find(fields, wanted) : -1;
    for (int s = 0; !wanted && found < 0 && synonyms[role][s]; s++)
        found = ps_fields_find(fields, synonyms[role][s]);
    if (found >= 0)
        return found;
    if (wanted)
        return ps_fail(err, PS_EXIT_DATA, "%s:1: no column is named '%s'; there are %s", path, wanted, ps_fields_list(fields));
    if (needed)
        return ps_fail(err, PS_EXIT_DATA,
                       "%s:1: no column for the %s among %s; name it with --%s-column, or all columns with --columns where "
                       "the file has no header%s",
                       path, role_name(role), ps_fields_list(fields), role_name(role),
                       role == PS_COLUMN_SESSION ? "; or find the sessions of users with --session-gap" : "");
    return PS_NO_COLUMN;
}

static int find_columns(struct ps_input *in, const struct ps_input_format *format, struct ps_error *err)
{
    int owner = in->rows == PS_ROWS_SESSIONS ? PS_COLUMN_SESSION : PS_COLUMN_USER;
    for (int role = 0; role < PS_COLUMN_ROLES; role++) {
        in->column[role] = PS_NO_COLUMN;
        if (role == PS_COLUMN_SESSION && in->rows != PS_ROWS_SESSIONS)
            continue; /* such a column means something else there */
        int found = ps_input_column(in->fields, format, (enum ps_role_column)role, role == owner || role == PS_COLUMN_ITEM, err);
        if (found < 0)
            return found;
        for (int other = 0; other < role; other++)
            if (found == in->column[other] && found != PS_NO_COLUMN)
                return ps_fail(err, PS_EXIT_DATA, "%s:1: column %d cannot be both the %s and the %s", ps_fields_path(in->fields),
                               found + 1, role_name(other), role_name(role));
        in->column[role] = found;
    }
    return 0;
}

int ps_input_open(struct ps_input **input, const char *path, const struct ps_input_format *format,
                  const volatile sig_atomic_t *stop, struct ps_error *err)
{
    struct ps_input *in = ps_calloc(1, sizeof *in);
    in->rows = format->rows;
    in->milliseconds = format->milliseconds;
    for (int role = 0; role < PS_COLUMN_ROLES; role++)
        in->column[role] = PS_NO_COLUMN;
    int status;
    if (in->rows == PS_ROWS_LISTS)
        status = ps_fields_open_lines(&in->fields, path, stop, err);
    else if (!(status = ps_fields_open(&in->fields, path, format->columns, stop, err)))
        status = find_columns(in, format, err);
    if (status) {
        ps_input_close(in);
        return status;
    }
    *input = in;
    return 0;
}

void ps_input_close(struct ps_input *in)
{
    if (!in)
        return;
    ps_fields_close(in->fields);
    free(in);
}

bool ps_input_has(const struct ps_input *in, enum ps_role_column role)
{
    return in->column[role] != PS_NO_COLUMN;
}

/* ---- lines of data ---- */

/* "2018-03-01", "2018-03-01 13:09:03" or "2018-03-01T13:09:03Z": a date of UTC. */
static bool parse_date(struct ps_slice field, int64_t *seconds)
{
    static const char pattern[] = "0000-00-00 00:00:00Z";
    int part[7] = {0}, p = 0;
    if (field.length != 10 && field.length != 19 && field.length != 20)
        return false;
    for (size_t i = 0; i < field.length; i++) {
        char c = field.text[i];
        if (pattern[i] == '0' ? !isdigit((unsigned char)c) : c != pattern[i] && (i != 10 || c != 'T'))
            return false;
        if (pattern[i] == '0')
            part[p] = 10 * part[p] + (c - '0');
        else
            p++;
    }
    struct tm date = {.tm_year = part[0] - 1900, .tm_mon = part[1] - 1, .tm_mday = part[2], .tm_hour = part[3], .tm_min = part[4],
                      .tm_sec = part[5]};
    *seconds = timegm(&date); /* which makes another date of one that is none */
    return date.tm_mon == part[1] - 1 && date.tm_hour == part[3] && date.tm_min == part[4];
}

/* A date, or a decimal number of units (seconds, or milliseconds), as milliseconds, rounded down. */
static int parse_time(struct ps_input *in, struct ps_slice field, int64_t *time)
{
    static const double latest = 1e11; /* seconds: the year 5138 */
    const char *at = field.text, *end = at + field.length;
    bool negative = at < end && *at == '-';
    int64_t value = 0;
    int digits = 0;
    at += negative;
    while (at < end && isdigit((unsigned char)*at) && digits < 17) {
        value = value * 10 + (*at++ - '0');
        digits++;
    }
    if (at == end && digits && !negative && (double)value < latest * (in->milliseconds ? 1000 : 1)) {
        *time = in->milliseconds ? value : value * 1000; /* the usual case: a whole number */
        return 0;
    }
    double seconds;
    int shown = (int)PS_MIN(field.length, (size_t)40);
    if (parse_date(field, time)) {
        *time *= 1000;
        return 0;
    }
    if (!ps_slice_number(field, &seconds))
        return ps_fields_bad(in->fields, "'%.*s' is not a time", shown, field.text);
    seconds /= in->milliseconds ? 1000 : 1;
    if (!(seconds > -latest && seconds < latest))
        return ps_fields_bad(in->fields, "time %.*s is beyond the year 5138%s", shown, field.text,
                             in->milliseconds ? "" : "; if it is in milliseconds, say --time-unit ms");
    double milliseconds = seconds * 1000;
    *time = (int64_t)milliseconds - (milliseconds < (double)(int64_t)milliseconds);
    return 0;
}

static struct ps_slice role_field(const struct ps_input *in, const struct ps_slice *field, enum ps_role_column role)
{
    return in->column[role] == PS_NO_COLUMN ? (struct ps_slice){0} : field[in->column[role]];
}

static int parse_position(struct ps_input *in, struct ps_slice field, uint32_t *position)
{
    uint64_t value = 0;
    size_t digits = 0;
    while (digits < field.length && digits < 10 && isdigit((unsigned char)field.text[digits]))
        value = value * 10 + (uint64_t)(field.text[digits++] - '0');
    if (!digits || digits != field.length || value >= PS_POSITIONS)
        return ps_fields_bad(in->fields, "'%.*s' is no position from 0 to %d", (int)PS_MIN(field.length, (size_t)40), field.text,
                   PS_POSITIONS - 1);
    *position = (uint32_t)value;
    return 0;
}

/* Whether a field says yes: a number other than 0. */
static int parse_flag(struct ps_input *in, int role, struct ps_slice field, bool *set)
{
    double value;
    if (!ps_slice_number(field, &value))
        return ps_fields_bad(in->fields, "'%.*s' is no number, as the %s must be", (int)PS_MIN(field.length, (size_t)40),
                             field.text, role_name(role));
    *set = value != 0;
    return 0;
}

/* The fields of a session's event that those of a user do not have. */
static int take_session_fields(struct ps_input *in, const struct ps_slice *field, struct ps_event *event)
{
    bool step = true, given = false;
    if (ps_input_has(in, PS_COLUMN_POSITION) && parse_position(in, role_field(in, field, PS_COLUMN_POSITION), &event->position))
        return PS_INPUT_BAD;
    if (ps_input_has(in, PS_COLUMN_STEP) && parse_flag(in, PS_COLUMN_STEP, role_field(in, field, PS_COLUMN_STEP), &step))
        return PS_INPUT_BAD;
    event->shown = !step;
    for (int k = PS_COLUMN_FEEDBACK; k < PS_COLUMN_ROLES && ps_input_has(in, k); k++) {
        if (parse_flag(in, k, role_field(in, field, k), &given))
            return PS_INPUT_BAD;
        event->feedback |= (uint32_t)given << (k - PS_COLUMN_FEEDBACK);
    }
    return PS_INPUT_EVENT;
}

/* The fields of the roles, from all fields of a line. */
static int take_event(struct ps_input *in, const struct ps_slice *field, struct ps_event *event)
{
    struct ps_slice user = role_field(in, field, PS_COLUMN_USER), item = role_field(in, field, PS_COLUMN_ITEM);
    struct ps_slice behaviour = role_field(in, field, PS_COLUMN_BEHAVIOUR), session = role_field(in, field, PS_COLUMN_SESSION);
    *event = (struct ps_event){.user = user.text,
                               .user_length = user.length,
                               .item = item.text,
                               .item_length = item.length,
                               .behaviour = behaviour.text,
                               .behaviour_length = behaviour.length,
                               .session = session.text,
                               .session_length = session.length};
    if (ps_input_has(in, PS_COLUMN_SESSION) && !session.length)
        return ps_fields_bad(in->fields, "no session");
    if (ps_input_has(in, PS_COLUMN_USER) && !user.length)
        return ps_fields_bad(in->fields, "no user");
    if (!item.length)
        return ps_fields_bad(in->fields, "no item");
    if (ps_input_has(in, PS_COLUMN_TIME) && parse_time(in, field[in->column[PS_COLUMN_TIME]], &event->time))
        return PS_INPUT_BAD;
    return take_session_fields(in, field, event);
}

/* The next item of a list; false at its end. */
static bool next_in_list(struct ps_input *in, struct ps_event *event)
{
    const char *at = in->list, *end = in->list_end;
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    in->list = at;
    while (in->list < end && *in->list != ' ' && *in->list != '\t')
        in->list++;
    *event = (struct ps_event){.item = at, .item_length = (size_t)(in->list - at)};
    return in->list > at;
}

/* The next item of a line that is a list, or of the next line. */
static int next_listed(struct ps_input *in, struct ps_event *event, struct ps_error *err)
{
    struct ps_slice line;
    if (next_in_list(in, event)) {
        event->continues = true;
        return PS_INPUT_EVENT;
    }
    int result = ps_fields_next_line(in->fields, &line, err);
    if (result != PS_INPUT_EVENT)
        return result;
    in->list = line.text;
    in->list_end = line.text + line.length;
    return next_in_list(in, event) ? PS_INPUT_EVENT : ps_fields_bad(in->fields, "no item");
}

int ps_input_next(struct ps_input *in, struct ps_event *event, struct ps_error *err)
{
    const struct ps_slice *field;
    if (in->rows == PS_ROWS_LISTS)
        return next_listed(in, event, err);
    int result = ps_fields_next(in->fields, &field, err);
    return result == PS_INPUT_EVENT ? take_event(in, field, event) : result;
}

const struct ps_fields *ps_input_fields(const struct ps_input *in)
{
    return in->fields;
}
