#!/bin/bash
# NeuMF begins with what GMF and MLP have learned: every parameter is the one of the paper's equation 13, by any share; it goes on from
# there also after a resume and a lost server; runs that do not fit are refused with what is wrong.
. "$(dirname "$0")/helpers.sh"
make_data
configure model.layers=2
penstock 0 train run.yaml --run gmf --set model.name=gmf --quiet
penstock 0 train run.yaml --run mlp --set model.name=mlp --quiet
penstock 0 export gmf
penstock 0 export mlp
both=(--set model.name=neumf --set model.pretrained_gmf=gmf --set model.pretrained_mlp=mlp)

# A learning rate that changes nothing leaves what the run began with.
begin() { # name, share
    penstock 0 train run.yaml --run "$1" "${both[@]}" --set model.pretrained_share="$2" --set optimizer.lr=1e-30 --set train.epochs=1 \
        --servers 2 --quiet
    penstock 0 export "$1"
}
same() { # run's array, other run's
    cmp "$1.npy" "$2.npy" || fail "$1 is not $2"
}
begin all-gmf 1
for entity in user item; do
    same all-gmf/export/$entity.embedding_gmf gmf/export/$entity.embedding
    same all-gmf/export/$entity.embedding_mlp mlp/export/$entity.embedding
done
same all-gmf/export/gmf_h gmf/export/gmf_h
same all-gmf/export/bias gmf/export/bias
begin all-mlp 0
for tensor in tower_w1 tower_b1 tower_w2 tower_b2 tower_h bias; do
    same all-mlp/export/$tensor mlp/export/$tensor
done
# A share of one half: twice of it is the whole.
begin half 0.5
cat > check.py << 'P'
import struct
def load(path):
    data = open(path, "rb").read()
    data = data[10 + struct.unpack("<H", data[8:10])[0]:]
    return struct.unpack("<%df" % (len(data) // 4), data)
gmf, mlp = (load(f"{run}/export/bias.npy")[0] for run in ("gmf", "mlp"))
assert abs(load("half/export/bias.npy")[0] - (gmf + mlp) / 2) < 1e-6
for tensor, run in (("gmf_h", "gmf"), ("tower_h", "mlp")):
    for half, whole in zip(load(f"half/export/{tensor}.npy"), load(f"{run}/export/{tensor}.npy")):
        assert half * 2 == whole and whole != 0
P
if command -v python3 > /dev/null; then run 0 10 python3 check.py; fi

# The ranking of the share of 0 is MLP's.
penstock 0 evaluate mlp
grep '^  mlp ' out.txt | sed 's/mlp *//' > mlp.txt
penstock 0 evaluate all-mlp
grep '^  neumf ' out.txt | sed 's/neumf *//' > neumf.txt
cmp mlp.txt neumf.txt || fail 'the same parameters rank otherwise'

# From the first checkpoint on it is a run like any other.
penstock 0 train run.yaml --run whole "${both[@]}" --set train.consistency=sync --quiet
digest whole
want=$digest
penstock 0 train run.yaml --run parts "${both[@]}" --set train.consistency=sync --set train.epochs=1 --servers 3 --quiet
penstock 0 train --resume parts --set train.epochs=2 --quiet
same_digest parts "$want"

penstock 2 train run.yaml --run no --set model.name=neumf --set model.pretrained_gmf=gmf
expect err.txt 'model.pretrained_gmf is given without model.pretrained_mlp'
penstock 2 train run.yaml --run no "${both[@]}" --set model.name=gmf
expect err.txt 'but model.name is gmf'
penstock 2 train run.yaml --run no "${both[@]}" --set model.embedding=8
expect err.txt "the run gmf has nothing that fits 'user' of this model"
penstock 2 train run.yaml --run no "${both[@]}" --set model.pretrained_mlp=gmf
expect err.txt "model.pretrained_mlp: the run gmf has nothing that fits 'tower_w1'"
