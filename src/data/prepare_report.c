/* prepare_report.c - the statistics of a preparation, for people and for dataset.yaml; see prepare.h. */
#include "data/prepare_report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *const rule_names[] = {"none", "given", "random", "last-by-time", "last-by-position"};

/* 1234567 as "1,234,567". */
static const char *grouped(uint64_t number, char text[32])
{
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%" PRIu64, number), used = 0;
    for (int i = 0; i < length; i++) {
        if (i && (length - i) % 3 == 0)
            text[used++] = ',';
        text[used++] = digits[i];
    }
    text[used] = 0;
    return text;
}

void ps_report_count(FILE *to, const char *what, uint64_t number, const char *note)
{
    char text[32];
    fprintf(to, "%-44s %15s%s%s\n", what, grouped(number, text), note[0] ? "  " : "", note);
}

void ps_report_if(FILE *to, const char *what, uint64_t number, const char *note)
{
    if (number)
        ps_report_count(to, what, number, note);
}

double ps_report_percent(uint64_t part, uint64_t whole)
{
    return whole ? 100 * (double)part / (double)whole : 0;
}

/* "test" or "valid": how many, how many of them the user has touched before, and what was wrong with given pairs. */
static void print_held_out(FILE *to, const char *what, enum ps_holdout rule, uint64_t pairs, const uint64_t *seen,
                           const struct ps_dataset_shape *shape)
{
    char text[96], label[64];
    snprintf(text, sizeof text, "(%s)", rule_names[rule]);
    snprintf(label, sizeof label, "%s pairs", what);
    ps_report_count(to, label, pairs, text);
    for (uint32_t b = 0; pairs && b + 1 < shape->behaviours; b++) {
        snprintf(label, sizeof label, "  of them already in training as %s", shape->behaviour[b]);
        snprintf(text, sizeof text, "%.1f %%", ps_report_percent(seen[b], pairs));
        ps_report_count(to, label, seen[b], text);
    }
}

static void print_split(const struct ps_prepare_options *o, const struct ps_prepare_stats *s, FILE *to)
{
    const struct ps_dataset_shape *shape = &s->shape;
    char label[96];
    print_held_out(to, "validation", o->rules.valid, s->totals.valid, s->split.valid_seen, shape);
    print_held_out(to, "test", o->rules.test, s->totals.test, s->split.test_seen, shape);
    ps_report_if(to, "given test pairs taken out of training", s->split.test_in_training, "");
    ps_report_if(to, "given validation pairs taken out of training", s->split.valid_in_training, "");
    ps_report_if(to, "given validation pairs dropped: in the test", s->split.valid_in_test, "");
    ps_report_if(to, "given pairs named more than once", s->split.repeated_pairs, "");
    for (uint32_t b = 0; b < shape->behaviours; b++) {
        snprintf(label, sizeof label, "%s events later than a held-out pair", shape->behaviour[b]);
        ps_report_if(to, label, s->split.future[b], "(dropped; --keep-future keeps them)");
        snprintf(label, sizeof label, "validation pairs hidden from %s", shape->behaviour[b]);
        ps_report_if(to, label, s->split.hidden[b], "");
        snprintf(label, sizeof label, "%s interactions left out by --sample", shape->behaviour[b]);
        ps_report_if(to, label, s->split.left_out[b], "");
    }
}

static void print_features(const struct ps_prepare_stats *s, FILE *to)
{
    const struct ps_dataset_shape *shape = &s->shape;
    for (uint32_t f = 0; f < s->features; f++) {
        const struct ps_feature *feature = &s->feature[f].feature;
        char label[96], note[128], fresh[48] = "";
        snprintf(label, sizeof label, "values of %s feature %s", ps_feature_side(feature->side), feature->name);
        if (s->feature[f].kept)
            snprintf(fresh, sizeof fresh, ", %" PRIu64 " new", feature->values - s->feature[f].kept);
        snprintf(note, sizeof note, "(%.1f %% of the %ss have some, %" PRIu64 " pairs%s)",
                 ps_report_percent(s->feature[f].owners, feature->side == PS_USERS ? shape->users : shape->items),
                 ps_feature_side(feature->side), feature->pairs, fresh);
        ps_report_count(to, label, feature->values, note);
    }
    ps_report_if(to, "lines of features of unknown users", s->unknown_owner[PS_USERS], "(passed over)");
    ps_report_if(to, "lines of features of unknown items", s->unknown_owner[PS_ITEMS], "(passed over)");
}

static void print_interactions(const struct ps_prepare_options *o, const struct ps_prepare_stats *s, FILE *to)
{
    const struct ps_dataset_shape *shape = &s->shape;
    char note[96], label[96];
    double pairs = (double)shape->users * (double)shape->items;
    snprintf(note, sizeof note, s->kept[PS_USERS] ? "(%" PRIu64 " new)" : "", shape->users - s->kept[PS_USERS]);
    ps_report_count(to, "users", shape->users, note);
    snprintf(note, sizeof note, s->kept[PS_ITEMS] ? "(%" PRIu64 " new)" : "", shape->items - s->kept[PS_ITEMS]);
    ps_report_count(to, "items", shape->items, note);
    for (uint32_t b = 0; b < shape->behaviours; b++) {
        snprintf(label, sizeof label, "%s interactions in training", shape->behaviour[b]);
        snprintf(note, sizeof note, "density %.2g %%%s", 100 * (double)s->totals.interactions[b] / pairs,
                 b + 1 == shape->behaviours ? ", the target" : "");
        ps_report_count(to, label, s->totals.interactions[b], note);
        snprintf(label, sizeof label, "  duplicates merged to the %s one", o->rules.last_duplicate ? "last" : "first");
        ps_report_if(to, label, s->split.duplicates[b], "");
    }
    ps_report_count(to, "distinct (user, item) pairs in training", s->totals.union_pairs, "");
    print_split(o, s, to);
    ps_report_if(to, "users without training interactions", s->totals.untrained_users, "");
    ps_report_if(to, "items without training interactions", s->totals.untrained_items,
             s->features ? "" : "(ranked by chance)");
    ps_report_if(to, "held-out lines of other behaviours", s->not_target, "(passed over)");
}

void ps_prepare_print(const struct ps_prepare_options *o, const struct ps_prepare_stats *s, FILE *to)
{
    char note[96], label[96];
    if (o->sessions.enabled)
        ps_report_sessions(o, s, to);
    else
        print_interactions(o, s, to);
    print_features(s, to);
    ps_report_if(to, "events before --since", s->early, "(passed over)");
    for (int i = 0; i < s->unknown_behaviours; i++) {
        snprintf(label, sizeof label, "lines of behaviour '%s'", s->unknown_behaviour[i].name);
        ps_report_count(to, label, s->unknown_behaviour[i].lines, "(passed over)");
    }
    ps_report_if(to, "lines of unknown behaviours, in all", s->unknown_behaviours == PS_UNKNOWN_SHOWN ? s->unknown : 0, "");
    ps_report_count(to, "bad lines", s->bad, "");
    snprintf(note, sizeof note, "in %.1f s", s->seconds);
    ps_report_count(to, "lines read", s->lines, note);
}

void ps_report_list(FILE *out, const char *key, const uint64_t *number, uint32_t count)
{
    fprintf(out, "  %s: [", key);
    for (uint32_t b = 0; b < count; b++)
        fprintf(out, "%s%" PRIu64, b ? ", " : "", number[b]);
    fputs("]\n", out);
}

void ps_report_quoted(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c < ' ' || c >= 0x7f)
            fprintf(out, "\\x%02X", c);
        else
            fprintf(out, "%s%c", c == '"' || c == '\\' ? "\\" : "", c);
    }
    fputc('"', out);
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static void put_feature_files(const struct ps_prepare_options *o, const struct ps_prepare_stats *s, FILE *out)
{
    fprintf(out, "  unknown_users: %" PRIu64 "\n  unknown_items: %" PRIu64 "\nfeature_files: [", s->unknown_owner[PS_USERS],
            s->unknown_owner[PS_ITEMS]);
    for (int i = 0; i < o->feature_files; i++) {
        fputs(i ? ", " : "", out);
        ps_report_quoted(out, base_name(o->feature_file[i].path));
    }
    fputs("]\n", out);
}

void ps_report_inputs(FILE *out, const struct ps_prepare_options *o)
{
    fputs("prepared:\n  input: [", out);
    for (int i = 0; i < o->inputs; i++) {
        fputs(i ? ", " : "", out);
        ps_report_quoted(out, base_name(o->input[i].path));
    }
    fputs("]\n", out);
}

void ps_report_reading(FILE *out, const struct ps_prepare_stats *s)
{
    fprintf(out, "statistics:\n  lines: %" PRIu64 "\n  bad: %" PRIu64 "\n  unknown_behaviour: %" PRIu64 "\n  early: %" PRIu64 "\n",
            s->lines, s->bad, s->unknown, s->early);
    fprintf(out, "  new: [%" PRIu64 ", %" PRIu64 "]\n", s->shape.users - s->kept[PS_USERS], s->shape.items - s->kept[PS_ITEMS]);
    if (s->first <= s->last)
        fprintf(out, "  times: [%" PRId64 ", %" PRId64 "]\n", ps_seconds_of(s->first), ps_seconds_of(s->last));
}

static void put_interactions(const struct ps_prepare_options *o, const struct ps_prepare_stats *s, FILE *out)
{
    const struct ps_split_rules *r = &o->rules;
    fprintf(out, "  valid: %s\n  test: %s\n", rule_names[r->valid], rule_names[r->test]);
    fprintf(out, "  keep_targets: %" PRIu32 "\n  keep_future: %s\n  duplicates: %s\n  hide_weaker: %.17g\n",
            r->keep_targets, r->keep_future ? "yes" : "no", r->last_duplicate ? "last" : "first", r->hide_weaker);
    fprintf(out, "  forget_test: %s\n  sample: [", r->forget_test ? "yes" : "no");
    for (uint32_t b = 0; b < r->behaviours; b++)
        fprintf(out, "%s%.17g", b ? ", " : "", 1 - r->leave_out[b]);
    fprintf(out, "]\n  seed: %" PRIu64 "\n  id_seed: %" PRIu64 "\n", r->seed, o->id_seed);
    ps_report_reading(out, s);
    ps_report_list(out, "events", s->events, r->behaviours);
    ps_report_list(out, "duplicates", s->split.duplicates, r->behaviours);
    ps_report_list(out, "future", s->split.future, r->behaviours);
    ps_report_list(out, "hidden", s->split.hidden, r->behaviours);
    ps_report_list(out, "left_out", s->split.left_out, r->behaviours);
    ps_report_list(out, "valid_seen", s->split.valid_seen, r->behaviours);
    ps_report_list(out, "test_seen", s->split.test_seen, r->behaviours);
    fprintf(out, "  test_in_training: %" PRIu64 "\n  valid_in_training: %" PRIu64 "\n  valid_in_test: %" PRIu64 "\n",
            s->split.test_in_training, s->split.valid_in_training, s->split.valid_in_test);
    fprintf(out, "  untrained_users: %" PRIu64 "\n  untrained_items: %" PRIu64 "\n", s->totals.untrained_users,
            s->totals.untrained_items);
}

char *ps_prepare_yaml(const struct ps_prepare_options *o, const struct ps_prepare_stats *s)
{
    struct ps_text text;
    FILE *out = ps_text_open(&text);
    ps_report_inputs(out, o);
    if (o->sessions.enabled)
        ps_report_sessions_yaml(o, s, out);
    else
        put_interactions(o, s, out);
    if (o->feature_files)
        put_feature_files(o, s, out);
    return ps_text_close(&text);
}
