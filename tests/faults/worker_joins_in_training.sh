#!/bin/bash
# A worker joins in the middle of an epoch.
. "$(dirname "$0")/helpers.sh"
fault server recv:PUSH 200 HOLD # so that the run is not over too soon
late_worker
release 0
survived
late_ends_well
