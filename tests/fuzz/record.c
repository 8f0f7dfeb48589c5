/* record.c - the coordinator's records (RUN/state/NNNNNNNN): what can be read is taken over, written and read again. */
#include "fuzz.h"

/* Servers have something of that name too, and some files need both. */
#define ps_lane_state ps_lane_state_of_coordinator
#include "coordinator/internal.h"
#undef ps_lane_state

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ps_error err;
    const char *folder = fuzz_folder();
    fuzz_file(folder, "00000001", (struct fuzz_input){data, size}, size);
    struct ps_coordinator *c = ps_calloc(1, sizeof *c);
    c->options.state = folder;
    c->options.takeover = true;
    if (ps_state_open(c, &err))
        abort(); /* a record that is damaged is passed over */
    for (int i = 0; i < c->members; i++)
        free(c->member[i]);
    free(c->member), free(c->base), free(c);
    for (int i = 1; i < 4; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/%08d", folder, i);
        unlink(path);
    }
    return 0;
}
