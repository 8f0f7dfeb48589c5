#!/bin/bash
# --resume: two epochs and two more are four epochs; what early stopping knows survives; what is no run is refused.
# time limit: 400
# under sanitizers: yes
. "$(dirname "$0")/helpers.sh"
make_data
configure train.consistency=sync train.epochs=4 early_stop.patience=0 optimizer.decay=0.5 optimizer.decay_every=3 eval.floors=false
same() { # runs
    digest "$1"
    local want=$digest
    same_digest "$2" "$want"
}
facts() { # run: what was trained and validated, without times
    grep -E '"event":"(epoch|validation)"' "$1/log.jsonl" | sed 's/"time":"[^"]*",//; s/,"seconds".*/}/'
}

penstock 0 train run.yaml --run straight
penstock 0 train run.yaml --run halves --set train.epochs=2
penstock 0 train --resume halves --set train.epochs=4 --servers 2 --workers 2
same straight halves
diff <(facts straight) <(facts halves) || fail 'the log of two halves is not that of the whole'
[ "$(readlink halves/checkpoints/best)" = "$(readlink straight/checkpoints/best)" ] || fail 'another epoch is the best one'
expect halves/config.yaml '^  epochs: 4$'

# A rate that forgets what was learned: the validations after the first ones are without progress.
configure train.consistency=sync train.epochs=40 optimizer.name=sgd optimizer.lr=1e-12 early_stop.patience=4 \
    early_stop.metric=hr@50 eval.floors=false
penstock 0 train run.yaml --run patient
expect patient/metrics.json '"stopped_early":true'
penstock 0 train run.yaml --run parted --set train.epochs=3
expect parted/metrics.json '"stopped_early":false'
penstock 0 train --resume parted --set train.epochs=40
expect parted/metrics.json '"stopped_early":true'
diff <(facts patient) <(facts parted) || fail 'early stopping has forgotten what was before the resume'
same patient parted
# A run that has ended early stays ended.
penstock 0 train --resume parted
diff <(facts patient) <(facts parted) || fail 'resuming a run that stopped early trains on'

# What the rows depend on cannot change under way.
mkdir empty
penstock 3 train --resume nowhere
expect_one_line err.txt
expect err.txt 'nowhere'
[ ! -e nowhere ] || fail 'a refused resume made a folder'
penstock 3 train --resume empty
expect_one_line err.txt
penstock 3 launch --resume empty
[ -z "$(ls empty)" ] || fail "a refused resume left $(ls empty)"
penstock 3 train --resume straight --set model.embedding=32
expect_one_line err.txt
expect err.txt 'checkpoint .* has table .* the model wants'
penstock 3 evaluate straight --set model.embedding=32
expect_one_line err.txt
expect err.txt 'checkpoint .* has table .* the model wants'
penstock 0 train --resume straight
same halves straight
diff <(facts straight) <(facts halves) || fail 'resuming a finished run trains on'
