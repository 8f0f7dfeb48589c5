#!/bin/bash
# The disk is full when a checkpoint is written, for real: RUN lies on a file system of 4 MB. The run warns and goes on, the checkpoint
# before is whole meanwhile, and with room again the next one is written.
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
wait_until "$patience" 'the warning' grep -q 'checkpoint epoch-0002 could not be written: .*No space left on device' run.txt
penstock 0 inspect --verify run/checkpoints/last
expect out.txt 'epoch-0001|end of epoch 1'
rm run/ballast
survived
[ "$(readlink run/checkpoints/last)" = epoch-0003 ] || fail "the last checkpoint is $(readlink run/checkpoints/last)"
