/* control.c - headers of control messages: what can be unpacked can be packed again, to the same. */
#include "fuzz.h"

#include "common/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ps_message message, again;
    struct ps_control control, same;
    struct ps_error err;
    ps_message_init(&message);
    ps_message_init(&again);
    ps_frame_fini(ps_message_add(&message));
    ps_frame_alloc(&message.frame[0], size);
    if (size)
        memcpy(ps_frame_data(&message.frame[0]), data, size);
    if (!ps_control_unpack(&message, &control, &err)) {
        struct ps_frame *frame = ps_message_add(&again);
        ps_frame_fini(frame);
        ps_control_pack(&control, frame);
        if (ps_control_unpack(&again, &same, &err) || same.kind != control.kind || same.lane_count != control.lane_count ||
            strcmp(same.text, control.text))
            abort();
        ps_control_fini(&same);
        ps_control_fini(&control);
    }
    ps_message_fini(&again);
    ps_message_fini(&message);
    return 0;
}
