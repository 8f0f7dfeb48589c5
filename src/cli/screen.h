/* screen.h - how much room there is for what a command prints, and text that keeps within it. */
#ifndef PS_CLI_SCREEN_H
#define PS_CLI_SCREEN_H

#include <stdio.h>

/* 0: no limit, as in a file or a pipe. */
struct ps_screen {
    int columns, lines;
};

/* By COLUMNS and LINES where they are set, otherwise by the terminal of the standard output, if it is one. */
struct ps_screen ps_screen_size(void);
/* Prints the text, broken at blanks where it is too wide; further lines are indented by four. Words that are too long for a line stay
   whole. Returns how many lines
 * it took. */
int ps_screen_print(const struct ps_screen *screen, FILE *to, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
