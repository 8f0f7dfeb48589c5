/* tabulate_figure.c - the pictures of a table; see tabulate.h. */
#include "cli/tabulate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/plot.h"

int ps_results_figures(const struct ps_results *results)
{
    const struct ps_experiment *e = results->experiment;
    return e->axis == PS_AXIS_COLUMNS ? e->column[0].metrics : e->axis == PS_AXIS_EPOCHS ? 2 : 0;
}

/* A row's points: over columns its means, over epochs the validations of the trial that was chosen in the first column. */
static int take_points(const struct ps_results *results, int row, int number, double *x, double *y, double *error)
{
    const struct ps_experiment *e = results->experiment;
    const struct ps_curve *curve = &results->entry[row][0].curve;
    for (int i = 0; e->axis == PS_AXIS_EPOCHS && i < curve->points; i++) {
        x[i] = curve->point[i].epoch;
        y[i] = number ? curve->point[i].ndcg : curve->point[i].hr;
        error[i] = 0;
    }
    for (int c = 0; e->axis == PS_AXIS_COLUMNS && c < e->columns; c++) {
        x[c] = c;
        y[c] = NAN;
        error[c] = 0;
        if (number < e->column[c].metrics && !*results->entry[row][c].absent)
            ps_results_mean(results, row, c, number, &y[c], &error[c]);
    }
    return e->axis == PS_AXIS_EPOCHS ? curve->points : e->columns;
}

void ps_results_svg(const struct ps_results *results, int number, char name[64], FILE *to)
{
    const struct ps_experiment *e = results->experiment;
    bool epochs = e->axis == PS_AXIS_EPOCHS;
    struct ps_series series[PS_EXP_ROWS];
    const char *category[PS_EXP_COLUMNS];
    double *points[PS_EXP_ROWS];
    int count = 0;
    char metric[48];
    snprintf(metric, sizeof metric, "%s", e->column[0].metric[epochs ? 0 : number]);
    if (epochs)
        snprintf(metric, sizeof metric, "%s%s", number ? "ndcg" : "hr", strchr(e->select, '@'));
    snprintf(name, 64, "figure-%s", metric);
    for (int c = 0; c < e->columns; c++)
        category[c] = e->column[c].name;
    for (int r = 0; r < e->rows; r++) {
        if (!ps_experiment_in_figure(e, r))
            continue;
        size_t room = (size_t)PS_MAX(results->entry[r][0].curve.points, e->columns);
        double *x = points[count] = ps_malloc(3 * room * sizeof *x);
        series[count] = (struct ps_series){.name = e->row[r].name, .x = x, .y = x + room, .error = x + 2 * room};
        series[count].points = take_points(results, r, number, x, x + room, x + 2 * room);
        count++;
    }
    char *title = ps_format("%s%s", e->title, epochs ? " (validation)" : "");
    struct ps_plot plot = {.title = title, .x_label = epochs ? "epochs" : "", .y_label = metric, .category = epochs ? NULL : category,
                           .categories = epochs ? 0 : e->columns, .series = series, .count = count};
    ps_plot_svg(&plot, to);
    free(title);
    for (int i = 0; i < count; i++)
        free(points[i]);
}
