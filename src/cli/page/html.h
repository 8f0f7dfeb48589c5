/* html.h - pieces of HTML that are XML too. Whatever comes from outside is a text, and escaped. */
#ifndef PS_CLI_PAGE_HTML_H
#define PS_CLI_PAGE_HTML_H

#include <stdio.h>

/* <TAG>text</TAG>, with the text as the format makes it, escaped. `tag` may have attributes: "td class=\"n\"". */
void ps_html(FILE *to, const char *tag, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The escaped text alone. */
void ps_html_text(FILE *to, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "3 h 07 min", "4 min 05 s", "12.3 s" into text. */
const char *ps_html_duration(double seconds, char text[32]);

/* Everything before and behind the body's content. */
void ps_html_begin(FILE *to, const char *title);
void ps_html_end(FILE *to);

#endif
