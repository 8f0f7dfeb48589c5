"""model.safetensors and the .npy files hold the same matrices to the bit; names and shapes fit together; the card's checksums hold."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "lib"))
import numpy as np
from exports import exports
from safetensors import safe_open

matrices = 0
for export in exports():
    with safe_open(export.folder / "model.safetensors", framework="numpy") as file:
        names = set(file.keys())
        assert file.metadata()["model"] == export.card["model"]["name"]
        assert file.metadata()["dataset"] == export.card["data"]["fingerprint"]
        assert names == {path.name[: -len(".npy")] for path in export.folder.glob("*.npy")}, export.name
        for name in sorted(names):
            a, b = file.get_tensor(name), np.load(export.folder / f"{name}.npy", mmap_mode="r")
            assert a.dtype == b.dtype == np.float32 and a.shape == b.shape and np.array_equal(a, b), f"{export.name}: {name}"
            assert np.isfinite(a).all(), f"{export.name}: {name}"
            if name.startswith("item.") and name.count(".") == 1:
                assert len(a) == len(export.items), f"{export.name}: {name}"
            matrices += 1
    for entry in export.card["files"]:
        assert (export.folder / entry["name"]).stat().st_size == entry["bytes"]
    assert export.card["metrics"]["model"] == export.card["model"]["name"]
print(f"numpy {np.__version__} and safetensors: {matrices} matrices")
