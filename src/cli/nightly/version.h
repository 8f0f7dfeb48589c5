/* version.h - what is published: NIGHTLY/versions/NAME, a whole run with its dataset and its exported tables, and a checksum of every file in
 * version.yaml; NIGHTLY/production is a link to one of them, replaced by a rename.
 */
#ifndef PS_CLI_NIGHTLY_VERSION_H
#define PS_CLI_NIGHTLY_VERSION_H

#include "cli/nightly/night.h"

/* The name of the version that production points at; "" where there is none. */
void ps_version_production(const char *folder, char name[PS_NIGHT_NAME]);
/* NIGHTLY/versions/NAME; the caller frees it. */
char *ps_version_path(const char *folder, const char *name);
/* Names of all versions, oldest first; the caller frees the array. */
int ps_version_list(const char *folder, char (**name)[PS_NIGHT_NAME], int *count, struct ps_error *err);

/* Makes a version of a night's run and dataset, whole or not at all; one that is there already is left alone. The run's folder becomes the
 * version, the dataset's files are shared with it by hard links. */
int ps_version_make(const char *folder, const struct ps_night *night, struct ps_error *err);
/* Every byte of it against version.yaml (PS_EXIT_DATA). */
int ps_version_verify(const char *folder, const char *name, struct ps_error *err);
/* Makes a version production. */
int ps_version_point(const char *folder, const char *name, struct ps_error *err);
/* Removes all but the newest `keep`, and production. */
int ps_version_prune(const char *folder, int keep, struct ps_error *err);

#endif
