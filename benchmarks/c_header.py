"""What whole numbers cost: test accuracy of networks as trained, and as `mlplab export --format c` writes them.

Each network is trained with several seeds, and each seed is exported by itself. Training takes a few minutes.

    python benchmarks/c_header.py [--seeds 5] [--no-save]
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import report

import mlplab
from mlplab.exports.c import integer_network
from mlplab.exports.checking import rows_to_check

NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    "784-20-10": ("mnist", {"hidden": [20], "epochs": 10}),
    "784-20-10, Fashion": ("fashion-mnist", {"hidden": [20], "epochs": 10}),
    "128-64, batch normalisation": ("mnist", {"hidden": [128, 64], "batch_norm": True, "epochs": 10}),
    "128-64, batch normalisation, Fashion": ("fashion-mnist", {"hidden": [128, 64], "batch_norm": True, "epochs": 10}),
    "recipe speedrun: 64-64, GELU": ("fashion-mnist", {"recipe": "speedrun"}),
    "64, pixels as 4 numbers": ("fashion-mnist", {"hidden": [64], "pixel_encoding": 4, "epochs": 5}),
    "ladder 200-100": ("mnist", {"hidden": [200, 100], "ladder": "full", "batch_size": 100, "epochs": 5}),
}


def measured(data: str, settings: dict[str, Any], seeds: int, folder: Path) -> dict[str, Any]:
    """Train a network with several seeds; return accuracies by seed, and sizes in bytes."""
    run = mlplab.train(data, **settings, seed=0, seeds=seeds, out=folder, verbose=0)
    before, after, others, network = [], [], [], None
    for member in run.members:
        rows = rows_to_check(member)
        assert rows.labels is not None
        network = integer_network(member, rows)
        classes, exact = network.predict(rows.inputs)[0], rows.probabilities.argmax(1)
        before.append(float((exact == rows.labels).mean()))
        after.append(float((classes == rows.labels).mean()))
        others.append(int((classes != exact).sum()))
    assert network is not None
    sizes = {"flash": network.bytes, "ram": sum(network.buffers)}
    return {"data": data, "settings": settings, "before": before, "after": after, "other_classes": others, **sizes}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--no-save", action="store_true", help="print only")
    arguments = parser.parse_args()
    on = report.machine()
    results = {}
    print("network | accuracy as trained | in whole numbers | points lost: mean, most | other classes | flash | RAM")
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, (data, settings)) in enumerate(NETWORKS.items()):
            results[name] = got = measured(data, settings, arguments.seeds, Path(folder) / str(number))
            lost = 100 * (np.array(got["before"]) - got["after"])
            print(
                f"{name} | {np.mean(got['before']):.4f} | {np.mean(got['after']):.4f} | {lost.mean():.3f}, "
                f"{lost.max():.2f} | {np.mean(got['other_classes']):.0f} | {got['flash']:,} | {got['ram']:,}",
                flush=True,
            )
    if not arguments.no_save:
        report.save("c_header", {"seeds": arguments.seeds, "results": results}, on, ("mlplab", "jax", "keras", "numpy"))


if __name__ == "__main__":
    main()
