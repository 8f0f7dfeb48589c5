/* prepare_sessions.c - see prepare_sessions.h. */
#include "cli/prepare_sessions.h"
#include "cli/arguments.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    KEY_SESSIONS = 2000,
    KEY_SESSION,
    KEY_GAP,
    KEY_FORMAT,
    KEY_POSITION,
    KEY_STEP,
    KEY_FEEDBACK,
    KEY_LAST,
    KEY_MIN_LENGTH,
    KEY_MIN_COUNT,
    KEY_LAST_ITEM,
    KEY_TEST_FROM
};

static const struct argp_option options[] = {
    {0, 0, NULL, 0, "Sessions:", 5},
    {"sessions", KEY_SESSIONS, NULL, 0, "Prepare sessions: sequences of events, of which the next one is to be foretold", 5},
    {"session-column", KEY_SESSION, "NAME", 0, "Column of the session (default: session, session_id)", 5},
    {"session-gap", KEY_GAP, "TIME|none", 0,
     "A user's events are one session until nothing happens for TIME, as in 30m (s, m, h, d); none: all of them", 5},
    {"format", KEY_FORMAT, "table|lists", 0, "lists: no header, a session a line, items with blanks between them", 5},
    {"position-column", KEY_POSITION, "NAME", 0, "Column that orders a session's events (default: their times)", 5},
    {"step-column", KEY_STEP, "NAME", 0, "Column that is 0 where an item was shown, and nothing was done with it", 5},
    {"feedback", KEY_FEEDBACK, "A,B,...", 0, "Columns of 0 and 1 to keep with every event, as in like,follow", 5},
    {"last", KEY_LAST, "N", 0, "Keep the last N steps of a session; 0: all (default: 50)", 5},
    {"min-length", KEY_MIN_LENGTH, "N", 0, "Drop sessions of fewer than N steps (default: 2)", 5},
    {"min-item-count", KEY_MIN_COUNT, "N", 0, "Drop the events of items that have fewer than N steps (default: 1)", 5},
    {"last-item", KEY_LAST_ITEM, NULL, 0, "Test on every session's last step, validate on the one before", 5},
    {"test-from", KEY_TEST_FROM, "TIME|PART", 0, "Test on all events from a time on, or in the last part of the time", 5},
    {0},
};

static double parse_gap(const char *text, struct argp_state *state)
{
    static const struct {
        char unit;
        double seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    char *end;
    double gap = strtod(text, &end);
    if (!strcmp(text, "none"))
        return INFINITY;
    for (size_t i = 0; i < PS_COUNT(units); i++)
        if (end > text && *end == units[i].unit && !end[1])
            return gap > 0 && gap < 1e9 ? gap * units[i].seconds : (argp_error(state, "--session-gap is not positive"), 0);
    argp_error(state, "--session-gap takes a time with its unit, as in 90s, 30m, 8h or 1d, or none, not '%s'", text);
    return 0;
}

/* Columns of feedback: their names are kept in dataset.yaml. */
static void parse_feedback(struct ps_prepare_options *o, char *text, struct argp_state *state)
{
    struct ps_session_rules *r = &o->sessions;
    for (char *at = text; at; r->feedbacks++) {
        size_t length = strcspn(at, ",");
        if (r->feedbacks == PS_MAX_FEEDBACKS)
            argp_error(state, "--feedback takes at most %d columns", PS_MAX_FEEDBACKS);
        if (!length || length >= sizeof r->feedback[0])
            argp_error(state, "--feedback takes names of columns of 1 to %zu bytes, as in like,follow", sizeof r->feedback[0] - 1);
        memset(r->feedback[r->feedbacks], 0, sizeof r->feedback[0]);
        memcpy(r->feedback[r->feedbacks], at, length);
        o->format.column[PS_COLUMN_FEEDBACK + r->feedbacks] = r->feedback[r->feedbacks];
        at = at[length] ? at + length + 1 : NULL;
    }
}

static void parse_from(struct ps_session_rules *r, const char *text, struct argp_state *state)
{
    char *end;
    r->from = strtod(text, &end);
    if (end == text || *end || !(r->from > 0 && r->from < 1e11))
        argp_error(state, "--test-from takes a time in seconds, or a part between 0 and 1, not '%s'", text);
    r->from_fraction = r->from < 1;
}

static void set_test(struct ps_session_rules *r, enum ps_session_test test, struct argp_state *state)
{
    if (r->test != PS_TEST_NONE)
        argp_error(state, "only one of --test, --test-from and --last-item says what the test is");
    r->test = test;
}

static error_t parse(int key, char *value, struct argp_state *state)
{
    static const char *const formats[] = {"table", "lists", NULL};
    struct ps_session_arguments *a = state->input;
    struct ps_prepare_options *o = a->o;
    struct ps_session_rules *r = &o->sessions;
    if (key > KEY_SESSIONS && key <= KEY_TEST_FROM)
        for (size_t i = 0; options[i].doc; i++)
            if (options[i].key == key)
                a->own = options[i].name;
    switch (key) {
    case KEY_SESSIONS: r->enabled = true; return 0;
    case KEY_SESSION: o->format.column[PS_COLUMN_SESSION] = value; return 0;
    case KEY_GAP: r->gap = parse_gap(value, state); return 0;
    case KEY_FORMAT:
        if (ps_argument_choice("--format", value, formats, state) == 1)
            o->format.rows = PS_ROWS_LISTS;
        return 0;
    case KEY_POSITION: o->format.column[PS_COLUMN_POSITION] = value; return 0;
    case KEY_STEP: o->format.column[PS_COLUMN_STEP] = value; return 0;
    case KEY_FEEDBACK: parse_feedback(o, value, state); return 0;
    case KEY_LAST: r->last = ps_argument_count("--last", value, 0, UINT32_MAX, state); return 0;
    case KEY_MIN_LENGTH: r->min_length = ps_argument_count("--min-length", value, 2, UINT32_MAX, state); return 0;
    case KEY_MIN_COUNT: r->min_item_count = ps_argument_count("--min-item-count", value, 1, UINT32_MAX, state); return 0;
    case KEY_LAST_ITEM: set_test(r, PS_TEST_LAST_ITEM, state); return 0;
    case KEY_TEST_FROM:
        set_test(r, PS_TEST_FROM, state);
        parse_from(r, value, state);
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

const struct argp ps_session_options = {options, parse, NULL, NULL, NULL, NULL, NULL};

static void finish_valid(struct ps_session_arguments *a, struct argp_state *state)
{
    struct ps_session_rules *r = &a->o->sessions;
    bool none = a->valid && !strcmp(a->valid, "none");
    r->valid = none ? 0 : 0.1;
    if (!a->valid || none)
        return;
    char *end;
    r->valid = strtod(a->valid, &end);
    if (end == a->valid || *end || !(r->valid > 0 && r->valid < 1))
        argp_error(state, "--valid takes a part of the training sessions between 0 and 1, or none, not '%s'", a->valid);
    if (r->test == PS_TEST_LAST_ITEM)
        argp_error(state, "--last-item validates on the step before the last; --valid takes none beside it");
}

void ps_session_arguments_finish(struct ps_session_arguments *a, struct argp_state *state)
{
    struct ps_prepare_options *o = a->o;
    struct ps_session_rules *r = &o->sessions;
    bool none = a->test && !strcmp(a->test, "none");
    if (!r->enabled && a->own)
        argp_error(state, "--%s is for sessions; say --sessions, too", a->own);
    if (!r->enabled)
        return;
    if (a->other)
        argp_error(state, "--%s is for interactions, not for --sessions", a->other);
    if (a->test && !none) {
        set_test(r, PS_TEST_GIVEN, state);
        o->test_path = a->test;
    } else if (none ? r->test != PS_TEST_NONE : r->test == PS_TEST_NONE) {
        argp_error(state, "--sessions wants one of --test FILE, --test-from, --last-item and --test none");
    }
    finish_valid(a, state);
    if (r->gap > 0 && (o->format.rows == PS_ROWS_LISTS || o->format.column[PS_COLUMN_SESSION]))
        argp_error(state, "--session-gap finds the sessions, which --format lists and --session-column have already");
    if (o->format.rows != PS_ROWS_LISTS)
        o->format.rows = r->gap > 0 ? PS_ROWS_USERS : PS_ROWS_SESSIONS;
    if (o->format.column[PS_COLUMN_POSITION] && (r->test == PS_TEST_FROM || (r->gap > 0 && r->gap < INFINITY)))
        argp_error(state, "--test-from and --session-gap order events by time, so --position-column cannot");
    if (r->last && r->last < r->min_length)
        argp_error(state, "--last keeps fewer steps than --min-length wants");
    r->forget_test = o->rules.forget_test;
}
