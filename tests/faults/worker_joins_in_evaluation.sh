#!/bin/bash
# A worker joins while the others rank.
. "$(dirname "$0")/helpers.sh"
fault worker send:EVAL_DONE 1 HOLD
late_worker
release 0
survived
late_ends_well
