#!/bin/bash
# Sessions out of logs: the command line, and the published examples of real ones.
. "$(dirname "$0")/helpers.sh"

# A session a line, and what is wrong with a command line is said in one sentence.
printf 'a b c\nd\nb c b a\n' > train.txt
printf 'a b zz\n' > test.txt
penstock 0 prepare --sessions --format lists --valid none --test test.txt --out lists train.txt
penstock 0 inspect --verify lists
expect out.txt '^ +2 sessions in training, 3.50 steps each, the longest of all has 4$'
expect out.txt '^ +2 test cases, 1 with a cold target$'
penstock 0 inspect --cases test lists
printf 'case\titems\toperations\ttarget\toperation\n1/2\ta b\tevent event\tzz\tevent\n1/1\ta\tevent\tb\tevent\n' | cmp - out.txt
penstock 0 inspect --cases valid lists
[ "$(wc -l < out.txt)" = 1 ] || fail 'there are validation cases'
penstock 2 prepare --sessions --format lists --out x train.txt
expect err.txt '^penstock prepare: --sessions wants one of --test FILE, --test-from, --last-item and --test none$'
penstock 2 prepare --sessions --test none --keep-future --out x train.txt
expect err.txt '^penstock prepare: --keep-future is for interactions, not for --sessions$'
penstock 2 prepare --behaviours a --last 3 --out x train.txt
expect err.txt '^penstock prepare: --last is for sessions; say --sessions, too$'
printf 'user,item\nu,a\n' > users.csv
penstock 3 prepare --sessions --test none --out x users.csv
expect_one_line err.txt
expect err.txt 'no column for the session among .*; or find the sessions of users with --session-gap$'
penstock 0 synth --out log.tsv --users 20 --items 20 --interactions 200
penstock 0 prepare --behaviours view,cart,buy --out shop log.tsv
penstock 2 inspect --cases test shop
expect err.txt '^penstock: --cases is for datasets of sessions; shop has interactions$'

# MKM-SR's demo: exactly the 1,648 examples of the authors, in their order.
need_data mkmsr-demo
penstock 0 prepare --sessions --last 29 --behaviour-column op --time-column epoch --out demo \
    --test "$data/test.tsv.xz" "$data/train.tsv.xz"
penstock 0 inspect --cases test demo
tail -n +2 out.txt | cut -f 2-4 > cases.tsv
xz -dc "$data/golden_test_examples.tsv.xz" | tail -n +2 > golden.tsv
[ "$(wc -l < golden.tsv)" = 1648 ] || fail "golden_test_examples.tsv.xz has not 1,648 examples"
cmp cases.tsv golden.tsv || fail 'the cases are not the published examples'
