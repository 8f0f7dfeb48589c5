/* plot.c - the writer of SVG; see plot.h. */
#include "cli/plot.h"

#include <math.h>
#include <string.h>

#include "common/base.h"

/* Sizes in pixels: of the picture, of what is around the axes. */
struct frame {
    int width, height, left, right, top, bottom, ticks, font;
};
enum { MANY = 60 }; /* points that want smaller dots */
static const struct frame document = {.width = 720, .height = 440, .left = 76, .right = 190, .top = 44, .bottom = 60, .ticks = 6, .font = 12};
static const struct frame in_page = {.width = 420, .height = 250, .left = 62, .right = 14, .top = 46, .bottom = 42, .ticks = 5, .font = 11};

static const struct frame wide = {.width = 1160, .height = 280, .left = 62, .right = 14, .top = 46, .bottom = 42, .ticks = 10, .font = 12};

/* Okabe and Ito's colours, which can be told apart by the colour-blind; dashes follow when they have all been used. */
static const char *const colours[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "currentColor"};
static const char *const dashes[] = {"none", "6 3", "2 3"};

/* From values to the drawing. */
struct axes {
    struct frame f;
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

const char *ps_plot_colour(int number)
{
    return colours[(size_t)number % PS_COUNT(colours)];
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
    bool whole = true; /* x: epochs, and the like */
    struct axes a = {.f = !plot->in_page ? document : plot->wide ? wide : in_page, .x0 = INFINITY, .x1 = -INFINITY, .y0 = INFINITY, .y1 = -INFINITY};
    for (int s = 0; s < plot->count; s++)
        for (int i = 0; i < plot->series[s].points; i++) {
            const struct ps_series *series = &plot->series[s];
            if (!isfinite(series->y[i]))
                continue;
            widen(&a.x0, &a.x1, series->x[i]);
            whole &= series->x[i] == floor(series->x[i]);
            widen(&a.y0, &a.y1, series->y[i] - bar(series, i));
            widen(&a.y0, &a.y1, series->y[i] + bar(series, i));
        }
    if (!(a.x1 >= a.x0)) /* nothing to show but axes */
        a = (struct axes){.f = a.f, .x0 = 0, .x1 = 1, .y0 = 0, .y1 = 1};
    if (plot->category) {
        a.x0 = -0.5;
        a.x1 = plot->categories - 0.5;
    } else if (a.x1 == a.x0) {
        a.x0 -= 0.5;
        a.x1 += 0.5;
    }
    if (a.y1 == a.y0)
        a.y1 = a.y0 + PS_MAX(fabs(a.y0) / 10, 1e-6);
    if (a.y0 > 0 && (plot->from_zero || a.y0 < a.y1 / 2))
        a.y0 = 0;
    a.x_step = ps_plot_step(a.x1 - a.x0, a.f.ticks);
    a.x_step = whole ? PS_MAX(a.x_step, 1) : a.x_step;
    a.y_step = ps_plot_step(a.y1 - a.y0, PS_MIN(a.f.ticks, (int)document.ticks));
    a.y0 = floor(a.y0 / a.y_step + 1e-9) * a.y_step;
    a.y1 = ceil(a.y1 / a.y_step - 1e-9) * a.y_step;
    return a;
}

static double at_x(const struct axes *a, double x)
{
    return a->f.left + (x - a->x0) / (a->x1 - a->x0) * (a->f.width - a->f.left - a->f.right);
}

static double at_y(const struct axes *a, double y)
{
    return a->f.height - a->f.bottom - (y - a->y0) / (a->y1 - a->y0) * (a->f.height - a->f.top - a->f.bottom);
}

static void put_text(double x, double y, const char *attributes, const char *text, FILE *to)
{
    fprintf(to, "<text x=\"%.1f\" y=\"%.1f\" %s>", x, y, attributes);
    ps_plot_text(text, to);
    fputs("</text>\n", to);
}

static void put_x_tick(const struct axes *a, double x, const char *text, FILE *to)
{
    int foot = a->f.height - a->f.bottom;
    fprintf(to, "<path d=\"M%.1f %dv5\" stroke=\"currentColor\"/>\n", at_x(a, x), foot);
    put_text(at_x(a, x), foot + 7 + a->f.font, "text-anchor=\"middle\"", text, to);
}

static void put_axes(const struct ps_plot *plot, const struct axes *a, FILE *to)
{
    const struct frame *f = &a->f;
    int foot = f->height - f->bottom, end = f->width - f->right;
    char text[80];
    for (int i = 0; i <= (int)lround((a->y1 - a->y0) / a->y_step); i++) {
        double y = a->y0 + i * a->y_step;
        fprintf(to, "<path d=\"M%d %.1fH%d\" stroke=\"currentColor\" stroke-opacity=\"0.15\"/>\n", f->left, at_y(a, y), end);
        snprintf(text, sizeof text, "%.6g", fabs(y) < a->y_step / 1000 ? 0 : y);
        put_text(f->left - 8, at_y(a, y) + 4, "text-anchor=\"end\"", text, to);
    }
    for (int i = 0; i < plot->categories; i++)
        put_x_tick(a, i, plot->category[i], to);
    for (double x = ceil(a->x0 / a->x_step) * a->x_step; !plot->category && x <= a->x1 + a->x_step / 1000; x += a->x_step) {
        snprintf(text, sizeof text, "%.6g", x);
        put_x_tick(a, x, text, to);
    }
    fprintf(to, "<path d=\"M%d %dV%dH%d\" fill=\"none\" stroke=\"currentColor\"/>\n", f->left, f->top, foot, end);
    put_text(plot->in_page ? 4 : f->left, plot->in_page ? 15 : 24,
             plot->in_page ? "font-size=\"13\" font-weight=\"bold\"" : "font-size=\"15\" font-weight=\"bold\"",
             plot->title, to);
    put_text((f->left + end) / 2.0, f->height - (plot->in_page ? 6 : 14), "text-anchor=\"middle\"", plot->x_label, to);
    double middle = (f->top + foot) / 2.0;
    snprintf(text, sizeof text, "text-anchor=\"middle\" transform=\"rotate(-90 %d %.0f)\"", plot->in_page ? 11 : 18, middle);
    put_text(plot->in_page ? 11 : 18, middle, text, plot->y_label, to);
}

static void put_marks(const struct ps_plot *plot, const struct axes *a, FILE *to)
{
    for (int i = 0; i < plot->marks; i++) {
        const struct ps_mark *m = &plot->mark[i];
        if (m->x < a->x0 || m->x > a->x1)
            continue;
        fprintf(to, "<path d=\"M%.1f %dV%d\" stroke=\"%s\" stroke-width=\"1.5\" stroke-dasharray=\"4 3\"><title>", at_x(a, m->x), a->f.top,
                a->f.height - a->f.bottom,
                m->colour);
        ps_plot_text(m->text, to);
        fputs("</title></path>\n", to);
    }
}

/* A series' line in the legend; returns how wide it is. */
static double put_legend(const struct ps_series *s, const char *dash, double x, double y, FILE *to)
{
    fprintf(to, "<path d=\"M%.1f %.1fh24\" stroke-width=\"2\" stroke-dasharray=\"%s\"/>\n</g>\n", x, y, dash);
    put_text(x + 30, y + 4, "", s->name, to);
    return 42 + 6.2 * (double)strlen(s->name);
}

/* `legend`: where a legend in a page goes on. */
static void put_series(const struct ps_plot *plot, int number, const struct axes *a, double *legend, FILE *to)
{
    const struct ps_series *s = &plot->series[number];
    bool joined = !plot->in_page || !plot->category;
    const char *radius = s->points > MANY ? "1" : joined ? "2.5" : "4";
    const char *colour = s->colour ? s->colour : ps_plot_colour(number);
    const char *dash = dashes[s->colour ? 0 : (size_t)number / PS_COUNT(colours) % PS_COUNT(dashes)];
    bool pen = false; /* down: the point before this one was drawn */
    fprintf(to, "<g stroke=\"%s\" fill=\"%s\">\n<path fill=\"none\" stroke-width=\"2\" stroke-dasharray=\"%s\" d=\"", colour, colour, dash);
    for (int i = 0; i < s->points; i++) {
        if (joined && isfinite(s->y[i]))
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
        fprintf(to, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%s\"/>\n", x, at_y(a, s->y[i]), radius);
    }
    if (plot->in_page && plot->count == 1)
        fputs("</g>\n", to); /* the title says it */
    else if (plot->in_page)
        *legend += put_legend(s, dash, *legend, 31, to);
    else
        put_legend(s, dash, a->f.width - a->f.right + 12, a->f.top + 10 + 20 * number, to);
}

void ps_plot_svg(const struct ps_plot *plot, FILE *to)
{
    struct axes axes = fit(plot);
    const struct frame *f = &axes.f;
    int height = plot->in_page ? f->height : PS_MAX(f->height, f->top + 30 + 20 * plot->count);
    double legend = 4;
    if (plot->in_page)
        fputs("<svg", to);
    else
        fprintf(to, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\"",
                f->width, height);
    fprintf(to, " viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"%d\"%s>\n", f->width, height, f->font,
            plot->in_page ? " fill=\"currentColor\" role=\"img\"" : "");
    if (!plot->in_page)
        fputs("<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n", to);
    put_axes(plot, &axes, to);
    put_marks(plot, &axes, to);
    for (int s = 0; s < plot->count; s++)
        put_series(plot, s, &axes, &legend, to);
    fputs("</svg>\n", to);
}
