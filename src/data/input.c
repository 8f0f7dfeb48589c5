/* input.c - roles and numbers of events; see input.h. */
#include "data/input.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct ps_input {
    struct ps_fields *fields; /* owned */
    bool milliseconds;
    int column[PS_COLUMN_ROLES]; /* of a role, or -1 */
};

static const char *const role_names[PS_COLUMN_ROLES] = {"user", "item", "behaviour", "time"};
static const char *const role_options[PS_COLUMN_ROLES] = {"--user-column", "--item-column", "--behaviour-column",
                                                          "--time-column"};
/* The usual names, the most likely first. */
static const char *const synonyms[PS_COLUMN_ROLES][16] = {
    {"user", "user_id", "userid", "uid", "visitorid", "visitor_id", "customer_id", "reviewerid"},
    {"item", "item_id", "itemid", "iid", "video", "video_id", "sku_id", "sku", "product_id", "asin"},
    {"behaviour", "behavior", "event", "event_type", "type", "action", "behavior_type", "action_type"},
    {"timestamp", "time", "ts", "time_s", "action_time", "unix_time"},
};

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
                       "%s:1: no column for the %s among %s; name it with %s, or all columns with --columns where the file "
                       "has no header",
                       path, role_names[role], ps_fields_list(fields), role_options[role]);
    return PS_NO_COLUMN;
}

static int find_columns(struct ps_input *in, const struct ps_input_format *format, struct ps_error *err)
{
    for (int role = 0; role < PS_COLUMN_ROLES; role++) {
        int found = ps_input_column(in->fields, format, (enum ps_role_column)role, role <= PS_COLUMN_ITEM, err);
        if (found < 0)
            return found;
        for (int other = 0; other < role; other++)
            if (found == in->column[other] && found != PS_NO_COLUMN)
                return ps_fail(err, PS_EXIT_DATA, "%s:1: column %d cannot be both the %s and the %s", ps_fields_path(in->fields),
                               found + 1, role_names[other], role_names[role]);
        in->column[role] = found;
    }
    return 0;
}

int ps_input_open(struct ps_input **input, const char *path, const struct ps_input_format *format,
                  const volatile sig_atomic_t *stop, struct ps_error *err)
{
    struct ps_input *in = ps_calloc(1, sizeof *in);
    in->milliseconds = format->milliseconds;
    int status = ps_fields_open(&in->fields, path, format->columns, stop, err);
    if (!status)
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

/* A decimal number of units (seconds, or milliseconds) as milliseconds, rounded down. */
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

/* The fields of the roles, from all fields of a line. */
static int take_event(struct ps_input *in, const struct ps_slice *field, struct ps_event *event)
{
    struct ps_slice user = role_field(in, field, PS_COLUMN_USER), item = role_field(in, field, PS_COLUMN_ITEM);
    struct ps_slice behaviour = role_field(in, field, PS_COLUMN_BEHAVIOUR);
    *event = (struct ps_event){user.text, item.text, behaviour.text, user.length, item.length, behaviour.length, 0};
    if (!user.length)
        return ps_fields_bad(in->fields, "no user");
    if (!item.length)
        return ps_fields_bad(in->fields, "no item");
    if (ps_input_has(in, PS_COLUMN_TIME) && parse_time(in, field[in->column[PS_COLUMN_TIME]], &event->time))
        return PS_INPUT_BAD;
    return PS_INPUT_EVENT;
}

int ps_input_next(struct ps_input *in, struct ps_event *event, struct ps_error *err)
{
    const struct ps_slice *field;
    int result = ps_fields_next(in->fields, &field, err);
    return result == PS_INPUT_EVENT ? take_event(in, field, event) : result;
}

const struct ps_fields *ps_input_fields(const struct ps_input *in)
{
    return in->fields;
}
