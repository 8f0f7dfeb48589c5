#!/bin/bash
# All that a worker's host sends and gets vanishes, while its link stays up; later it is back.
. "$(dirname "$0")/helpers.sh"
on_hosts
worker_away hole
lab_crash w2 # the one that is back has to do everything now: it must hear of it
release 1
survived
