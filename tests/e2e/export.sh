#!/bin/bash
# What is exported can be read back: matrices as .npy and safetensors the same to the bit, an ONNX graph whose nodes and tables all are there, lists, a
# card that lists every file with its checksum. What cannot be exported is refused before anything is written; a full disk leaves the earlier
# export as it was, and what a killed one has left is in nobody's way. (tests/interop has the clients that compute with it.)
# under sanitizers: yes
. "$(dirname "$0")/helpers.sh"
make_data
configure model.name=nmtr_neumf model.cascade=prob train.epochs=1
penstock 0 train run.yaml --run run --quiet
penstock 0 export run --format npy,safetensors,onnx,topk --topk 5 --out out
expect out.txt '^out/model.onnx$'
expect out.txt '^out/card.json$'
penstock 0 recommend run --topk 5 --out lists.tsv
cmp lists.tsv out/top-5.tsv || fail 'the lists are not those of penstock recommend'

cat > check.py << 'PYTHON'
import json, os, struct, sys
folder = sys.argv[1]
def read(name):
    return open(os.path.join(folder, name), 'rb').read()
card = json.loads(read('card.json'))
names = [f['name'] for f in card['files']]
assert sorted(names + ['README.md', 'card.json']) == sorted(os.listdir(folder)), names
assert all(len(read(f['name'])) == f['bytes'] for f in card['files'])
assert card['metrics']['model'] == card['model']['name'] == card['configuration']['model.name'].strip('"')
readme = read('README.md').decode()
assert readme.startswith('# ' + card['model']['name']) and all('`%s`' % name in readme for name in names)
assert ('| popularity |' in readme) == ('popularity' in card['metrics']['results'][0]['models'])

values = read('model.safetensors')
length = struct.unpack_from('<Q', values)[0]
header = json.loads(values[8:8 + length])
assert header.pop('__metadata__')['dataset'] == card['data']['fingerprint']
assert {name + '.npy' for name in header} == {name for name in names if name.endswith('.npy')}
for name, entry in header.items():
    npy = read(name + '.npy')
    begin, end = (8 + length + offset for offset in entry['data_offsets'])
    assert list(eval(npy[10:128])['shape']) == entry['shape'] and npy[128:] == values[begin:end], name
assert 8 + length + max(e['data_offsets'][1] for e in header.values()) == len(values)

def fields(data): # of a protobuf message: (number, value)
    at, found = 0, []
    def varint():
        nonlocal at
        shift = value = 0
        while True:
            byte = data[at]; at += 1
            value |= (byte & 127) << shift; shift += 7
            if byte < 128:
                return value
    while at < len(data):
        key = varint()
        if key & 7 == 0:
            found.append((key >> 3, varint()))
        elif key & 7 == 5:
            found.append((key >> 3, data[at:at + 4])); at += 4
        else:
            assert key & 7 == 2, key
            size = varint()
            found.append((key >> 3, data[at:at + size])); at += size
    return found
def every(message, number):
    return [value for n, value in fields(message) if n == number]
model = read('model.onnx')
(graph,) = every(model, 7)
assert every(every(model, 8)[0], 2) == [13], 'the version of the operators'
known, tables = {b''}, 0
for value in every(graph, 11):
    known.add(every(value, 1)[0])
inputs = set(known)
for tensor in every(graph, 5):
    name = every(tensor, 8)[0]
    known.add(name)
    external = dict((every(e, 1)[0], every(e, 2)[0]) for e in every(tensor, 13))
    if external:
        location, _, tensor = name.decode().partition('/')
        entry = header[tensor]
        assert external[b'location'] == location.encode() == b'model.safetensors' and int(external[b'offset']) == 8 + length + entry['data_offsets'][0], name
        assert int(external[b'length']) == entry['data_offsets'][1] - entry['data_offsets'][0], name
        tables += 1
for node in every(graph, 1):
    assert set(every(node, 1)) <= known, (every(node, 4), every(node, 1))
    assert not set(every(node, 2)) & known
    known |= set(every(node, 2))
outputs = {every(value, 1)[0] for value in every(graph, 12)}
assert outputs <= known and tables > 2, tables
print(*sorted(n.decode() for n in inputs if n), '->', *sorted(n.decode() for n in outputs))
PYTHON
run 0 30 python3 check.py out
expect out.txt '^item user -> score$'

# The next export takes the place of what the card lists, and of nothing else.
echo mine > out/notes.txt
mkdir -p out/export.tmp/x
echo junk > out/export.tmp/model.onnx
penstock 0 export run --out out
[ -e out/item.embedding.npy ] && [ -e out/notes.txt ] || fail 'a file is missing'
[ ! -e out/model.onnx ] && [ ! -e out/top-5.tsv ] && [ ! -e out/export.tmp ] || fail "something is left: $(ls out)"
cp out/card.json before.json
status=0
(ulimit -f 8; exec "$PENSTOCK" export run --format safetensors --out out) > out.txt 2> err.txt || status=$?
[ $status = 5 ] || { cat err.txt; fail "a full disk gave status $status"; }
expect_one_line err.txt
cmp out/card.json before.json || fail 'a full disk has cost the earlier export its card'
[ ! -e out/export.tmp ] || fail 'a full disk has left files'

# What cannot be exported.
penstock 2 export run --format npy,onyx
expect err.txt "--format is npy, safetensors, onnx or topk, not 'onyx'"
for model in mfpr popularity; do
    penstock 0 train run.yaml --run $model --set model.name=$model --quiet
    penstock 2 export $model --format safetensors,onnx --out refused
    expect_one_line err.txt
    [ ! -e refused ] || fail "$model was refused, and something was written"
done
expect err.txt "'popularity' is a rule: it has no tables to export"
penstock 0 export popularity --format topk
expect out.txt '^popularity/export/top-10.tsv$'
penstock 0 train run.yaml --run indicators --set model.name=bpr --set 'model.indicators=[0.1,0.2]' --quiet
penstock 2 export indicators --format onnx --out refused
expect err.txt 'model.indicators look up what each user has done'
penstock 0 export indicators
refuse out.txt 'vector'

# Sessions: an item's vector, and a graph that makes the other one.
penstock 0 synth --sessions --users 60 --items 100 --interactions 3000 --out sessions.tsv
penstock 0 prepare --sessions --test-from 0.1 --out sessions sessions.tsv
for model in srgnn gru_mmoe m_ggnn_sr fpmc; do
    penstock 0 train run.yaml --run $model --set model.name=$model --set data.path=sessions --set eval.floors=$([ $model = fpmc ] && echo true || echo false) --quiet
    penstock 0 export $model --format npy,onnx
    run 0 30 python3 check.py $model/export
    expect out.txt '^item .*session.* -> query score$'
done
expect out.txt '^item session visitor -> query score$'

# What a session says by fpmc, for somebody who is not known: the mean of its items' baskets, as its matrices tell.
cut -f3 sessions.tsv | sed -n '2p;3p;9p' | paste -sd' ' > given.txt
penstock 0 recommend fpmc --sessions given.txt --topk 5 --out lists.tsv
cat > fpmc.py << 'PYTHON'
import struct
def npy(name):
    data = open('fpmc/export/' + name, 'rb').read()
    rows, cols = eval(data[10:128])['shape']
    return [struct.unpack_from('<%df' % cols, data, 128 + 4 * cols * r) for r in range(rows)]
row = {line.rstrip('\n').split('\t')[1]: int(line.split('\t')[0]) for line in list(open('fpmc/export/items.tsv', newline='\n'))[1:]}
item, basket, visitor = npy('item.embedding.npy'), npy('item.basket.npy'), npy('visitor.embedding.npy')
session = [row[name] for name in open('given.txt').read().split()]
mean = [sum(basket[i][j] for i in session) / len(session) for j in range(len(basket[0]))]
assert any(visitor[0]), 'the first visitor has learned nothing, so nothing is tested'
for line in list(open('lists.tsv'))[1:]:
    _, _, name, score = line.rstrip('\n').split('\t')
    dot = sum(a * b for a, b in zip(mean, item[row[name]][len(mean):]))
    assert abs(dot - float(score)) < 1e-5 * (1 + abs(dot)), (name, score, dot)
PYTHON
run 0 30 python3 fpmc.py
