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

# The columns of public files are found, or named as docs/data.md tells.
cat > mkmsr.csv << 'CSV'
action_time,user_id,sku_id,type,sessionId,index
2018-03-01 00:00:06,0,133835,1,42,1519862406
2018-03-01 00:00:47,0,228138,2,42,1519862447
CSV
penstock 0 prepare --sessions --last 29 --time-column index --test mkmsr.csv --out mkmsr mkmsr.csv
penstock 0 inspect --cases test mkmsr
printf 'case\titems\toperations\ttarget\toperation\n42/1\t133835\t1\t228138\t2\n' | cmp - out.txt
cat > jdata.csv << 'CSV'
user_id,sku_id,action_time,module_id,type
u,1,2018-03-01 00:00:06,m,1
u,2,2018-03-01 00:20:00,m,1
u,3,2018-03-01 00:51:00,m,4
u,4,2018-03-01 01:00:00,m,4
CSV
penstock 0 prepare --sessions --session-gap 30m --test-from 0.1 --valid none --out jdata jdata.csv
penstock 0 inspect --cases test jdata
printf 'case\titems\toperations\ttarget\toperation\nu#2/1\t3\t4\t4\t4\n' | cmp - out.txt
cat > tenrec.csv << 'CSV'
user_id,item_id,click,follow,like,share,video_category,watching_times,gender,age
1,a,1,0,1,0,0,3,1,2
1,b,0,0,0,0,1,0,1,2
1,c,1,1,1,0,0,3,1,2
1,d,1,0,0,1,0,1,1,2
1,e,1,0,0,0,0,1,1,2
CSV
penstock 0 prepare --sessions --session-gap none --step-column click --feedback follow,like,share --last-item --out tenrec tenrec.csv
expect out.txt "^  events with 'like' +2  66.67 %$"
penstock 0 inspect --cases test tenrec
printf 'case\titems\toperations\ttarget\toperation\n1/4\ta b c d\tevent shown event event\te\tevent\n' | cmp - out.txt
cat > kkbox.csv << 'CSV'
msno,song_id,source_system_tab,source_screen_name,source_type,target
m,a,t,s,local-library,1
m,b,t,s,radio,0
m,c,t,s,other,0
m,c,t,s,radio,1
CSV
penstock 0 prepare --sessions --session-gap none --user-column msno --item-column song_id --behaviour-column source_type \
    --behaviours local-library,radio --last-item --out kkbox kkbox.csv
expect out.txt "^lines of behaviour 'other' +1  \(passed over\)$"
expect out.txt '^test cases +1  100.0 % have a cold target$'

# Made sessions, from the log to a model's first epoch.
penstock 0 synth --sessions --out made.tsv --triples triples.tsv --users 100 --items 100 --tastes 5 --interactions 4000
penstock 0 prepare --sessions --behaviour-column operation --step-column step --feedback like,share --item-triples triples.tsv \
    --test-from 0.1 --out made made.tsv
expect out.txt '^values of item feature brand +25 '
penstock 0 inspect --verify made
expect out.txt "^ +[0-9]+ of operation 'order'$"
expect out.txt '^every byte is as it was written$'
printf 'data:\n  path: made\nmodel:\n  name: srgnn\n  embedding: 8\ntrain:\n  epochs: 1\n' > made.yaml
penstock 0 train made.yaml --run RUN
expect out.txt '^all next items '

# MKM-SR's demo: exactly the 1,648 examples of the authors, in their order.
need_data mkmsr-demo
penstock 0 prepare --sessions --last 29 --behaviour-column op --time-column epoch --out demo \
    --test "$data/test.tsv.xz" "$data/train.tsv.xz"
penstock 0 inspect --cases test demo
tail -n +2 out.txt | cut -f 2-4 > cases.tsv
xz -dc "$data/golden_test_examples.tsv.xz" | tail -n +2 > golden.tsv
[ "$(wc -l < golden.tsv)" = 1648 ] || fail "golden_test_examples.tsv.xz has not 1,648 examples"
cmp cases.tsv golden.tsv || fail 'the cases are not the published examples'
