"""`compare` on real runs: how often it calls two seeds of one network different, whether it finds 512-512 better than
20 units, and how long it takes.

Pairs of seeds are disjoint, 2·PAIRS runs of a recipe, so that they are independent of each other. McNemar's test asks
whether two trained networks would differ on other test rows too. Where training ends with a learning rate near 0, seeds
hardly differ in quality, and the test should find a difference in about one of twenty pairs. At a constant rate, as in
the notebook, the last steps make one network truly a little better than another, and the test should find that in many
pairs. Both are measured, with the standard deviation over seeds and the one that the test set alone would cause.

    python benchmarks/comparison.py [--pairs 20] [--rounds 7]
"""

import argparse
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import report

import mlplab
from mlplab.inspection.comparison import compare
from mlplab.runs import Run

RECIPES: dict[str, dict[str, Any]] = {
    "256-128, cosine": {
        "hidden": [256, 128],
        "dropout": 0.2,
        "schedule": "cosine",
        "epochs": 10,
        "batch_size": 256,
        "validation": 0,
    },
    "20, constant rate": {"hidden": [20], "epochs": 10, "batch_size": 32, "validation": 0},
    "512-512": {"hidden": [512, 512], "schedule": "cosine", "epochs": 6, "batch_size": 256, "validation": 0},
}
LARGE_RUNS = 4


def trained(folder: Path, recipe: str, seeds: int) -> list[Run]:
    """Train a recipe on Fashion-MNIST with the seeds 0, 1, 2, …"""
    runs = []
    for seed in range(seeds):
        out = folder / f"{recipe.replace(', ', '-').replace(' ', '-')}-{seed}"
        runs.append(mlplab.train("fashion-mnist", seed=seed, out=out, verbose=0, **RECIPES[recipe]))
        print(f"{recipe}, seed {seed}: {accuracy(runs[-1]):.4f}", flush=True)
    return runs


def accuracy(run: Run) -> float:
    assert run.result is not None
    return run.result["test"]["accuracy"]


def of_seeds(runs: Sequence[Run]) -> dict[str, Any]:
    """Compare the seeds 0 and 1, 2 and 3, …"""
    rows = [compare(*pair).pairs.rows()[0] for pair in zip(runs[::2], runs[1::2], strict=True)]
    found = np.array([accuracy(run) for run in runs])
    # Of a difference, if only chance decided who gets which of the rows that one alone gets right.
    by_chance = [math.sqrt(row["only_a"] + row["only_b"]) / row["n"] for row in rows]
    differences = np.array([row["difference"] for row in rows])
    return {
        "pairs": len(rows),
        "not_significant": sum(row["p_value"] >= 0.05 for row in rows),
        "p_values": [row["p_value"] for row in rows],
        "differences": differences.tolist(),
        "accuracy": {"mean": found.mean(), "sd": found.std(ddof=1), "runs": len(found)},
        "difference_sd": {"found": math.sqrt(np.mean(differences**2)), "by_chance": float(np.mean(by_chance))},
    }


def of_sizes(large: Sequence[Run], small: Sequence[Run]) -> dict[str, Any]:
    """Compare each large network with a small one, and the two groups."""
    rows = [compare(*pair).pairs.rows()[0] for pair in zip(large, small, strict=True)]
    groups = compare(*large, *small)
    return {
        "pairs": len(rows),
        "large_better": sum(row["p_value"] < 0.05 and row["difference"] > 0 for row in rows),
        "differences": [row["difference"] for row in rows],
        "largest_p": max(row["p_value"] for row in rows),
        "over_seeds": groups.group_pairs.rows()[0],
        "verdict": groups.verdicts[-1],
    }


def seconds(runs: Sequence[Run], folder: Path, rounds: int) -> dict[str, Any]:
    """Wall time of whole processes `mlplab compare A B`."""
    command = [sys.executable, "-m", "mlplab", "compare", *[str(run.path) for run in runs]]
    kinds = {"text": [], "json": ["--json", "--quiet"], "page": ["--out", str(folder / "page.html")]}
    found: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _, kind in report.alternating(list(kinds), rounds):
        start = time.perf_counter()
        subprocess.run([*command, *kinds[kind]], check=True, capture_output=True)
        found[kind].append(time.perf_counter() - start)
    page = (folder / "page.html").stat().st_size
    return {kind: report.spread(times) for kind, times in found.items()} | {"page_bytes": page}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=20, help="of seeds, for each of two recipes (default 20)")
    parser.add_argument("--rounds", type=int, default=7, help="of timing (default 7)")
    arguments = parser.parse_args()
    on = report.machine()
    with tempfile.TemporaryDirectory() as folder:
        cosine, constant = (trained(Path(folder), recipe, 2 * arguments.pairs) for recipe in list(RECIPES)[:2])
        large = trained(Path(folder), "512-512", LARGE_RUNS)
        seeds = {"256-128, cosine": of_seeds(cosine), "20, constant rate": of_seeds(constant)}
        sizes = of_sizes(large, constant[:LARGE_RUNS])
        timed = seconds([constant[0], cosine[0]], Path(folder), arguments.rounds)
    print_result(seeds, sizes, timed)
    rounds = {"n": arguments.pairs, "rounds": arguments.rounds}
    payload = {**rounds, "seeds": seeds, "sizes": sizes, "seconds": timed}
    report.save("comparison", payload, on, packages=("mlplab", "jax", "keras", "numpy"))


def print_result(seeds: dict[str, Any], sizes: dict[str, Any], timed: dict[str, Any]) -> None:
    print()
    header = ("two seeds of", "accuracy", "sd, points", "not significant", "sd of differences", "by chance alone")
    rows = [
        (
            recipe,
            f"{found['accuracy']['mean']:.4f}",
            f"{100 * found['accuracy']['sd']:.2f}",
            f"{found['not_significant']} of {found['pairs']}",
            f"{100 * found['difference_sd']['found']:.2f}",
            f"{100 * found['difference_sd']['by_chance']:.2f}",
        )
        for recipe, found in seeds.items()
    ]
    report.print_table(header, rows)
    print(f"\n512-512 better than 20 units in {sizes['large_better']} of {sizes['pairs']} pairs; {sizes['verdict']}\n")
    kinds = [kind for kind in timed if kind != "page_bytes"]
    report.print_table(
        ("seconds of a process", "median", "min", "max"),
        [(kind, *[f"{timed[kind][of]:.2f}" for of in ("median", "min", "max")]) for kind in kinds],
    )


if __name__ == "__main__":
    main()
