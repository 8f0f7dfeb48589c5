/* plot.h - lines with error bars as SVG: axes, ticks, grid, legend, marks. A picture is a pure function of what it shows. */
#ifndef PS_CLI_PLOT_H
#define PS_CLI_PLOT_H

#include <stdbool.h>
#include <stdio.h>

/* All arrays and texts are borrowed. A point whose y is not a number is left out. */
struct ps_series {
    const char *name;
    int points;
    const double *x, *y; /* x ascending */
    const double *error; /* half the length of the bars; NULL or 0: none */
    const char *colour;  /* NULL: one of its own */
};

/* Something that happened at x: a vertical line, and its text for who points at it. */
struct ps_mark {
    double x;
    const char *text, *colour;
};

struct ps_plot {
    const char *title, *x_label, *y_label;
    const char *const *category; /* names of x = 0, 1, ...; NULL: x is a number */
    int categories;
    const struct ps_series *series;
    int count;
    bool from_zero; /* the y axis begins at 0 at the latest */
    const struct ps_mark *mark;
    int marks;
    bool in_page; /* part of an HTML page: smaller, the legend above, in the colours of the page's text; no head of XML, no background; categories
                   * are not joined by lines */
    bool wide;    /* in_page: as wide as the page */
};

/* Writes a whole SVG document, in UTF-8 as the texts are; in_page: an element of HTML. */
void ps_plot_svg(const struct ps_plot *plot, FILE *to);
/* A round step (1, 2 or 5 times a power of ten) that cuts a length into at most `most` parts. */
double ps_plot_step(double length, int most);
/* A text with the five characters of XML escaped, and control characters as blanks. */
void ps_plot_text(const char *text, FILE *to);
/* The colour of series `number`: the first ones differ. */
const char *ps_plot_colour(int number);

#endif
