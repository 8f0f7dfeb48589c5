/* plot.c - the writer of SVG; see plot.h. */
#include "cli/plot.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "common/base.h"

enum { WIDTH = 720, HEIGHT = 440, LEFT = 76, RIGHT = 190, TOP = 44, BOTTOM = 60, TICKS = 6 };

/* Okabe and Ito's colours, which can be told apart by the colour-blind; dashes follow when they have all been used. */
static const char *const colours[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"};
static const char *const dashes[] = {"none", "6 3", "2 3"};

/* From values to the drawing. */
struct axes {
    double x0, x1, y0, y1, x_step, y_step;
};

double ps_plot_step(double length, int most)
{
    if (!(length > 0) || most < 1)
        return 1;
    double power = pow(10, floor(log10(length / most)));
    static const double factor[] = {1, 2, 5, 10};
    for (size_t i = 0; i < PS_COUNT(factor); i++)
        if (length / (factor[i] * power) <= most * (1 + 1e-9))
            return factor[i] * power;
    return 10 * power;
}

void ps_plot_text(const char *text, FILE *to)
{
    static const char special[] = "&<>\"'";
    static const char *const entity[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&apos;"};
    for (; *text; text++) {
        const char *at = strchr(special, *text);
        if (at)
            fputs(entity[at - special], to);
        else
            fputc((unsigned char)*text < ' ' ? ' ' : *text, to);
    }
}

static double bar(const struct ps_series *s, int i)
{
    return s->error && s->error[i] > 0 ? s->error[i] : 0;
}

static void widen(double *low, double *high, double by)
{
    *low = PS_MIN(*low, by);
    *high = PS_MAX(*high, by);
}

/* Limits that hold all points and bars, with y on multiples of its step; 0 begins the y axis where that wastes less than half of it. */
static struct axes fit(const struct ps_plot *plot)
{
    struct axes a = {.x0 = INFINITY, .x1 = -INFINITY, .y0 = INFINITY, .y1 = -INFINITY};
    for (int s = 0; s < plot->count; s++)
        for (int i = 0; i < plot->series[s].points; i++) {
            const struct ps_series *series = &plot->series[s];
            if (!isfinite(series->y[i]))
                continue;
            widen(&a.x0, &a.x1, series->x[i]);
            widen(&a.y0, &a.y1, series->y[i] - bar(series, i));
            widen(&a.y0, &a.y1, series->y[i] + bar(series, i));
        }
    if (!(a.x1 >= a.x0)) /* nothing to show but axes */
        a = (struct axes){.x0 = 0, .x1 = 1, .y0 = 0, .y1 = 1};
    if (plot->category) {
        a.x0 = -0.5;
        a.x1 = plot->categories - 0.5;
    } else if (a.x1 == a.x0) {
        a.x0 -= 0.5;
        a.x1 += 0.5;
    }
    if (a.y1 == a.y0)
        a.y1 = a.y0 + PS_MAX(fabs(a.y0) / 10, 1e-6);
    if (a.y0 > 0 && a.y0 < a.y1 / 2)
        a.y0 = 0;
    a.x_step = ps_plot_step(a.x1 - a.x0, TICKS);
    a.y_step = ps_plot_step(a.y1 - a.y0, TICKS);
    a.y0 = floor(a.y0 / a.y_step + 1e-9) * a.y_step;
    a.y1 = ceil(a.y1 / a.y_step - 1e-9) * a.y_step;
    return a;
}

static double at_x(const struct axes *a, double x)
{
    return LEFT + (x - a->x0) / (a->x1 - a->x0) * (WIDTH - LEFT - RIGHT);
}

static double at_y(const struct axes *a, double y)
{
    return HEIGHT - BOTTOM - (y - a->y0) / (a->y1 - a->y0) * (HEIGHT - TOP - BOTTOM);
}

static void put_text(double x, double y, const char *attributes, const char *text, FILE *to)
{
    fprintf(to, "<text x=\"%.1f\" y=\"%.1f\" %s>", x, y, attributes);
    ps_plot_text(text, to);
    fputs("</text>\n", to);
}

static void put_x_tick(const struct axes *a, double x, const char *text, FILE *to)
{
    fprintf(to, "<path d=\"M%.1f %dv5\" stroke=\"#333\"/>\n", at_x(a, x), HEIGHT - BOTTOM);
    put_text(at_x(a, x), HEIGHT - BOTTOM + 19, "text-anchor=\"middle\"", text, to);
}

static void put_axes(const struct ps_plot *plot, const struct axes *a, FILE *to)
{
    char text[32];
    for (int i = 0; i <= (int)lround((a->y1 - a->y0) / a->y_step); i++) {
        double y = a->y0 + i * a->y_step;
        fprintf(to, "<path d=\"M%d %.1fH%d\" stroke=\"#ddd\"/>\n", LEFT, at_y(a, y), WIDTH - RIGHT);
        snprintf(text, sizeof text, "%.6g", fabs(y) < a->y_step / 1000 ? 0 : y);
        put_text(LEFT - 8, at_y(a, y) + 4, "text-anchor=\"end\"", text, to);
    }
    for (int i = 0; i < plot->categories; i++)
        put_x_tick(a, i, plot->category[i], to);
    for (double x = ceil(a->x0 / a->x_step) * a->x_step; !plot->category && x <= a->x1 + a->x_step / 1000; x += a->x_step) {
        snprintf(text, sizeof text, "%.6g", x);
        put_x_tick(a, x, text, to);
    }
    fprintf(to, "<path d=\"M%d %dV%dH%d\" fill=\"none\" stroke=\"#333\"/>\n", LEFT, TOP, HEIGHT - BOTTOM, WIDTH - RIGHT);
    put_text(LEFT, 24, "font-size=\"15\" font-weight=\"bold\"", plot->title, to);
    put_text((LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 14, "text-anchor=\"middle\"", plot->x_label, to);
    put_text(18, (TOP + HEIGHT - BOTTOM) / 2.0, "text-anchor=\"middle\" transform=\"rotate(-90 18 212)\"", plot->y_label, to);
}

static void put_series(const struct ps_series *s, int number, const struct axes *a, FILE *to)
{
    const char *colour = colours[(size_t)number % PS_COUNT(colours)], *dash = dashes[(size_t)number / PS_COUNT(colours) % PS_COUNT(dashes)];
    bool pen = false; /* down: the point before this one was drawn */
    fprintf(to, "<g stroke=\"%s\" fill=\"%s\">\n<path fill=\"none\" stroke-width=\"2\" stroke-dasharray=\"%s\" d=\"", colour, colour, dash);
    for (int i = 0; i < s->points; i++) {
        if (isfinite(s->y[i]))
            fprintf(to, "%c%.1f %.1f", pen ? 'L' : 'M', at_x(a, s->x[i]), at_y(a, s->y[i]));
        pen = isfinite(s->y[i]);
    }
    fputs("\"/>\n", to);
    for (int i = 0; i < s->points; i++) {
        if (!isfinite(s->y[i]))
            continue;
        double x = at_x(a, s->x[i]), low = at_y(a, s->y[i] - bar(s, i)), high = at_y(a, s->y[i] + bar(s, i));
        if (bar(s, i) > 0)
            fprintf(to, "<path d=\"M%.1f %.1fh8m-4 0V%.1fm-4 0h8\"/>\n", x - 4, low, high);
        fprintf(to, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"2.5\"/>\n", x, at_y(a, s->y[i]));
    }
    double y = TOP + 10 + 20 * number;
    fprintf(to, "<path d=\"M%d %.1fh24\" stroke-width=\"2\" stroke-dasharray=\"%s\"/>\n</g>\n", WIDTH - RIGHT + 12, y, dash);
    put_text(WIDTH - RIGHT + 42, y + 4, "", s->name, to);
}

void ps_plot_svg(const struct ps_plot *plot, FILE *to)
{
    struct axes axes = fit(plot);
    int height = PS_MAX((int)HEIGHT, TOP + 30 + 20 * plot->count);
    fprintf(to, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" "
            "font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n", WIDTH, height, WIDTH, height);
    put_axes(plot, &axes, to);
    for (int s = 0; s < plot->count; s++)
        put_series(&plot->series[s], s, &axes, to);
    fputs("</svg>\n", to);
}
