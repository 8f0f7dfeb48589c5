/* card.h - the model card of an export: what the model is, what it was trained on, how it was measured beside the rules that it has to beat,
 * every setting, and every file with its checksum. card.json is for programs, README.md says the same to people.
 */
#ifndef PS_CLI_EXPORT_CARD_H
#define PS_CLI_EXPORT_CARD_H

#include "cli/export/tensors.h"

/* A file of the export. */
struct ps_exported {
    char *name; /* owned; in the export's folder */
    uint64_t bytes, sum;
};

struct ps_card {
    const struct ps_offline *offline; /* borrowed, as is all but the files */
    const struct ps_tensors *tensors; /* NULL for a rule */
    const char *run;
    const char *checkpoint; /* as it was asked for */
    struct ps_exported *file; /* owned, with their names */
    size_t files, capacity;
};

#define PS_CARD_NAME "card.json"

/* Takes a file of the folder into the card. */
int ps_card_add(struct ps_card *card, const char *folder, const char *name, struct ps_error *err);
void ps_card_fini(struct ps_card *card);
/* FOLDER/card.json and FOLDER/README.md. What was measured is taken from RUN/metrics.json; a run that has none has a card without it. */
int ps_card_write(const struct ps_card *card, const char *folder, struct ps_error *err);

#endif
