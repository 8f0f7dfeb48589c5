/* suggest.h - "did you mean": the distance between what was typed and what there is. */
#ifndef PS_COMMON_SUGGEST_H
#define PS_COMMON_SUGGEST_H

/* Edits (insert, delete, replace, swap of neighbours) that turn `a` into `b`: the optimal string alignment distance.
 * Only the first 63 bytes of each count. */
int ps_suggest_distance(const char *a, const char *b);

/* The nearest of a NULL-terminated list of words, or NULL where none is near enough to be meant (more than a third of
 * the typed letters, and more than one, would have to change). */
const char *ps_suggest(const char *typed, const char *const *words);

#endif
