/* plan.h - how penstock plan shows what it has come to. */
#ifndef PS_CLI_PLAN_H
#define PS_CLI_PLAN_H

#include "cli/plan_cost.h"

/* memory: bytes that a host has. Both print to the standard output. */
void ps_plan_print(const struct ps_plan_task *task, const struct ps_plan *plan, double memory);
void ps_plan_json(const struct ps_plan_task *task, const struct ps_plan *plan, double memory);

#endif
