/* session_parts.h - what models of sessions are put together from: gated graph layers, gated recurrent ones, soft attention that asks
 * with the last step. Each declares its parameters, U(-scale, scale), and keeps their tables' numbers.
 */
#ifndef PS_MODELS_SESSION_PARTS_H
#define PS_MODELS_SESSION_PARTS_H

#include "worker/models/session.h"
#include "worker/nn/graph.h"

/* One step of a gated graph network of `width` columns, as coded or as MKM-SR prints it (nn_ggnn). */
struct ps_graph_part {
    bool paper;
    int w_edge, b_edge, b_in, b_out, w, b, u, c;
};
int ps_graph_part_init(struct ps_graph_part *part, struct ps_model *model, const char *prefix, int width, bool paper, float scale,
                       struct ps_error *err);
/* What it makes of the nodes' states, by step: steps x width. */
struct nn_tensor *ps_graph_part_run(const struct ps_graph_part *part, struct nn_tape *tape, const struct ps_tile *tile,
                                    const struct nn_session_graph *graph, const struct nn_tensor *nodes);

/* A gated recurrent unit, reset after, from 0: `in` columns to `width`. */
struct ps_gru_part {
    int w, b, u, c;
};
int ps_gru_part_init(struct ps_gru_part *part, struct ps_model *model, const char *prefix, int in, int width, float scale,
                     struct ps_error *err);
struct nn_tensor *ps_gru_part_run(const struct ps_gru_part *part, struct nn_tape *tape, const struct ps_tile *tile,
                                  const struct nn_tensor *x);

/* What a session is about, from its steps m_t (`in` columns), in `width` columns:
 *   alpha_t = beta . sigma(m_L W_1 + m_t W_2 + b);   s = [sum_t alpha_t m_t; m_L] W_3 + b_3 */
struct ps_readout_part {
    int w1, w2, b2, beta, w3, b3;
};
int ps_readout_part_init(struct ps_readout_part *part, struct ps_model *model, int in, int width, float scale, struct ps_error *err);
struct nn_tensor *ps_readout_part_run(const struct ps_readout_part *part, struct nn_tape *tape, const struct ps_tile *tile,
                                      const struct nn_tensor *m);

#endif
