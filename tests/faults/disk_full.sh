#!/bin/bash
# The disk is full when a checkpoint is written, for real: RUN lies on a file system of 600 kB. The run ends with code 5 and one sentence;
# the checkpoint before is whole, and with room again --resume goes on.
. "$(dirname "$0")/helpers.sh"
if [ -z "${inside:-}" ]; then
    unshare -rm true 2> /dev/null || skip 'no namespaces can be made here: unshare -rm is refused'
    inside=1 exec unshare -rm "$0"
fi
mkdir run small
mount -t tmpfs -o size=4m tmpfs run
fault server recv:PUSH 600 HOLD # in the second epoch, when the first checkpoint is there
start
fired 0
event '"event":"checkpoint"'
dd if=/dev/zero of=run/ballast bs=1k 2> dd.txt && fail 'the disk has no end'
release 0
ends 5
expect run.txt 'No space left on device'
rm run/ballast
penstock 0 inspect run/checkpoints/last
resume
whole
same
