/* prepare_report.h - what the statistics of interactions and of sessions share; of no use outside of *_report.c. */
#ifndef PS_DATA_PREPARE_REPORT_H
#define PS_DATA_PREPARE_REPORT_H

#include "data/prepare.h"

/* A line for people: what, how many, and a note. */
void ps_report_count(FILE *to, const char *what, uint64_t number, const char *note);
/* The same unless it is 0. */
void ps_report_if(FILE *to, const char *what, uint64_t number, const char *note);
double ps_report_percent(uint64_t part, uint64_t whole);

/* For dataset.yaml: a name in double quotes, where what is not plain ASCII is an escape; and a list of numbers. */
void ps_report_quoted(FILE *out, const char *text);
void ps_report_list(FILE *out, const char *key, const uint64_t *number, uint32_t count);
/* "input: [...]", the files without their folders: the same data prepared elsewhere is the same dataset. */
void ps_report_inputs(FILE *out, const struct ps_prepare_options *options);

/* "statistics:", and what they say of the lines that were read. */
void ps_report_reading(FILE *out, const struct ps_prepare_stats *stats);

/* The statistics of sessions, as ps_prepare_print and ps_prepare_yaml. */
void ps_report_sessions(const struct ps_prepare_options *options, const struct ps_prepare_stats *stats, FILE *to);
void ps_report_sessions_yaml(const struct ps_prepare_options *options, const struct ps_prepare_stats *stats, FILE *out);

#endif
