/* crew.h - servers and workers as threads of this process. The first failure of one is kept. */
#ifndef PS_CLI_CREW_H
#define PS_CLI_CREW_H

#include "cli/meeting.h"

struct ps_crew;
struct ps_crew *ps_crew_start(struct ps_net *net, const struct ps_meeting *meeting, int servers, int workers);
/* Waits for all of them; 0, or the first failure. Frees the crew. */
int ps_crew_join(struct ps_crew *crew, struct ps_error *err);

#endif
