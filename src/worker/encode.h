/* encode.h - sessions outside of training: their rows, from wherever rows come, as a tile for the model.
 *
 * Memory is bounded by ENCODE_SESSIONS sessions at a time.
 */
#ifndef PS_WORKER_ENCODE_H
#define PS_WORKER_ENCODE_H

#include "worker/rank.h"

enum { PS_ENCODE_SESSIONS = 256 };

struct ps_encoder;

/* Room for PS_ENCODE_SESSIONS sessions with as many targets in all. */
struct ps_encoder *ps_encoder_new(struct ps_model *model, const struct ps_row_source *source, size_t targets);
void ps_encoder_free(struct ps_encoder *encoder);
/* To be filled after ps_session_batch_begin, by ps_session_batch_add and _add_case. */
struct ps_session_batch *ps_encoder_batch(struct ps_encoder *encoder);
/* Fetches the rows of what is in the batch; *tile is all that a model needs but its parameters. It borrows from the encoder. */
int ps_encoder_tile(struct ps_encoder *encoder, struct ps_tile *tile, struct ps_error *err);

#endif
