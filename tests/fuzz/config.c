/* config.c - configurations in YAML, the meeting point of a run, and its keys: all are read from texts that others may have written.
 * A configuration that is taken comes back the same when it is written and read. */
#include "fuzz.h"

#include "cli/credentials.h"
#include "cli/meeting.h"
#include "common/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct ps_config config, again;
    struct ps_meeting meeting;
    struct ps_credentials credentials;
    struct ps_error err;
    char *text = fuzz_text((struct fuzz_input){data, size}), path[512];
    if (!ps_config_load_text(&config, text, "fuzz.yaml", &err)) {
        char *written = ps_config_write(&config), *twice;
        if (ps_config_load_text(&again, written, "written.yaml", &err))
            abort();
        twice = ps_config_write(&again);
        if (strcmp(written, twice))
            abort();
        free(written), free(twice);
    }
    if (!ps_meeting_parse(&meeting, text, "fuzz.yaml", &err) && !meeting.failed) {
        char *written = ps_meeting_write(&meeting);
        free(written);
        ps_net_stays_on_host(meeting.endpoint);
    }
    if (strstr(text, "member_secret")) {
        fuzz_file(fuzz_folder(), "key", (struct fuzz_input){data, size}, size);
        snprintf(path, sizeof path, "%s/key", fuzz_folder());
        ps_credentials_read(path, &credentials, &err);
    }
    free(text);
    return 0;
}
