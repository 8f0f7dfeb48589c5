#!/bin/bash
# The coordinator's port belongs to somebody else: one sentence, code 4, nothing left; with the port free the same run starts.
# modes: sync
. "$(dirname "$0")/helpers.sh"
command -v python3 > /dev/null || skip "there is no python3"
python3 - << 'PY' > port.txt &
import socket, time
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(1)
print(s.getsockname()[1], flush=True); time.sleep(600)
PY
holder=$!
wait_until 20 'a port' test -s port.txt
port=$(cat port.txt)
start --set cluster.transport=tcp --set cluster.port="$port"
ends 4
expect run.txt "cannot listen on tcp://127.0.0.1:$port: the port is taken"
kill "$holder"
wait "$holder" || true
rm -rf run
start --set cluster.transport=tcp --set cluster.port="$port"
survived
