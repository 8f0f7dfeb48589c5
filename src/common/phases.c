/* phases.c - the names of phases; see phases.h. */
#include "common/phases.h"

static const struct {
    const char *name, *meaning;
    bool worker, server, work;
} phases[PS_PHASES] = {
    [PS_PHASE_BATCH] = {"batch", "reading and sampling micro-batches", true, false, true},
    [PS_PHASE_ROWS] = {"rows", "waiting for rows", true, false, false},
    [PS_PHASE_FORWARD] = {"forward", "forward pass", true, false, true},
    [PS_PHASE_BACKWARD] = {"backward", "backward pass", true, false, true},
    [PS_PHASE_PUSH] = {"push", "sending gradients", true, false, true},
    [PS_PHASE_ACKS] = {"acks", "waiting for pushes to be acknowledged", true, false, false},
    [PS_PHASE_RANK] = {"rank", "ranking held-out targets", true, false, false},
    [PS_PHASE_READ] = {"read", "answering pulls", false, true, true},
    [PS_PHASE_TAKE] = {"take", "taking pushes in", false, true, true},
    [PS_PHASE_APPLY] = {"apply", "optimiser", false, true, true},
    [PS_PHASE_OTHER] = {"other", "messages, checkpoints and the like", true, true, false},
    [PS_PHASE_IDLE] = {"idle", "nothing to do", true, true, false}};

const char *ps_phase_name(enum ps_phase phase)
{
    return phases[phase].name;
}

const char *ps_phase_meaning(enum ps_phase phase)
{
    return phases[phase].meaning;
}

bool ps_phase_of_worker(enum ps_phase phase)
{
    return phases[phase].worker;
}

bool ps_phase_of_server(enum ps_phase phase)
{
    return phases[phase].server;
}

bool ps_phase_is_work(enum ps_phase phase)
{
    return phases[phase].work;
}
