/* input.c - header, fields and numbers of tables; see input.h. */
#include "data/input.h"
#include "data/lines.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MAX_COLUMNS = 1024, UNUSED = PS_COLUMN_ROLES };

struct slice {
    const char *text;
    size_t length;
};

struct ps_input {
    char *path;             /* owned */
    struct ps_lines *lines; /* owned */
    char separator;
    bool milliseconds;
    int columns;
    unsigned char role[MAX_COLUMNS]; /* enum ps_role_column, or UNUSED */
    bool has[PS_COLUMN_ROLES];
    char *record; /* owned; a CSV record with quotes, its fields unquoted in place */
    size_t record_capacity;
    uint64_t line;
    char reason[200];
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

/* ---- fields ---- */

/* The next field of a TSV, or of a CSV line that has no quotes. *at moves behind its separator; NULL at the end. */
static struct slice next_field(const char **at, const char *end, char separator)
{
    const char *stop = memchr(*at, separator, (size_t)(end - *at));
    struct slice field = {*at, (size_t)((stop ? stop : end) - *at)};
    *at = stop ? stop + 1 : NULL;
    return field;
}

/* The next field with RFC 4180 quotes, unquoted in place. False where the closing quote is not followed by a separator
 * or by the end; *open tells that it is missing. */
static bool next_quoted_field(char **at, char *end, char separator, struct slice *field, bool *open)
{
    if (*at == end || **at != '"') {
        const char *next = *at;
        *field = next_field(&next, end, separator);
        *at = (char *)next;
        return true;
    }
    char *from = *at + 1, *to = *at + 1, *begin = to;
    while (from < end && (*from != '"' || (from + 1 < end && from[1] == '"'))) {
        from += *from == '"';
        *to++ = *from++;
    }
    *open = from == end;
    *field = (struct slice){begin, (size_t)(to - begin)};
    if (*open || (from + 1 < end && from[1] != separator))
        return false;
    *at = from + 1 < end ? from + 2 : NULL;
    return true;
}

/* ---- header ---- */

/* "user_id:token" (RecBole's atomic files) is user_id. */
static size_t name_length(struct slice name)
{
    static const char *const types[] = {":token", ":float", ":token_seq", ":float_seq"};
    for (size_t i = 0; i < PS_COUNT(types); i++) {
        size_t n = strlen(types[i]);
        if (name.length > n && !memcmp(name.text + name.length - n, types[i], n))
            return name.length - n;
    }
    return name.length;
}

static bool is_named(struct slice name, const char *wanted)
{
    size_t length = name_length(name);
    return strlen(wanted) == length && !strncasecmp(name.text, wanted, length);
}

static int find_named(const struct slice *name, int count, const char *wanted)
{
    for (int c = 0; c < count; c++)
        if (is_named(name[c], wanted))
            return c;
    return -1;
}

static int no_column(const struct ps_input *in, int role, const char *wanted, const struct slice *name, int count,
                     struct ps_error *err)
{
    char list[400] = "";
    size_t used = 0;
    for (int c = 0; c < count && used < sizeof list - 80; c++) {
        struct slice shown = {name[c].text, PS_MIN(name[c].length, (size_t)40)};
        used +=
            (size_t)snprintf(list + used, sizeof list - used, "%s'%.*s'", c ? ", " : "", (int)shown.length, shown.text);
    }
    for (char *c = list; *c; c++)
        if ((unsigned char)*c < ' ')
            *c = '?';
    if (wanted)
        return ps_fail(err, PS_EXIT_DATA, "%s:1: no column is named '%s'; there are %s", in->path, wanted, list);
    return ps_fail(err, PS_EXIT_DATA,
                   "%s:1: no column for the %s among %s; name it with %s, or all columns with --columns where the file "
                   "has no header",
                   in->path, role_names[role], list, role_options[role]);
}

static int find_columns(struct ps_input *in, const struct ps_input_format *format, const struct slice *name, int count,
                        struct ps_error *err)
{
    memset(in->role, UNUSED, sizeof in->role);
    in->columns = count;
    for (int role = 0; role < PS_COLUMN_ROLES; role++) {
        const char *wanted = format->column[role];
        int found = wanted ? find_named(name, count, wanted) : -1;
        for (int s = 0; !wanted && found < 0 && synonyms[role][s]; s++)
            found = find_named(name, count, synonyms[role][s]);
        if (found >= 0 && in->role[found] != UNUSED)
            return ps_fail(err, PS_EXIT_DATA, "%s:1: column %d cannot be both the %s and the %s", in->path, found + 1,
                           role_names[in->role[found]], role_names[role]);
        if (found >= 0) {
            in->role[found] = (unsigned char)role;
            in->has[role] = true;
        } else if (wanted || role <= PS_COLUMN_ITEM) {
            return no_column(in, role, wanted, name, count, err);
        }
    }
    return 0;
}

/* Cuts a header into names, and finds the columns. */
static int read_header(struct ps_input *in, const struct ps_input_format *format, const char *text, size_t length,
                       struct ps_error *err)
{
    struct slice name[MAX_COLUMNS];
    int count = 0, status;
    char *copy = ps_malloc(length), *at = copy;
    memcpy(copy, text, length);
    while (at && count < MAX_COLUMNS) {
        bool open = false;
        if (!next_quoted_field(&at, copy + length, in->separator, &name[count++], &open)) {
            status = ps_fail(err, PS_EXIT_DATA, "%s:1: the header has a quote that does not end", in->path);
            goto out;
        }
    }
    if (at)
        status = ps_fail(err, PS_EXIT_DATA, "%s:1: more than %d columns", in->path, MAX_COLUMNS);
    else
        status = find_columns(in, format, name, count, err);
out:
    free(copy);
    return status;
}

int ps_input_open(struct ps_input **input, const char *path, const struct ps_input_format *format,
                  const volatile sig_atomic_t *stop, struct ps_error *err)
{
    struct ps_input *in = ps_calloc(1, sizeof *in);
    in->path = ps_strdup(strcmp(path, "-") ? path : "standard input");
    in->milliseconds = format->milliseconds;
    int status = ps_lines_open(&in->lines, path, stop, err);
    if (!status && format->columns) {
        in->separator = ',';
        status = read_header(in, format, format->columns, strlen(format->columns), err);
        in->separator = 0; /* the first line of data shows it */
    } else if (!status) {
        const char *text = "";
        size_t length = 0;
        status = ps_lines_next(in->lines, &text, &length, err);
        if (status == PS_LINE_END)
            status = ps_fail(err, PS_EXIT_DATA, "%s is empty; a header that names the columns is needed", in->path);
        else if (status == PS_LINE_TOO_LONG || (status > 0 && memchr(text, 0, length)))
            status = ps_fail(err, PS_EXIT_DATA, "%s:1: no header of a text table", in->path);
        if (status > 0) {
            in->separator = memchr(text, '\t', length) ? '\t' : ',';
            status = read_header(in, format, text, length, err);
        }
    }
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
    ps_lines_close(in->lines);
    free(in->path);
    free(in->record);
    free(in);
}

bool ps_input_has(const struct ps_input *in, enum ps_role_column role)
{
    return in->has[role];
}

/* ---- lines of data ---- */

static int bad(struct ps_input *in, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int bad(struct ps_input *in, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(in->reason, sizeof in->reason, format, args);
    va_end(args);
    for (char *c = in->reason; *c; c++)
        if ((unsigned char)*c < ' ')
            *c = '?'; /* what a damaged file holds must not reach a terminal */
    return PS_INPUT_BAD;
}

/* A decimal number of units (seconds, or milliseconds) as milliseconds, rounded down. */
static int parse_time(struct ps_input *in, struct slice field, int64_t *time)
{
    static const double latest = 1e11; /* seconds: the year 5138 */
    const char *at = field.text, *end = at + field.length;
    char copy[64];
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
    char *stop = copy;
    size_t plain = 0;
    while (plain < field.length && strchr("0123456789+-.eE", field.text[plain]) && field.text[plain])
        plain++;
    if (plain != field.length || field.length >= sizeof copy || !field.length)
        return bad(in, "'%.*s' is not a time", (int)PS_MIN(field.length, (size_t)40), field.text);
    memcpy(copy, field.text, field.length);
    copy[field.length] = 0;
    double seconds = strtod(copy, &stop) / (in->milliseconds ? 1000 : 1);
    if (*stop)
        return bad(in, "'%s' is not a time", copy);
    if (!(seconds > -latest && seconds < latest))
        return bad(in, "time %s is beyond the year 5138%s", copy,
                   in->milliseconds ? "" : "; if it is in milliseconds, say --time-unit ms");
    double milliseconds = seconds * 1000;
    *time = (int64_t)milliseconds - (milliseconds < (double)(int64_t)milliseconds);
    return 0;
}

/* The fields of the roles, from all fields of a line. */
static int take_event(struct ps_input *in, const struct slice *role, struct ps_event *event)
{
    *event = (struct ps_event){.user = role[PS_COLUMN_USER].text,
                               .user_length = role[PS_COLUMN_USER].length,
                               .item = role[PS_COLUMN_ITEM].text,
                               .item_length = role[PS_COLUMN_ITEM].length,
                               .behaviour = role[PS_COLUMN_BEHAVIOUR].text,
                               .behaviour_length = role[PS_COLUMN_BEHAVIOUR].length};
    if (!event->user_length)
        return bad(in, "no user");
    if (!event->item_length)
        return bad(in, "no item");
    if (in->has[PS_COLUMN_TIME] && parse_time(in, role[PS_COLUMN_TIME], &event->time))
        return PS_INPUT_BAD;
    return PS_INPUT_EVENT;
}

static int wrong_count(struct ps_input *in, int count)
{
    return bad(in, "%d column%s where there should be %d", count, count == 1 ? "" : "s", in->columns);
}

static int split_plain(struct ps_input *in, const char *text, size_t length, struct ps_event *event)
{
    struct slice role[PS_COLUMN_ROLES + 1] = {0};
    const char *at = text, *end = text + length;
    int count = 0;
    while (at) {
        struct slice field = next_field(&at, end, in->separator);
        if (count < in->columns)
            role[in->role[count]] = field;
        count++;
    }
    return count == in->columns ? take_event(in, role, event) : wrong_count(in, count);
}

/* A CSV record with quotes. One that is open at the line's end goes on in the next line. */
static int split_quoted(struct ps_input *in, const char *text, size_t length, struct ps_event *event,
                        struct ps_error *err)
{
    size_t used = 0;
    for (;;) {
        /* Unquoting is done in a copy behind the record, since an open record is read once more from its beginning. */
        PS_GROW(in->record, in->record_capacity, 2 * (used + length) + 2);
        memcpy(in->record + used, text, length);
        used += length;
        char *at = memcpy(in->record + used, in->record, used), *end = at + used;
        struct slice role[PS_COLUMN_ROLES + 1] = {0};
        bool open = false, right = true;
        int count = 0;
        while (at && right) {
            struct slice field = {0};
            right = next_quoted_field(&at, end, in->separator, &field, &open);
            if (count < in->columns)
                role[in->role[count]] = field;
            count++;
        }
        if (right)
            return count == in->columns ? take_event(in, role, event) : wrong_count(in, count);
        if (!open)
            return bad(in, "text behind a closing quote");
        in->record[used++] = '\n';
        int status = used > PS_LINE_MAX ? PS_LINE_TOO_LONG : ps_lines_next(in->lines, &text, &length, err);
        if (status < 0)
            return status;
        if (status != PS_LINE_TEXT)
            return bad(in, "a quote that does not end");
    }
}

int ps_input_next(struct ps_input *in, struct ps_event *event, struct ps_error *err)
{
    const char *text = NULL;
    size_t length = 0;
    int status;
    do
        status = ps_lines_next(in->lines, &text, &length, err);
    while (status == PS_LINE_TEXT && length == 0);
    in->line = ps_lines_number(in->lines);
    if (status < 0)
        return status;
    if (status == PS_LINE_END)
        return PS_INPUT_END;
    if (status == PS_LINE_TOO_LONG)
        return bad(in, "longer than %d bytes", PS_LINE_MAX);
    if (!in->separator)
        in->separator = memchr(text, '\t', length) ? '\t' : ',';
    if (in->separator == ',' && memchr(text, '"', length))
        return split_quoted(in, text, length, event, err);
    return split_plain(in, text, length, event);
}

const char *ps_input_reason(const struct ps_input *in)
{
    return in->reason;
}

uint64_t ps_input_line(const struct ps_input *in)
{
    return in->line;
}

uint64_t ps_input_consumed(const struct ps_input *in)
{
    return ps_lines_consumed(in->lines);
}
