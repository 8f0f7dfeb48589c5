#!/bin/bash
# launch/slurm.sbatch on a small Slurm of three nodes: a coordinator's job, a server's and jobs of workers; one of them is cancelled in the
# middle and another one comes. The result is that of an embedded run, bit for bit, and the coordinator's job has the run's code.
# time limit: 500
. "$(dirname "$0")/helpers.sh"
. "$PENSTOCK_ROOT/tests/lab/lab.sh"
for program in slurmctld slurmd sbatch; do
    command -v $program > /dev/null || skip "no $program here: install slurmctld, slurmd and slurm-client"
done
lab_enter "$0" "$@" || skip 'no namespaces can be made here'
slurm=$PENSTOCK_ROOT/tests/lab/slurm
limit=120
make_data
configure train.consistency=sync train.epochs=150 early_stop.patience=0 early_stop.every=150 eval.floors=false checkpoint.every=150
penstock 0 train run.yaml --run embedded --workers 1
digest embedded
want=$digest

lab_up c1 n1 n2
"$slurm" up "$PWD/slurm" c1 n1 n2 > slurm.txt 2>&1 || { tail -n 20 slurm.txt; skip "Slurm does not start here: $(tail -n 1 slurm.txt)"; }
trap '"$slurm" down "$PWD/slurm"; kill $(jobs -p) 2> /dev/null; wait' EXIT
export PENSTOCK
submit() { # node, arguments of sbatch and of the script: the job's number
    local node=$1
    shift
    SLURM_CONF=$PWD/slurm/slurm.conf "$slurm" run "$PWD/slurm" sbatch --parsable -s -w "$node" "$@"
}
job() { # number: its state and exit code, as COMPLETED:0:0
    "$slurm" run "$PWD/slurm" scontrol show job "$1" | sed -n 's/.*JobState=\([A-Z]*\).*/\1/p; s/.*ExitCode=\([0-9:]*\).*/\1/p' | tr '\n' ' '
}
ended() { case $(job "$1") in PENDING* | RUNNING* | COMPLETING*) false ;; esac; }
show() { tail -n 5 penstock-*.log; }
members() { [ "$(grep -c "\"event\":\"member\",\"role\":\"$1\"" R/log.jsonl)" -ge "$2" ]; }
epochs() { [ "$(grep -c '"event":"epoch"' R/log.jsonl)" -ge "$1" ]; }

script=$PENSTOCK_ROOT/launch/slurm.sbatch
main=$(submit c1 "$script" train run.yaml R 1 3)
serve=$(submit n1 "$script" serve R)
first=$(submit n1 -n 1 "$script" work R)
second=$(submit n2 -n 2 "$script" work R)
wait_until 90 'the first epochs' epochs 2 || { show; exit 1; }
grep -q 'endpoint: "tcp://10.77.0.1:' R/state/coordinator || fail "the coordinator is at: $(cat R/state/coordinator)"
"$slurm" run "$PWD/slurm" scancel "$first"
wait_until 60 'the end of the cancelled job' ended "$first"
third=$(submit n2 -n 1 "$script" work R)
wait_until 60 'the worker that came late' members worker 4
wait_until 240 'the end of the run' ended "$main"
for number in $main $serve $second $third; do
    wait_until 30 "the end of job $number" ended "$number"
    [ "$(job "$number")" = 'COMPLETED 0:0 ' ] || { show; fail "job $number ended as $(job "$number")"; }
done
same_digest R "$want"

# The code of the run is that of the coordinator's job.
bad=$(submit c1 "$script" train nowhere.yaml S 1 1)
wait_until 60 'the end of a job without a configuration' ended "$bad"
[ "$(job "$bad")" = 'FAILED 3:0 ' ] || fail "a missing configuration ended as $(job "$bad")"
