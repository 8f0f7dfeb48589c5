#!/bin/bash
# penstock plan: of given sizes, of a dataset, as JSON, with rates of a file; what cannot be planned is refused.
# under sanitizers: yes
. "$(dirname "$0")/helpers.sh"

penstock 0 plan --users 1e8 --items 1e7 --interactions 1e10 --model nmtr_gmf --dim 64 --hosts 100 --cores 16 --memory 64 --seconds 0.01
expect out.txt '^nmtr_gmf, embeddings of 64, batches of 4096, async$'
expect out.txt '^100 M users, 10\.0 M items, 50\.0 G samples an epoch$'
expect out.txt '^  memory      110 M rows; a server .*B, a host .*B at most of 68\.7 GB: fits$'
expect out.txt '<- the limit$'
expect out.txt '^  expected .* M samples/s, an epoch in [0-9.]+ (hours|minutes)$'
penstock 0 plan --users 1e8 --items 1e7 --interactions 1e10 --model nmtr_gmf --dim 64 --hosts 2 --cores 16 --memory 8 --seconds 0.01
expect out.txt ': DOES NOT FIT$'

penstock 0 plan --rates
sed 's/^  bandwidth: 10$/  bandwidth: 0.001/' out.txt > rates.yaml
expect rates.yaml '^  bandwidth: 0.001$'
penstock 0 plan --users 1e5 --items 1e4 --interactions 1e6 --hosts 3 --cores 2 --json --seconds 0.01 --calibration rates.yaml
expect out.txt '"limited_by":"worker_links"'
penstock 0 plan --users 1e5 --items 1e4 --interactions 1e6 --hosts 3 --cores 2 --json --seconds 0.01 --calibration rates.yaml --bandwidth 1000 \
    --rate server_tcp.row=1e9 --servers 1
expect out.txt '"limited_by":"servers"'
penstock 2 plan --users 1e5 --items 1e4 --interactions 1e6 --rate host.width=1
expect err.txt 'host.width is not a key'

# Of a dataset: its own micro-batches and samples. What the plan has them ask for is what a run of it asks for.
make_data
configure train.epochs=1 train.lanes=1 train.consistency=sync eval.floors=false
penstock 0 plan run.yaml --json --servers 1 --workers 1 --seconds 0.01
expect out.txt '"model":"nmtr_neumf"'
planned=$(sed -n 's/.*"epoch_samples":\([0-9]*\),.*/\1/p' out.txt)
penstock 0 train run.yaml --run run --servers 1 --workers 1
trained=$(sed -n 's/.*"event":"epoch","epoch":1,.*"samples":\([0-9]*\).*/\1/p' run/log.jsonl)
[ "$planned" -ge "$trained" ] && [ "$planned" -le $((trained + trained / 50)) ] || fail "planned $planned samples, trained on $trained"
penstock 0 plan --data data --model gmf --seconds 0.01
expect out.txt '^gmf, '

penstock 2 plan
expect err.txt 'say what is trained on'
penstock 2 plan --users 1e5 --items 1e4
expect err.txt 'go together'
penstock 2 plan --users 1e5 --items 1e4 --interactions 1e6 --model popularity
expect err.txt 'popularity does not learn by micro-batches'
penstock 2 plan --users 1e5 --items 1e4 --interactions 1e6 --model mfpr
expect err.txt "mfpr looks up users' histories"
penstock 2 plan --users 1e5 --items 1e4 --interactions 1e6 --model no_such
expect err.txt "which is no model"
penstock 2 plan --users 1e5 --items 1e4 --interactions 1e6 --hosts 2 --server-hosts 2
expect err.txt 'leaves no host'
