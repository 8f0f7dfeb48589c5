/* knowledge.h - what a model of sessions learns from knowledge about items beside: TransH (Wang et al., AAAI 2014) on triples (item,
 * relation, value), as MKM-SR has it. Items have the embeddings that sessions have.
 */
#ifndef PS_MODELS_KNOWLEDGE_H
#define PS_MODELS_KNOWLEDGE_H

#include "worker/models/session.h"

struct ps_knowledge_part {
    int value, relation; /* tables: embeddings of the values; shifts and normal vectors of the relations */
};

/* Declares the tables, where the recipe learns knowledge. */
int ps_knowledge_part_init(struct ps_knowledge_part *part, struct ps_model *model, int width, float scale, struct ps_error *err);

/* model.knowledge_weight times the mean over the tile's triples of f (nn_transh), or of max(0, f - f of the corrupted triple +
 * model.knowledge_margin). */
struct nn_tensor *ps_knowledge_part_loss(const struct ps_knowledge_part *part, struct ps_model *model, struct nn_tape *tape,
                                         const struct ps_tile *tile);

#endif
