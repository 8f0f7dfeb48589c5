/* search.h - which settings a row's trials have, and which trials go on: pure functions of the table's file.
 *
 * Random search draws every trial's settings at once (Bergstra and Bengio, JMLR 2012); successive halving trains all for a few epochs, lets the best
 * go on for more, and so on until one has the whole budget (Jamieson and Talwalkar, AISTATS 2016).
 */
#ifndef PS_CLI_SEARCH_H
#define PS_CLI_SEARCH_H

#include "cli/experiment.h"

/* Trials that a row has: the budget's, or fewer where its space holds fewer combinations. */
int ps_search_trials(const struct ps_experiment *e, int row);
/* The settings of a trial as "key=value" into text[choices], which the caller frees. They are named by the search's seed, the row's name and the
 * trial's number. Combinations of listed values come without repetition until all have been there; ranges are drawn anew for each trial. */
void ps_search_draw(const struct ps_experiment *e, int row, int trial, char *text[PS_EXP_SPACE]);

/* Rungs of a search: 1 for a random one; with halving, as many as it takes to come down to a single trial. */
int ps_search_rungs(const struct ps_exp_budget *budget, int trials);
/* Trials on a rung, and the epochs that each has had at its end: a fraction of the budget's that grows by the factor of halving from rung to
 * rung, rounded up to a validation. */
void ps_search_rung(const struct ps_exp_budget *budget, int trials, int rung, int *alive, int *epochs);

#endif
