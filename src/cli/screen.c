/* screen.c - see screen.h. */
#include "cli/screen.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/base.h"

enum { INDENT = 4 };

static int from_environment(const char *name)
{
    const char *text = getenv(name);
    long value = text ? strtol(text, NULL, 10) : 0;
    return value > 0 && value <= 10000 ? (int)value : 0;
}

struct ps_screen ps_screen_size(void)
{
    struct ps_screen screen = {from_environment("COLUMNS"), from_environment("LINES")};
    struct winsize size = {0};
    if (isatty(STDOUT_FILENO) && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size)) {
        screen.columns = screen.columns ? screen.columns : size.ws_col;
        screen.lines = screen.lines ? screen.lines : size.ws_row;
    }
    return screen;
}

int ps_screen_print(const struct ps_screen *screen, FILE *to, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    int lines = 1, column = 0;
    for (const char *word = text; *word;) {
        int blanks = (int)strspn(word, " "), length = (int)strcspn(word + blanks, " ");
        if (screen->columns && column > INDENT && column + blanks + length > screen->columns) {
            fprintf(to, "\n%*s", INDENT, "");
            column = INDENT;
            blanks = 0;
            lines++;
            word += strspn(word, " ");
        }
        fprintf(to, "%.*s", blanks + length, word);
        column += blanks + length;
        word += blanks + length;
    }
    fputc('\n', to);
    return lines;
}
