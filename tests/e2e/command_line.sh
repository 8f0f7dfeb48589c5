#!/bin/bash
# The program's front: help, version, refusals with the right exit codes, configuration checks.
# under sanitizers: yes
. "$(dirname "$0")/helpers.sh"

penstock 0 --help
expect out.txt '^usage: penstock COMMAND'
expect out.txt '^  config '
penstock 0 --version
expect out.txt '^penstock [0-9]+\.[0-9]+\.[0-9]+$'
penstock 0 help config
expect out.txt '^Usage: penstock config'
penstock 2
expect err.txt '^usage: penstock COMMAND'

# Every command that the help lists has a help of its own.
"$PENSTOCK" --help | sed -n 's/^  \([a-z][a-z]*\) .*/\1/p' > commands.txt
while read -r command; do
    penstock 0 "$command" --help
    expect out.txt "^Usage: penstock $command"
done < commands.txt

penstock 2 confg
expect_one_line err.txt
expect err.txt "^penstock: 'confg' is not a command; did you mean 'config'\?$"
penstock 2 frobnicate
expect_one_line err.txt
penstock 2 config --no-such-option

penstock 2 synth --out log.tsv --users -1
expect err.txt "^penstock synth: --users takes a whole number from 1 to 4294967294, not '-1'$"
penstock 2 synth --out log.tsv --noise 1.5
expect err.txt "^penstock synth: --noise takes a probability from 0 to 1, not '1.5'$"
penstock 2 recommend --topk 10x run
expect err.txt "^penstock recommend: --topk takes a whole number from 1 to 1000, not '10x'$"

printf 'data:\n  path: prepared\ntrain:\n  epocs: 3\n' > typo.yaml
penstock 2 config typo.yaml
expect_one_line err.txt
expect err.txt '^penstock: typo.yaml:4: train.epocs is not a key; did you mean train.epochs\?$'
printf 'data:\n  path: prepared\ntrain:\n  epochs: 3\n' > good.yaml
penstock 0 config good.yaml --set optimizer.lr=0.125
expect out.txt '^  lr: 0.125$'
expect out.txt '^  epochs: 3$'
cp out.txt effective.yaml
penstock 0 config effective.yaml
cmp out.txt effective.yaml || fail 'reading the effective configuration changes it'
penstock 3 config missing.yaml
expect_one_line err.txt

# A full disk must not look like success.
status=0
"$PENSTOCK" config > /dev/full 2> err.txt || status=$?
[ $status = 5 ] || fail "writing to a full disk gave status $status"
expect_one_line err.txt
