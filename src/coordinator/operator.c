/* operator.c - what penstock status and penstock scale ask of a run. Whoever can read RUN/keys/token may ask. */
#include <stdlib.h>
#include <string.h>

#include "coordinator/internal.h"
#include "coordinator/runlog.h"

/* In a time that does not tell how much of the token was right. */
static bool knows(const char *token, const char *given)
{
    size_t length = token ? strlen(token) : 0;
    unsigned different = !length || strlen(given) != length;
    for (size_t i = 0; !different && i < length; i++)
        different |= (unsigned)(token[i] ^ given[i]);
    return !different;
}

static void scale(struct ps_coordinator *c, const struct ps_control *ask, struct ps_control *answer, char *text, size_t size)
{
    if ((ask->role == PS_ROLE_WORKER && ask->count <= PS_MAX_LANES) ||
        (ask->role == PS_ROLE_SERVER && ask->count >= 1 && ask->count <= PS_MAX_SHARDS)) {
        ps_workers_scale(c, (enum ps_role)ask->role, (int)ask->count, text, size);
        return;
    }
    answer->code = PS_EXIT_USAGE;
    snprintf(text, size, "this run cannot change the number of its %ss", ps_role_name((enum ps_role)ask->role));
}

void ps_operator_handle(struct ps_coordinator *c, uint64_t routing_id, const struct ps_control *ask)
{
    char sentence[256] = "";
    struct ps_control answer = {.kind = PS_ANSWER, .request = ask->request, .text = sentence};
    if (!knows(c->options.token, ask->text)) {
        answer.code = PS_EXIT_USAGE;
        ps_strangers_refuse(c, "a question without the token of this run");
        snprintf(sentence, sizeof sentence, "the coordinator refuses: this is not the token of its run (RUN/keys/token)");
    } else if (ask->code == PS_ASK_STATUS) {
        answer.text = ps_status_text(c);
    } else if (ask->code == PS_ASK_SCALE) {
        scale(c, ask, &answer, sentence, sizeof sentence);
    } else if (ask->code == PS_ASK_TRACE) {
        char *text = NULL;
        answer.code = (uint32_t)ps_tracing_ask(c, ask->from, ask->count, &text);
        if (text)
            answer.text = text;
        else
            snprintf(sentence, sizeof sentence, "the run is being traced for somebody else; try again in a minute");
    } else {
        answer.code = PS_EXIT_USAGE;
        snprintf(sentence, sizeof sentence, "the coordinator, another version, does not know this request");
    }
    ps_send_to(c, routing_id, ask->from, &answer);
    if (answer.text != sentence)
        free(answer.text);
}
