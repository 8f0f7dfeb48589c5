/* sessions_report.c - the statistics of a preparation of sessions; see prepare_report.h. */
#include "data/prepare_report.h"

#include <inttypes.h>

static const char *const test_names[] = {"none", "given", "last-item", "from"};

static void print_training(const struct ps_session_stats *s, FILE *to)
{
    char note[96], label[96];
    snprintf(note, sizeof note, "%.2f steps each, the longest of all has %" PRIu64, (double)s->train_steps / (double)s->train,
             s->longest);
    ps_report_count(to, "sessions in training", s->train, note);
    ps_report_count(to, "  steps", s->train_steps, "");
    ps_report_count(to, "  targets: steps with a step before them", s->targets, "");
    for (uint32_t k = 0; s->operations > 1 && k < s->operations; k++) {
        snprintf(label, sizeof label, "  steps of operation '%s'", s->operation[k]);
        snprintf(note, sizeof note, "%.1f %%", ps_report_percent(s->operation_steps[k], s->train_steps));
        ps_report_count(to, label, s->operation_steps[k], note);
    }
    ps_report_if(to, "  items shown, and nothing done with them", s->shown, "");
}

static void print_cases(const char *split, uint64_t cases, uint64_t cold, FILE *to)
{
    char note[96], label[96];
    snprintf(label, sizeof label, "%s cases", split);
    snprintf(note, sizeof note, "%.1f %% have a cold target", ps_report_percent(cold, cases));
    ps_report_count(to, label, cases, cold ? note : "");
}

void ps_report_sessions(const struct ps_prepare_options *o, const struct ps_prepare_stats *stats, FILE *to)
{
    const struct ps_session_stats *s = &stats->sessions;
    const struct ps_session_rules *r = &o->sessions;
    char note[96], label[96];
    snprintf(note, sizeof note, stats->kept[PS_ITEMS] ? "(%" PRIu64 " new)" : "", stats->shape.items - stats->kept[PS_ITEMS]);
    ps_report_count(to, "items", stats->shape.items, note);
    snprintf(note, sizeof note, "in no step of training; %.1f %% of the held-out events",
             ps_report_percent(s->cold_events, s->events - s->train_events));
    ps_report_if(to, "  of them cold", s->cold_items, note);
    ps_report_if(to, "users", s->visitors, "");
    print_training(s, to);
    for (uint32_t k = 0; k < r->feedbacks; k++) {
        snprintf(label, sizeof label, "  events with '%s'", r->feedback[k]);
        snprintf(note, sizeof note, "%.2f %%", ps_report_percent(s->feedback_events[k], s->train_events));
        ps_report_count(to, label, s->feedback_events[k], note);
    }
    snprintf(note, sizeof note, "%" PRIu64 " of them for validation", s->valid_sessions);
    ps_report_count(to, "sessions held out, or the ends of them", s->held, s->valid_sessions ? note : "");
    print_cases("validation", s->valid_cases, s->cold_valid, to);
    print_cases("test", s->test_cases, s->cold_test, to);
    snprintf(note, sizeof note, "(dropped, with %" PRIu64 " steps)", s->dropped);
    snprintf(label, sizeof label, "sessions of fewer than %" PRIu64 " steps", r->min_length);
    ps_report_if(to, label, s->short_sessions, note);
    snprintf(label, sizeof label, "events before the last %" PRIu64 " of a session", r->last);
    ps_report_if(to, label, s->trimmed, "(dropped)");
    snprintf(note, sizeof note, "(dropped, with %" PRIu64 " events)", s->rare_events);
    snprintf(label, sizeof label, "items of fewer than %" PRIu64 " steps", r->min_item_count);
    ps_report_if(to, label, s->rare_items, note);
}

void ps_report_sessions_yaml(const struct ps_prepare_options *o, const struct ps_prepare_stats *stats, FILE *out)
{
    const struct ps_session_stats *s = &stats->sessions;
    const struct ps_session_rules *r = &o->sessions;
    fprintf(out, "  test: %s\n  valid: %.17g\n  last: %" PRIu64 "\n  min_length: %" PRIu64 "\n  min_item_count: %" PRIu64 "\n",
            test_names[r->test], r->valid, r->last, r->min_length, r->min_item_count);
    fprintf(out, "  from: %.17g\n  gap: %.17g\n  forget_test: %s\n  id_seed: %" PRIu64 "\n", r->from, r->gap,
            r->forget_test ? "yes" : "no", o->id_seed);
    ps_report_reading(out, stats);
    fprintf(out, "  train_steps: %" PRIu64 "\n  shown: %" PRIu64 "\n", s->train_steps, s->shown);
    ps_report_list(out, "operation_steps", s->operation_steps, s->operations);
    ps_report_list(out, "feedback_events", s->feedback_events, r->feedbacks);
    fprintf(out, "  cold_items: %" PRIu64 "\n  cold_events: %" PRIu64 "\n  cold_valid: %" PRIu64 "\n  cold_test: %" PRIu64 "\n",
            s->cold_items, s->cold_events, s->cold_valid, s->cold_test);
    fprintf(out,
            "  short_sessions: %" PRIu64 "\n  short_steps: %" PRIu64 "\n  trimmed: %" PRIu64 "\n  rare_items: %" PRIu64
            "\n  rare_events: %" PRIu64 "\n",
            s->short_sessions, s->dropped, s->trimmed, s->rare_items, s->rare_events);
}
