/* fields.c - header, separators and quotes of tables; see fields.h. */
#include "data/fields.h"
#include "data/lines.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct ps_fields {
    char *path;             /* owned */
    struct ps_lines *lines; /* owned */
    char separator;         /* 0: the first line of data shows it */
    int columns;
    char *header; /* owned; the names are in it */
    struct ps_slice name[PS_TABLE_COLUMNS], field[PS_TABLE_COLUMNS];
    char *record; /* owned; a CSV record with quotes, its fields unquoted in place */
    size_t record_capacity;
    uint64_t line;
    char reason[200], list[400];
};

bool ps_slice_number(struct ps_slice field, double *value)
{
    char copy[64], *stop;
    size_t plain = 0;
    while (plain < field.length && strchr("0123456789+-.eE", field.text[plain]) && field.text[plain])
        plain++;
    if (plain != field.length || field.length >= sizeof copy || !field.length)
        return false;
    memcpy(copy, field.text, field.length);
    copy[field.length] = 0;
    *value = strtod(copy, &stop);
    return !*stop;
}

/* The next field of a TSV, or of a CSV line that has no quotes. *at moves behind its separator; NULL at the end. */
static struct ps_slice next_field(const char **at, const char *end, char separator)
{
    const char *stop = memchr(*at, separator, (size_t)(end - *at));
    struct ps_slice field = {*at, (size_t)((stop ? stop : end) - *at)};
    *at = stop ? stop + 1 : NULL;
    return field;
}

/* The next field with RFC 4180 quotes, unquoted in place. False where the closing quote is not followed by a separator
 * or by the end; *open tells that it is missing. */
static bool next_quoted_field(char **at, char *end, char separator, struct ps_slice *field, bool *open)
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
    *field = (struct ps_slice){begin, (size_t)(to - begin)};
    if (*open || (from + 1 < end && from[1] != separator))
        return false;
    *at = from + 1 < end ? from + 2 : NULL;
    return true;
}

/* ---- header ---- */

struct ps_slice ps_fields_name(const struct ps_fields *f, int column, const char **type)
{
    static const char *const types[] = {"token", "float", "token_seq", "float_seq"};
    struct ps_slice name = f->name[column];
    *type = "";
    for (size_t i = 0; i < PS_COUNT(types); i++) {
        size_t n = strlen(types[i]) + 1;
        if (name.length > n && name.text[name.length - n] == ':' && !memcmp(name.text + name.length - n + 1, types[i], n - 1)) {
            *type = types[i];
            name.length -= n;
            break;
        }
    }
    return name;
}

int ps_fields_find(const struct ps_fields *f, const char *wanted)
{
    for (int c = 0; c < f->columns; c++) {
        const char *type;
        struct ps_slice name = ps_fields_name(f, c, &type);
        if (strlen(wanted) == name.length && !strncasecmp(name.text, wanted, name.length))
            return c;
    }
    return -1;
}

/* What a damaged file holds must not reach a terminal. */
static void make_printable(char *text)
{
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < ' ')
            *c = '?';
}

const char *ps_fields_list(struct ps_fields *f)
{
    size_t used = 0;
    f->list[0] = 0;
    for (int c = 0; c < f->columns && used < sizeof f->list - 80; c++)
        used += (size_t)snprintf(f->list + used, sizeof f->list - used, "%s'%.*s'", c ? ", " : "",
                                 (int)PS_MIN(f->name[c].length, (size_t)40), f->name[c].text);
    make_printable(f->list);
    return f->list;
}

/* Cuts a header into names. */
static int read_header(struct ps_fields *f, const char *text, size_t length, char separator, struct ps_error *err)
{
    char *at = f->header = ps_malloc(length);
    memcpy(at, text, length);
    while (at && f->columns < PS_TABLE_COLUMNS) {
        bool open = false;
        if (!next_quoted_field(&at, f->header + length, separator, &f->name[f->columns++], &open))
            return ps_fail(err, PS_EXIT_DATA, "%s:1: the header has a quote that does not end", f->path);
    }
    return at ? ps_fail(err, PS_EXIT_DATA, "%s:1: more than %d columns", f->path, PS_TABLE_COLUMNS) : 0;
}

int ps_fields_open_lines(struct ps_fields **fields, const char *path, const volatile sig_atomic_t *stop, struct ps_error *err)
{
    struct ps_fields *f = ps_calloc(1, sizeof *f);
    f->path = ps_strdup(strcmp(path, "-") ? path : "standard input");
    int status = ps_lines_open(&f->lines, path, stop, err);
    if (status)
        ps_fields_close(f);
    else
        *fields = f;
    return status;
}

int ps_fields_open(struct ps_fields **fields, const char *path, const char *columns, const volatile sig_atomic_t *stop,
                   struct ps_error *err)
{
    struct ps_fields *f = NULL;
    int status = ps_fields_open_lines(&f, path, stop, err);
    if (!status && columns) {
        status = read_header(f, columns, strlen(columns), ',', err);
    } else if (!status) {
        const char *text = "";
        size_t length = 0;
        status = ps_lines_next(f->lines, &text, &length, err);
        if (status == PS_LINE_END)
            status = ps_fail(err, PS_EXIT_DATA, "%s is empty; a header that names the columns is needed", f->path);
        else if (status == PS_LINE_TOO_LONG || (status > 0 && memchr(text, 0, length)))
            status = ps_fail(err, PS_EXIT_DATA, "%s:1: no header of a text table", f->path);
        if (status > 0) {
            f->separator = memchr(text, '\t', length) ? '\t' : ',';
            status = read_header(f, text, length, f->separator, err);
        }
    }
    if (status) {
        ps_fields_close(f);
        return status;
    }
    *fields = f;
    return 0;
}

void ps_fields_close(struct ps_fields *f)
{
    if (!f)
        return;
    ps_lines_close(f->lines);
    free(f->path);
    free(f->header);
    free(f->record);
    free(f);
}

const char *ps_fields_path(const struct ps_fields *f)
{
    return f->path;
}

int ps_fields_columns(const struct ps_fields *f)
{
    return f->columns;
}

/* ---- lines of data ---- */

int ps_fields_bad(struct ps_fields *f, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(f->reason, sizeof f->reason, format, args);
    va_end(args);
    make_printable(f->reason);
    return PS_INPUT_BAD;
}

static int check_count(struct ps_fields *f, int count)
{
    if (count == f->columns)
        return PS_INPUT_EVENT;
    return ps_fields_bad(f, "%d column%s where there should be %d", count, count == 1 ? "" : "s", f->columns);
}

static int split_plain(struct ps_fields *f, const char *text, size_t length)
{
    const char *at = text, *end = text + length;
    int count = 0;
    while (at) {
        struct ps_slice field = next_field(&at, end, f->separator);
        if (count < f->columns)
            f->field[count] = field;
        count++;
    }
    return check_count(f, count);
}

/* A CSV record with quotes. One that is open at the line's end goes on in the next line. */
static int split_quoted(struct ps_fields *f, const char *text, size_t length, struct ps_error *err)
{
    size_t used = 0;
    for (;;) {
        /* Unquoting is done in a copy behind the record, since an open record is read once more from its beginning. */
        PS_GROW(f->record, f->record_capacity, 2 * (used + length) + 2);
        memcpy(f->record + used, text, length);
        used += length;
        char *at = memcpy(f->record + used, f->record, used), *end = at + used;
        bool open = false, right = true;
        int count = 0;
        while (at && right) {
            struct ps_slice field = {0};
            right = next_quoted_field(&at, end, f->separator, &field, &open);
            if (count < f->columns)
                f->field[count] = field;
            count++;
        }
        if (right)
            return check_count(f, count);
        if (!open)
            return ps_fields_bad(f, "text behind a closing quote");
        f->record[used++] = '\n';
        int status = used > PS_LINE_MAX ? PS_LINE_TOO_LONG : ps_lines_next(f->lines, &text, &length, err);
        if (status < 0)
            return status;
        if (status != PS_LINE_TEXT)
            return ps_fields_bad(f, "a quote that does not end");
    }
}

int ps_fields_next_line(struct ps_fields *f, struct ps_slice *line, struct ps_error *err)
{
    int status;
    line->length = 0;
    do
        status = ps_lines_next(f->lines, &line->text, &line->length, err);
    while (status == PS_LINE_TEXT && line->length == 0);
    f->line = ps_lines_number(f->lines);
    if (status < 0)
        return status;
    if (status == PS_LINE_END)
        return PS_INPUT_END;
    return status == PS_LINE_TOO_LONG ? ps_fields_bad(f, "longer than %d bytes", PS_LINE_MAX) : PS_INPUT_EVENT;
}

int ps_fields_next(struct ps_fields *f, const struct ps_slice **field, struct ps_error *err)
{
    struct ps_slice line;
    int result = ps_fields_next_line(f, &line, err);
    if (result != PS_INPUT_EVENT)
        return result;
    if (!f->separator)
        f->separator = memchr(line.text, '\t', line.length) ? '\t' : ',';
    *field = f->field;
    if (f->separator == ',' && memchr(line.text, '"', line.length))
        return split_quoted(f, line.text, line.length, err);
    return split_plain(f, line.text, line.length);
}

const char *ps_fields_reason(const struct ps_fields *f)
{
    return f->reason;
}

uint64_t ps_fields_line(const struct ps_fields *f)
{
    return f->line;
}

uint64_t ps_fields_consumed(const struct ps_fields *f)
{
    return ps_lines_consumed(f->lines);
}
