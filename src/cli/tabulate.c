/* tabulate.c - the outputs of a table; see tabulate.h. */
#include "cli/tabulate.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void ps_results_fini(struct ps_results *results)
{
    for (int r = 0; r < PS_EXP_ROWS; r++)
        for (int c = 0; c < PS_EXP_COLUMNS; c++)
            free(results->entry[r][c].settings), free(results->entry[r][c].curve.point);
}

void ps_results_mean(const struct ps_results *results, int row, int column, int metric, double *mean, double *spread)
{
    const struct ps_entry *entry = &results->entry[row][column];
    double sum = 0, squares = 0;
    for (int i = 0; i < entry->runs; i++)
        sum += entry->value[metric][i];
    *mean = entry->runs ? sum / entry->runs : NAN;
    for (int i = 0; i < entry->runs; i++)
        squares += (entry->value[metric][i] - *mean) * (entry->value[metric][i] - *mean);
    *spread = entry->runs > 1 ? sqrt(squares / (entry->runs - 1)) : 0;
    if (results->experiment->standard_error && entry->runs)
        *spread /= sqrt(entry->runs);
}

/* "0.5300 ±0.0036", "n/a". */
static void put_cell(const struct ps_results *results, int row, int column, int metric, char text[32])
{
    double mean, spread;
    ps_results_mean(results, row, column, metric, &mean, &spread);
    if (*results->entry[row][column].absent || isnan(mean))
        snprintf(text, 32, "n/a");
    else if (ps_experiment_counts(results->experiment->column[column].metric[metric]))
        snprintf(text, 32, "%.0f", mean);
    else if (spread > 0)
        snprintf(text, 32, "%.4f ±%.4f", mean, spread);
    else
        snprintf(text, 32, "%.4f", mean);
}

/* "hr@100" as people write it: "HR@100". */
static void put_metric(const char *metric, char text[32])
{
    snprintf(text, 32, "%s", metric);
    for (int i = 0; text[i] && !ps_experiment_counts(metric); i++)
        text[i] = (char)toupper((unsigned char)text[i]);
}

/* Whether any row was tuned. */
static bool tuned(const struct ps_results *results)
{
    bool any = false;
    for (int r = 0; r < results->experiment->rows; r++)
        for (int c = 0; c < results->experiment->columns; c++)
            any |= results->entry[r][c].trials > 0;
    return any;
}

/* Letters that a terminal shows of UTF-8. */
static int width(const char *text)
{
    int count = 0;
    for (; *text; text++)
        count += (*text & 0xc0) != 0x80;
    return count;
}

static void put_padded(const char *text, int to_width, FILE *to)
{
    fprintf(to, "%s%*s", text, PS_MAX(to_width - width(text), 0), "");
}

static void put_head(const struct ps_results *results, const char *line_end, FILE *to)
{
    const struct ps_experiment *e = results->experiment;
    fprintf(to, "%s%s", e->title, line_end);
    if (*e->source)
        fprintf(to, "Paper: %s%s", e->source, line_end);
    if (*e->protocol)
        fprintf(to, "%s%s", e->protocol, line_end);
    if (*results->protocol)
        fprintf(to, "%s%s", results->protocol, line_end);
    if (tuned(results))
        fprintf(to, "Tuned on validation pairs by %s: %d trial%s a row (%s, %d epochs at most), seed %llu; the best trial is trained on all training data, for "
                "its number of epochs.%s", e->select, e->budget.trials, e->budget.trials == 1 ? "" : "s",
                e->budget.halving ? "successive halving" : "random search", e->budget.epochs, (unsigned long long)e->budget.seed, line_end);
    fprintf(to, "Trained with the seed%s", e->seeds == 1 ? "" : "s");
    for (int i = 0; i < e->seeds; i++)
        fprintf(to, "%s %llu", i ? "," : "", (unsigned long long)e->seed[i]);
    fprintf(to, "%s.%s", e->seeds == 1 ? "" : e->standard_error ? "; mean ±standard error" : "; mean ±standard deviation", line_end);
}

/* Why cells are empty, and what failed. */
static void put_notes(const struct ps_results *results, const char *line_end, FILE *to)
{
    const struct ps_experiment *e = results->experiment;
    for (int c = 0; c < e->columns; c++)
        if (e->column[c].missing)
            fprintf(to, "n/a in %s: %s.%s", *e->column[c].name ? e->column[c].name : "all cells", e->column[c].missing, line_end);
    for (int r = 0; r < e->rows; r++)
        for (int c = 0; c < e->columns; c++) {
            const struct ps_entry *entry = &results->entry[r][c];
            if (e->column[c].missing || (c && !entry->failed && !strcmp(entry->absent, results->entry[r][c - 1].absent)))
                continue;
            if (*entry->absent)
                fprintf(to, "n/a in row %s%s%s: %s.%s", e->row[r].name, *e->column[c].name ? ", " : "", e->column[c].name, entry->absent, line_end);
            if (entry->failed)
                fprintf(to, "%s%s%s: %d of %d trials failed.%s", e->row[r].name, *e->column[c].name ? ", " : "", e->column[c].name, entry->failed,
                        entry->trials, line_end);
        }
}

/* ---- text: a block for each column, the paper's numbers, where a row has any, above ours ---- */

static void put_line(const struct ps_results *results, int row, int column, bool paper, int name_width, FILE *to)
{
    const struct ps_experiment *e = results->experiment;
    put_padded(paper || !e->row[row].paper ? e->row[row].name : "", name_width, to);
    fputs(paper ? "  paper" : "  ours ", to);
    for (int m = 0; m < e->column[column].metrics; m++) {
        char cell[32];
        const char *text = paper ? ps_experiment_paper(e, row, column, m) : cell;
        if (!paper)
            put_cell(results, row, column, m, cell);
        fputs("  ", to);
        put_padded(text ? text : "-", 14, to);
    }
    fputc('\n', to);
}

void ps_results_text(const struct ps_results *results, FILE *to)
{
    const struct ps_experiment *e = results->experiment;
    int name_width = 0;
    put_head(results, "\n", to);
    for (int r = 0; r < e->rows; r++)
        name_width = PS_MAX(name_width, width(e->row[r].name));
    for (int c = 0; c < e->columns; c++) {
        fprintf(to, "\n%s%s", e->column[c].name, *e->column[c].name ? "\n" : "");
        fprintf(to, "%*s  %5s", name_width, "", "");
        for (int m = 0; m < e->column[c].metrics; m++) {
            char metric[32];
            put_metric(e->column[c].metric[m], metric);
            fputs("  ", to);
            put_padded(metric, 14, to);
        }
        fputc('\n', to);
        for (int r = 0; r < e->rows; r++) {
            if (e->row[r].paper)
                put_line(results, r, c, true, name_width, to);
            put_line(results, r, c, false, name_width, to);
        }
    }
    fputc('\n', to);
    put_notes(results, "\n", to);
}

/* ---- Markdown and TSV ---- */

void ps_results_markdown(const struct ps_results *results, FILE *to)
{
    const struct ps_experiment *e = results->experiment;
    put_head(results, "\n\n", to);
    fputs("| | |", to);
    for (int c = 0; c < e->columns; c++)
        for (int m = 0; m < e->column[c].metrics; m++) {
            char metric[32];
            put_metric(e->column[c].metric[m], metric);
            fprintf(to, " %s%s%s |", e->column[c].name, *e->column[c].name ? ": " : "", metric);
        }
    fputs("\n|---|---|", to);
    for (int c = 0; c < e->columns; c++)
        for (int m = 0; m < e->column[c].metrics; m++)
            fputs("---|", to);
    for (int line = 0; line < 2 * e->rows; line++) {
        int row = line / 2;
        if (line % 2 == 0 && !e->row[row].paper)
            continue;
        fprintf(to, "\n| %s | %s |", line % 2 && e->row[row].paper ? "" : e->row[row].name, line % 2 ? "ours" : "paper");
        for (int c = 0; c < e->columns; c++)
            for (int m = 0; m < e->column[c].metrics; m++) {
                char cell[32];
                const char *text = line % 2 ? cell : ps_experiment_paper(e, row, c, m);
                if (line % 2)
                    put_cell(results, row, c, m, cell);
                fprintf(to, " %s |", text ? text : "");
            }
    }
    fputs("\n\n", to);
    put_notes(results, "\n\n", to);
}

void ps_results_tsv(const struct ps_results *results, FILE *to)
{
    const struct ps_experiment *e = results->experiment;
    fprintf(to, "row\tcolumn\tmetric\tpaper\tmean\t%s\truns\tepochs\tsettings\ttrials\tfailed\tremark\n", e->standard_error ? "standard_error" : "deviation");
    for (int r = 0; r < e->rows; r++)
        for (int c = 0; c < e->columns; c++)
            for (int m = 0; m < e->column[c].metrics; m++) {
                const struct ps_entry *entry = &results->entry[r][c];
                const char *paper = ps_experiment_paper(e, r, c, m);
                fprintf(to, "%s\t%s\t%s\t%s\t", e->row[r].name, e->column[c].name, e->column[c].metric[m], paper ? paper : "");
                double mean, spread;
                ps_results_mean(results, r, c, m, &mean, &spread);
                if (*entry->absent || isnan(mean))
                    fputs("n/a\t\t", to);
                else
                    fprintf(to, "%.8f\t%.8f\t", mean, spread);
                fprintf(to, "%d\t%d\t%s\t%d\t%d\t%s\n", entry->runs, entry->epochs, entry->settings ? entry->settings : "", entry->trials, entry->failed,
                        entry->absent);
            }
}
