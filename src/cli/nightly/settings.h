/* settings.h - the file that 'penstock nightly' is given: where logs come from and models go, what a night does, and what its gate lets pass.
 * conf/nightly.yaml documents every key.
 */
#ifndef PS_CLI_NIGHTLY_SETTINGS_H
#define PS_CLI_NIGHTLY_SETTINGS_H

#include "common/config.h"

enum ps_nightly_start { PS_START_WARM, PS_START_COLD };
enum ps_nightly_above { PS_ABOVE_NONE, PS_ABOVE_POPULARITY, PS_ABOVE_ALL };

struct ps_nightly_settings {
    struct {
        char folder[PS_CONFIG_PATH]; /* NIGHTLY */
        char train[PS_CONFIG_PATH];  /* the configuration of its runs */
        enum ps_nightly_start start;
        double hours;                /* for a step, at most */
    } nightly;
    struct {
        char behaviours[256];
        char options[1024]; /* more of penstock prepare's, separated by blanks */
        int window_days;    /* 0: all days */
    } logs;
    struct {
        int servers, workers; /* servers 0: no launch */
        char hosts[PS_CONFIG_PATH], agent[PS_CONFIG_PATH];
    } launch;
    struct {
        enum ps_metric metric;
        int k;
        double allowed_drop; /* part of production's value */
        double least;
        enum ps_nightly_above above;
        int nights;          /* that tonight's log is compared with, at most */
        double volume_least, volume_most; /* parts of their median */
        double new_users, new_items;      /* parts of tonight's */
        double duplicates;                /* more than their median, as a part of the events */
        double days_back, hours_ahead;
    } gate;
    struct {
        int versions, nights;
    } keep;
    struct {
        char command[4096];
        double seconds;
    } hook;
};

/* Defaults, the file, and what needs more than one key. Paths are relative to the working folder. Errors: PS_EXIT_USAGE with "FILE:LINE: ". */
int ps_nightly_load(struct ps_nightly_settings *settings, const char *path, struct ps_error *err);
/* conf/nightly.yaml. The caller frees. */
char *ps_nightly_reference(void);
/* "ndcg@10" into text. */
void ps_nightly_metric(const struct ps_nightly_settings *settings, char text[32]);

#endif
