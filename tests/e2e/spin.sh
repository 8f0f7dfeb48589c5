#!/bin/bash
# The models of the protocol hold, and what is wrong without a rule is found (make spin; docs/protocol.md, "What is modelled").
# time limit: 1800
. "$(dirname "$0")/helpers.sh"

command -v spin > /dev/null || skip "spin is not installed: scripts/install.sh spin"
"$PENSTOCK_ROOT/tests/spin/run" || fail "a model does not hold, or finds nothing where a rule is left out"
