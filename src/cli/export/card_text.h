/* card_text.h - a model card as README.md. */
#ifndef PS_CLI_EXPORT_CARD_TEXT_H
#define PS_CLI_EXPORT_CARD_TEXT_H

#include "cli/export/card.h"

/* What becomes of users, items and visitors that the model does not know, in one sentence. */
const char *ps_card_unknown(const struct ps_dataset *dataset);
int ps_card_text_write(const struct ps_card *card, const char *metrics, const char *folder, struct ps_error *err);

#endif
