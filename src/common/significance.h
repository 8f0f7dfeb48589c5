/* significance.h - how far metrics could be off by chance: bootstrap intervals, and a paired test of two results.
 *
 * Chance is in which users there are, so whole users are drawn, or have their signs turned, with all of their targets.
 * Everything is a function of the data, the seed and the number of draws.
 */
#ifndef PS_COMMON_SIGNIFICANCE_H
#define PS_COMMON_SIGNIFICANCE_H

#include "common/metrics.h"

/* A metric of a report: a measure at k[at]; PS_MEASURE_AUC has no K. */
struct ps_column {
    enum ps_measure measure;
    int at;
};
enum { PS_MAX_COLUMNS = PS_MAX_K * (PS_MEASURES - 1) + 1 };

/* Every metric that there is, K by K; novelty only with lists. Returns how many. */
int ps_columns_all(int k_count, bool lists, struct ps_column column[PS_MAX_COLUMNS]);
/* "ndcg@10", "auc". */
void ps_column_name(struct ps_column column, const int *k, char text[32]);

/* What each user contributes to some metrics. */
struct ps_sample {
    size_t users;
    int columns;
    uint32_t *user; /* owned; ascending */
    double *sum;    /* owned; users x columns: the user's cases added up */
    double *cases;  /* owned; users */
};

/* Of the cases of a group. */
void ps_sample_init(struct ps_sample *sample, const struct ps_ranks *ranks, const struct ps_measuring *how, int group,
                    const struct ps_column *column, int columns);
void ps_sample_fini(struct ps_sample *sample);
/* The metrics: sums over cases, in double. mean: one a column; 0 without any user. */
void ps_sample_means(const struct ps_sample *sample, double *mean);
/* a's contributions less b's: the same users with as many cases each. */
void ps_sample_subtract(struct ps_sample *a, const struct ps_sample *b);

/* The 95 % percentile interval of every mean (Efron and Tibshirani, An Introduction to the Bootstrap, 13.3): as many users are drawn
 * with replacement as there are, `resamples` times; the interval goes from the 2.5 % to the 97.5 % quantile of the means. The draws
 * are the same for all columns. */
void ps_bootstrap(const struct ps_sample *sample, int resamples, uint64_t seed, double *low, double *high);

/* The two-sided paired randomisation test of every mean being 0 (Fisher; Smucker et al., CIKM 2007): if it makes no difference which
 * of two results is which, every user's difference may as well have the other sign. p = (1 + draws whose mean is at least as far
 * from 0 as the one found) / (1 + draws), with all signs drawn. */
void ps_sign_flip(const struct ps_sample *difference, int draws, uint64_t seed, double *p);

#endif
