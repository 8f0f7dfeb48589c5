/* tfevents.h - scalars for TensorBoard: event files, appended to while a run goes on. The only place that knows their generated code.
 *
 * A file is a row of TFRecords: u64 length, u32 masked CRC-32C of these 8 bytes, the bytes of an Event (proto/tfevents.proto), u32 masked CRC-32C
 * of them; all little-endian. The first event names the version, "brain.Event:2".
 */
#ifndef PS_COMMON_TFEVENTS_H
#define PS_COMMON_TFEVENTS_H

#include "common/base.h"

struct ps_tfevents;

/* Begins a new file FOLDER/events.out.tfevents.SECONDS.HOST.PID; the folder is made where it is absent. */
int ps_tfevents_open(struct ps_tfevents **events, const char *folder, struct ps_error *err);
void ps_tfevents_close(struct ps_tfevents *events);

/* Notes a scalar; those noted since the last call are written by ps_tfevents_write as one event of this step. NULL takes nothing. What cannot be
 * written is warned of once. */
void ps_tfevents_note(struct ps_tfevents *events, double value, const char *format, ...) __attribute__((format(printf, 3, 4)));
void ps_tfevents_write(struct ps_tfevents *events, int64_t step);

/* CRC-32C (Castagnoli), and as TFRecords mask it: rotated and moved, so that a checksum of data with a checksum in it is a sound one. */
uint32_t ps_crc32c(const void *data, size_t size);
uint32_t ps_crc32c_masked(const void *data, size_t size);

#endif
