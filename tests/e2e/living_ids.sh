#!/bin/bash
# Ids that come and go: rows after so many sightings, rows that go when nobody uses them, within a run and over warm starts, the same to the last bit for
# any number of servers and workers and through a resume; a limit of memory; who has no row is ranked by a fallback; counts in the log, the
# report and the status.
# time limit: 240
. "$(dirname "$0")/helpers.sh"
make_data
configure model.name=gmf early_stop.every=2 train.consistency=sync train.lanes=4 train.epochs=3 train.batch=256 early_stop.patience=0
ids() { # EPOCH NUMBER: a number of the run's log
    sed -n "s/.*\"event\":\"ids\",\"epoch\":$2,.*\"$3\":\([0-9]*\).*/\1/p" "$1/log.jsonl" | tail -n 1
}

# Without a word about them nothing is said of ids, and 0 and 1 are the same.
penstock 0 train run.yaml --run plain --quiet
refuse plain/log.jsonl '"event":"ids"'
digest plain
plain=$digest
penstock 0 train run.yaml --run once --set servers.admit_after=1 --quiet
same_digest once "$plain"

# Admission: some are admitted, some wait, all stay; whatever the processes.
admit=(--set servers.admit_after=9 --set servers.evict_after=2)
penstock 0 train run.yaml --run one "${admit[@]}"
digest one
want=$digest
[ "$want" != "$plain" ] || fail 'admission changes nothing'
[ "$(ids one 3 waiting)" -gt 20 ] || fail 'hardly anybody waits'
[ "$(ids one 1 admitted)" = "$(ids one 1 rows)" ] || fail 'not all rows of the first epoch were admitted in it'
[ "$(ids one 1 rows)" -gt 100 ] || fail 'hardly anybody is admitted'
expect one/metrics.json '"ids":\{"rows":[0-9]+,"waiting":[0-9]+,"admitted":[0-9]+,"evicted":0\}'
for shape in '3 1' '2 3'; do
    penstock 0 train run.yaml --run "ids-${shape/ /-}" --servers "${shape% *}" --workers "${shape#* }" "${admit[@]}"
    same_digest "ids-${shape/ /-}" "$want"
done
penstock 0 launch run.yaml --servers 2 --workers 2 --run launched "${admit[@]}" --set servers.replicas=1
same_digest launched "$want"
penstock 0 train run.yaml --run parts --set train.epochs=1 --servers 2 "${admit[@]}" --set checkpoint.steps=2 --set checkpoint.base=5
penstock 0 train --resume parts --set train.epochs=3 --quiet
same_digest parts "$want"
penstock 0 inspect --verify one
expect out.txt '^  sightings.0 '

# Half of the users are away for three epochs over two runs: their rows go, and not before.
awk -F'\t' 'NR == 1 || $1 ~ /[02468]$/' log.tsv > half.tsv
penstock 0 prepare --out half --dictionary data --behaviours view,cart,buy half.tsv
evict=(--set data.path=half --set servers.evict_after=3 --set train.epochs=2 --quiet)
penstock 0 train run.yaml --run all --set servers.evict_after=3 --set train.epochs=2 --quiet
penstock 0 train run.yaml --run first --set train.warm_start=all "${evict[@]}"
before=$(ids all 2 rows)
[ "$(ids first 2 evicted)" = 0 ] && [ "$(ids first 2 rows)" = "$before" ] || fail 'rows went before their time'
penstock 0 train run.yaml --run second --set train.warm_start=first "${evict[@]}" --servers 2
[ "$(ids second 1 evicted)" = 0 ] || fail 'rows went after two epochs instead of three'
gone=$(ids second 2 evicted)
[ "$gone" -gt 100 ] || fail "$gone rows have gone"
[ "$(ids second 2 rows)" = $((before - gone)) ] || fail 'the rows that stay are not all but those that went'
expect second/metrics.json "\"ids\":\{\"rows\":$((before - gone)),\"waiting\":$gone,\"admitted\":0,\"evicted\":$gone\}"

# Who has no row has the popular items, as a new user; items without one are in no list, and rank last. The run itself ranked so too.
penstock 0 export second
cat > absent.py << 'P'
import struct, sys
def rows(path, size=64): # 16 floats
    data = open(path, "rb").read()
    data = data[10 + struct.unpack("<H", data[8:10])[0]:]
    return [data[i:i + size] for i in range(0, len(data), size)]
for line, row in zip(open(f"{sys.argv[1]}/export/{sys.argv[2]}s.tsv").read().split("\n")[1:], rows(f"{sys.argv[1]}/export/{sys.argv[2]}.embedding.npy")):
    if not any(row):
        print(line.split("\t")[1])
known = rows(f"{sys.argv[1]}/export/{sys.argv[2]}.known.npy", 4)
assert [any(row) for row in rows(f"{sys.argv[1]}/export/{sys.argv[2]}.embedding.npy")] == [x == struct.pack("<f", 1) for x in known]
P
if command -v python3 > /dev/null; then
    run 0 10 python3 absent.py second user
    cp out.txt absent.txt
    # beside those whose rows have gone there may be some who have never bought anything
    [ "$(wc -l < absent.txt)" = $((400 + 250 - $(ids second 2 rows))) ] || fail 'other users have no row than the log says'
    head -n 2 absent.txt > two.txt
    penstock 0 recommend second --topk 5 --mask none --out - --users two.txt
    sed 1d out.txt > fallback.txt
    penstock 0 train run.yaml --run rule --set data.path=half --set model.name=popularity --quiet
    penstock 0 recommend rule --topk 5 --mask none --out - --users two.txt
    cmp <(cut -f 1-3 fallback.txt) <(sed 1d out.txt | cut -f 1-3) || fail 'who has no row does not have the popular items'
    # a name that nobody has heard of has them too
    penstock 0 recommend second --topk 5 --mask none --out - --user nobody --user "$(head -n 1 two.txt)"
    expect err.txt "users that are not in .* have the popular items: 1 of those named, 'nobody' the first of them"
    cmp <(grep ^nobody out.txt | cut -f 2-3) <(grep -v ^nobody out.txt | sed 1d | cut -f 2-3) || fail 'a stranger does not have the popular items'
    # items that are not drawn as negatives, of which some have hardly been seen
    penstock 0 train run.yaml --run rare --set servers.admit_after=12 --set train.negatives_from=popularity --set train.popularity_exponent=2 --quiet
    penstock 0 export rare
    run 0 10 python3 absent.py rare item
    cp out.txt absent.txt
    [ -s absent.txt ] || fail 'every item has a row'
    penstock 0 recommend rare --topk 250 --mask none --out all.tsv
    [ "$(cut -f 3 all.tsv | sed 1d | sort -u | grep -cxFf absent.txt)" = 0 ] || fail 'an item without a row is in a list'
    [ "$(cut -f 3 all.tsv | sed 1d | sort -u | wc -l)" = $((250 - $(wc -l < absent.txt))) ] || fail 'an item with a row is in no list'
fi
# A run that is asked while it goes on, and its checkpoint, rank alike.
penstock 0 evaluate one --split valid --json valid.json
cmp <(grep -o '{"split":"valid".*' one/metrics.json | sed 's/,$//; s/]}$//') valid.json || fail 'the checkpoint ranks in another way than the run did'

# A limit of memory: rows stay within it, on every server.
penstock 0 train run.yaml --run limited --set servers.memory=1 --set model.embedding=1024 --servers 2 --quiet
[ "$(ids limited 3 evicted)" -gt 10 ] || fail 'nothing has gone'
[ "$(ids limited 3 rows)" -le $((2 * 1048576 / (2 * 1024 * 4))) ] || fail "more rows than there is room for: $(ids limited 3 rows)"

# What cannot do with rows that go says so.
penstock 2 train run.yaml --run no --set servers.admit_after=2 --set optimizer.name=adam_dense
expect err.txt 'rows come and go, which adam_dense cannot do with'
expect_one_line err.txt
penstock 2 train run.yaml --run no --set servers.memory=10 --set model.loss=whole
expect err.txt 'rows come and go, which model.loss: whole cannot do with'
penstock 2 train run.yaml --run no --set servers.evict_after=2 --set model.name=wmf_als
expect err.txt 'rows come and go, which alternating least squares cannot do with'
