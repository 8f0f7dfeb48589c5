/* suggest.c - see suggest.h. */
#include "common/suggest.h"

#include "common/base.h"

#include <limits.h>
#include <string.h>

enum { LETTERS = 63 };

int ps_suggest_distance(const char *a, const char *b)
{
    int m = (int)strnlen(a, LETTERS), n = (int)strnlen(b, LETTERS);
    int row[3][LETTERS + 1]; /* rows i-2, i-1 and i of the table, by i modulo 3 */
    for (int j = 0; j <= n; j++)
        row[0][j] = j;
    for (int i = 1; i <= m; i++) {
        int *now = row[i % 3], *last = row[(i + 2) % 3], *before = row[(i + 1) % 3];
        now[0] = i;
        for (int j = 1; j <= n; j++) {
            int replaced = last[j - 1] + (a[i - 1] != b[j - 1]);
            now[j] = PS_MIN(replaced, PS_MIN(last[j], now[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = PS_MIN(now[j], before[j - 2] + 1);
        }
    }
    return row[m % 3][n];
}

const char *ps_suggest(const char *typed, const char *const *words)
{
    const char *best = NULL;
    int least = INT_MAX;
    for (; *words; words++) {
        int distance = ps_suggest_distance(typed, *words);
        if (distance < least) {
            least = distance;
            best = *words;
        }
    }
    return least <= PS_MAX((int)strnlen(typed, LETTERS) / 3, 1) ? best : NULL;
}
