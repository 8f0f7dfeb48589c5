/* html.c - see html.h. */
#include "cli/page/html.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli/plot.h"
#include "common/base.h"

/* One column on a phone, small multiples side by side on a screen; dark where the reader's system is. */
static const char style[] =
    ":root{color-scheme:light dark;--ink:#1c2126;--soft:#5d6873;--line:#d9dee3;--back:#ffffff;--card:#f5f7f9;"
    "--good:#1a7f37;--bad:#b3261e;--warn:#8a6100}\n"
    "@media (prefers-color-scheme:dark){:root{--ink:#e4e8eb;--soft:#9aa5b0;--line:#353c43;--back:#14181b;--card:#1c2226;--good:#57c878;--bad:#ff8a80;"
    "--warn:#e8b950}}\n"
    "body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--back);max-width:72rem;margin:0 auto;padding:1.5rem 1rem 4rem}\n"
    "h1{font-size:1.6rem;margin:0 0 .2rem}h2{font-size:1.2rem;margin:2.4rem 0 .6rem;border-bottom:1px solid var(--line);padding-bottom:.2rem}\n"
    "h3{font-size:1rem;margin:1.4rem 0 .4rem}p{margin:.4rem 0}.soft,caption,.u{color:var(--soft)}\n"
    ".state{font-weight:600}.good{color:var(--good)}.bad{color:var(--bad)}.warn{color:var(--warn)}\n"
    ".cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(10.5rem,1fr));gap:.7rem;margin:1rem 0}\n"
    ".card{background:var(--card);border:1px solid var(--line);border-radius:6px;padding:.55rem .8rem}\n"
    ".card b{display:block;font-size:1.25rem;font-variant-numeric:tabular-nums}.card span{color:var(--soft);font-size:.85rem}\n"
    ".curves{display:grid;grid-template-columns:repeat(auto-fill,minmax(20rem,1fr));gap:.9rem}.curves svg,.full svg{width:100%;height:auto}\n"
    ".wide{overflow-x:auto}table{border-collapse:collapse;font-size:.88rem;font-variant-numeric:tabular-nums;margin:.5rem 0}\n"
    "th,td{padding:.22rem .7rem;text-align:left;vertical-align:top;border-bottom:1px solid var(--line)}th{font-weight:600}\n"
    "td.n,th.n{text-align:right;white-space:nowrap}tr.head th{padding-top:.8rem;color:var(--soft)}tr.own td,tr.own th{background:var(--card)}\n"
    ".u{font-size:.78rem;display:block}\n"
    ".bar{display:flex;height:1.5rem;border-radius:4px;overflow:hidden;margin:.4rem 0;background:var(--line)}\n"
    "i.c{display:inline-block;width:.8rem;height:.8rem;border-radius:2px;vertical-align:-1px}\n"
    "details{margin:.6rem 0}summary{cursor:pointer;color:var(--soft)}pre{background:var(--card);padding:.8rem;overflow-x:auto;font-size:.8rem}\n"
    "@media print{details{display:none}}\n";

static void put(FILE *to, const char *format, va_list args)
{
    char text[512], *all = text;
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(text, sizeof text, format, args);
    if (length >= (int)sizeof text) {
        all = ps_malloc((size_t)length + 1);
        vsnprintf(all, (size_t)length + 1, format, again);
    }
    va_end(again);
    ps_plot_text(all, to);
    if (all != text)
        free(all);
}

void ps_html(FILE *to, const char *tag, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(to, "<%s>", tag);
    put(to, format, args);
    fprintf(to, "</%.*s>\n", (int)strcspn(tag, " "), tag);
    va_end(args);
}

void ps_html_text(FILE *to, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    put(to, format, args);
    va_end(args);
}

const char *ps_html_duration(double seconds, char text[32])
{
    if (!isfinite(seconds) || seconds < 0)
        snprintf(text, 32, "-");
    else if (seconds < 60)
        snprintf(text, 32, "%.1f s", seconds);
    else if (seconds < 3600)
        snprintf(text, 32, "%.0f min %02.0f s", floor(seconds / 60), floor(fmod(seconds, 60)));
    else
        snprintf(text, 32, "%.0f h %02.0f min", floor(seconds / 3600), floor(fmod(seconds, 3600) / 60));
    return text;
}

void ps_html_begin(FILE *to, const char *title)
{
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n", to);
    ps_html(to, "title", "%s", title);
    fprintf(to, "<style>\n%s</style>\n</head>\n<body>\n", style);
}

void ps_html_end(FILE *to)
{
    fputs("</body>\n</html>\n", to);
}
