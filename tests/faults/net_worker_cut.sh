#!/bin/bash
# The cable of a worker's host is pulled, the worker is taken for dead, and the cable is plugged in again: what comes then of its old
# lanes is refused, and it works again.
. "$(dirname "$0")/helpers.sh"
on_hosts
worker_away cable
release 1
survived
