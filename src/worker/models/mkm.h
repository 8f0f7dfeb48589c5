/* mkm.h - MKM-SR and its ablations (Meng et al., Incorporating User Micro-behaviors and Item Knowledge into Multi-task Learning for
 * Session-based Recommendation, SIGIR 2020): sessions of items and of what was done with them, and triples about the items.
 *
 * A step's vector is m_t = [i_t; o_t], i_t by a gated graph network over the session's items (transitions counted), o_t by a
 * recurrent network over its operations; soft attention over them makes the session's vector (session_parts.h), which scores
 * items by model.score:
 *   dot   s . e_j
 *   mlp   relu(s W_s + e_j W_i + b) . w
 * Beside the sessions' loss (ps_session_softmax) stands model.knowledge_weight times the triples' (knowledge.h of this folder).
 * model.unit: code (the default) or the graph network as the paper prints it. model.dropout, which neither has: on the embeddings of items and
 * operations before all that.
 */
#ifndef PS_MODELS_MKM_H
#define PS_MODELS_MKM_H

#include "worker/models/session.h"

/* The ablations of the paper's Table 2. */
struct ps_mkm_form {
    /* What the items' vectors, or those of pairs (item, operation), go through. */
    enum { PS_MKM_ITEM_GRAPH, PS_MKM_PAIR_GRU, PS_MKM_PAIR_GRAPH } items;
    enum { PS_MKM_NO_OPERATIONS, PS_MKM_OPERATION_GRU, PS_MKM_OPERATION_GRAPH } operations; /* of ITEM_GRAPH */
};

int ps_mkm_init(struct ps_model *model, struct ps_mkm_form form, struct ps_error *err);
void ps_mkm_fini(struct ps_model *model);
struct nn_tensor *ps_mkm_forward(struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile);
struct nn_tensor *ps_mkm_encode(struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile);
struct nn_tensor *ps_mkm_match(struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile, const struct nn_tensor *encoded);
bool ps_mkm_factors(const struct ps_model *model, struct nn_tape *tape, const struct nn_tensor *param, struct ps_factors *factors);
void ps_mkm_score(struct ps_model *model, struct nn_tape *tape, const struct ps_score_input *input, real *out);

#define PS_MKM_SOURCE "Meng et al., Incorporating User Micro-behaviors and Item Knowledge into Multi-task Learning, SIGIR 2020"
#define PS_MKM_OPTIONS PS_SESSION_OPTIONS " dropout unit score"
#define PS_MKM_KNOWLEDGE " knowledge knowledge_weight knowledge_margin knowledge_epochs"

#endif
