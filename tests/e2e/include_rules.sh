#!/bin/bash
# tests/include_rules finds each kind of breach; tests/run has it judge the real sources.
. "$(dirname "$0")/helpers.sh"

mkdir -p tree/src/{common,data,server,worker,coordinator,cli}
put() { printf '#include %s\n' "${@:2}" > "tree/src/$1"; }
judge() { run "$1" 10 "$PENSTOCK_ROOT/tests/include_rules" tree; }

put common/net.c '"common/net.h"' '<zmq.h>' '<stdio.h>'
put worker/client.c '"common/net.h"' '"data/dataset.h"' '"worker/client.h"'
put cli/train.c '"server/rows.h"' '"worker/client.h"' '"coordinator/lanes.h"'
judge 0

breach() { # file, what it includes, the sentence
    put "$1" "$2"
    judge 1
    expect_one_line err.txt
    expect err.txt "$3"
    rm "tree/src/$1"
}
breach common/x.c '"worker/client.h"' '^src/common/x.c:1: src/common must not include worker/client.h$'
breach data/x.c '"cli/run.h"' 'src/data must not include'
breach server/x.h '"worker/client.h"' 'src/server must not include'
breach worker/x.c '"coordinator/lanes.h"' 'src/worker must not include'
breach coordinator/x.c '"server/rows.h"' 'src/coordinator must not include'
breach cli/x.c '"rows.h"' 'must be written with its folder'
breach server/x.c '<zmq.h>' 'src/server/x.c:1: <zmq.h> belongs in src/common/net.c src/common/guard.c only'
breach server/x.c '<curl/curl.h>' 'is neither a system header nor'
breach server/x.c '"penstock.pb-c.h"' 'belongs in src/common/wire.c only'
mkdir tree/src/extra
breach extra/x.c '<stdio.h>' 'src/extra is no layer'

put common/codec.c '<lz4.h>'
put server/other.c '<lz4.h>'
judge 1
expect err.txt '<lz4.h> belongs in .* only'
rm -r tree/src
mkdir tree/src
judge 1
