"""Wrong labels: how many of the known ones are found, and how long Fashion-MNIST's 60,000 take.

Three parts, each on three seeds:

  speed    `mlplab labels RUN` as a whole process: 5 folds of the notebook's network (20 units, 10 epochs, batches of
           32) over all 60,000 rows, with table and picture; and the same call again, which reads the saved folds
  flipped  1,000 labels of Fashion-MNIST changed to another class at random: how many are among the first 1,500
  mnist    the 15 test labels of MNIST that people reject: how many are among the 150 worst of the 10,000, by a 512-512
           network with dropout trained on the 60,000

The 15 are those of the MNIST test set of which fewer than three of five people kept the given label (C. G. Northcutt,
A. Athalye, J. Mueller: "Pervasive Label Errors in Test Sets Destabilize Machine Learning Benchmarks", NeurIPS 2021).
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from report import machine, print_table, save, spread

import mlplab
from mlplab.datasets import Data, Dataset, load
from mlplab.experiments.label_errors import find_label_errors

SEEDS = range(3)
NOTEBOOK: dict[str, Any] = {"hidden": [20], "epochs": 10, "batch_size": 32, "validation": 0}
DROPOUT: dict[str, Any] = {
    "hidden": [512, 512],
    "dropout": 0.5,
    "epochs": 20,
    "batch_size": 256,
    "schedule": "cosine",
    "validation": 0,
}
WRONG_IN_MNIST = (947, 1621, 1901, 2130, 2462, 2597, 2654, 3520, 3558, 5937, 6651, 6783, 8527, 9679, 9729)
FLIPPED, FIRST_OF_FLIPPED, FIRST_OF_MNIST = 1000, 1500, 150
METHODS = ("self_confidence", "normalized_margin", "confidence_weighted_entropy")


def speed(folder: Path) -> dict[str, Any]:
    """Time the verb, which trains the folds, and the same call again: wall and processor seconds."""
    runs: dict[str, list[dict[str, float]]] = {"first": [], "again": []}
    for seed in SEEDS:
        run = mlplab.train("fashion-mnist", **NOTEBOOK, seed=seed, verbose=0, out=folder / f"speed-{seed}")
        for which in runs:
            runs[which].append(_timed([sys.executable, "-m", "mlplab", "labels", str(run.path), "--json", "--quiet"]))
            print(f"{which} call, seed {seed}: {runs[which][-1]}", file=sys.stderr, flush=True)
    seconds = {name: spread(run["seconds"] for run in runs[name]) for name in runs}
    return {"network": NOTEBOOK, "folds": 5, "runs": runs, **seconds}


def _timed(command: list[str]) -> dict[str, float]:
    load, before, started = os.getloadavg()[0], resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode or json.loads(done.stdout)["rows"] != 60_000:
        sys.exit(f"{' '.join(command)} failed ({done.returncode}):\n{done.stderr[-2000:]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"seconds": round(seconds, 2), "cpu_seconds": round(cpu, 2), "load_before": round(load, 2)}


def flipped(folder: Path) -> dict[str, Any]:
    """Count labels changed at random among the first suspects and among the flagged ones."""
    data, runs = load("fashion-mnist", quiet=True), []
    for seed in SEEDS:
        noisy, rows = _flip(data, seed)
        run = mlplab.train(noisy, **NOTEBOOK, seed=seed, verbose=0, out=folder / f"flipped-{seed}")
        table = find_label_errors(run, data=noisy, verbose=0)
        changed = np.isin(table["index"], rows)
        kept = np.load(run.path / "predictions-crossvalidated.npz")
        first = _first(kept["label"], kept["probabilities"], FIRST_OF_FLIPPED)
        runs.append(
            {
                "seed": seed,
                "found": int(changed[:FIRST_OF_FLIPPED].sum()),
                "flagged": int(table["flagged"].sum()),
                "flipped_among_flagged": int(changed[table["flagged"]].sum()),
                "found_by_method": {name: int(np.isin(of, rows).sum()) for name, of in first.items()},
            }
        )
        print(f"flipped, seed {seed}: {runs[-1]}", file=sys.stderr, flush=True)
    return {"flipped": FLIPPED, "first": FIRST_OF_FLIPPED, "network": NOTEBOOK, "runs": runs, **_found(runs)}


def _flip(data: Data, seed: int) -> tuple[Data, np.ndarray]:
    """Change training labels to another class at random, and return them with the changed rows."""
    rng = np.random.default_rng(seed)
    labels, classes = data.train.labels.copy(), len(data.class_names)
    rows = rng.choice(len(labels), FLIPPED, replace=False)
    labels[rows] = (labels[rows] + rng.integers(1, classes, FLIPPED)) % classes
    train = Dataset(data.train.inputs, labels, data.class_names, data.train.provenance)
    return Data("fashion-mnist with flipped labels", train, data.test), rows


def mnist(folder: Path) -> dict[str, Any]:
    """Count the test labels that are known to be wrong among the worst suspects."""
    runs = []
    for seed in SEEDS:
        run = mlplab.train("mnist", **DROPOUT, seed=seed, verbose=0, out=folder / f"mnist-{seed}")
        assert run.result is not None
        table, kept = find_label_errors(run, split="test"), run.predictions("test")
        first = _first(kept.label, kept.probabilities, FIRST_OF_MNIST)
        runs.append(
            {
                "seed": seed,
                "test_accuracy": run.result["test"]["accuracy"],
                "found": int(np.isin(WRONG_IN_MNIST, table["index"][:FIRST_OF_MNIST]).sum()),
                "places": np.flatnonzero(np.isin(table["index"], WRONG_IN_MNIST)).tolist(),
                "found_by_method": {name: int(np.isin(WRONG_IN_MNIST, of).sum()) for name, of in first.items()},
            }
        )
        print(f"mnist, seed {seed}: {runs[-1]}", file=sys.stderr, flush=True)
    return {"known": len(WRONG_IN_MNIST), "first": FIRST_OF_MNIST, "network": DROPOUT, "runs": runs, **_found(runs)}


def _first(labels: np.ndarray, probabilities: np.ndarray, count: int) -> dict[str, np.ndarray]:
    """The rows of worst quality by each of cleanlab's methods, as it stands and adjusted by class."""
    from cleanlab.rank import get_label_quality_scores

    first = {}
    for method in METHODS:
        for adjusted in (False, True) if method != "confidence_weighted_entropy" else (False,):
            quality = get_label_quality_scores(labels, probabilities, method=method, adjust_pred_probs=adjusted)
            first[method + " adjusted" * adjusted] = np.argsort(quality, kind="stable")[:count]
    return first


def _found(runs: list[dict[str, Any]]) -> dict[str, Any]:
    return {"found": spread(run["found"] for run in runs)}


PARTS: dict[str, Callable[[Path], dict[str, Any]]] = {"speed": speed, "flipped": flipped, "mnist": mnist}


def print_results(results: dict[str, dict[str, Any]]) -> None:
    """Print a line for each figure, over the seeds."""
    rows = []
    if "speed" in results:
        rows += [(f"mlplab labels, {which} call, seconds", results["speed"][which]) for which in ("first", "again")]
    for name, title in (("flipped", "labels of Fashion-MNIST flipped"), ("mnist", "wrong test labels of MNIST")):
        if name in results:
            of = results[name].get("flipped") or results[name]["known"]
            rows.append((f"of {of} {title}, among the first {results[name]['first']}", results[name]["found"]))
    print_table(
        ("", "median", "min", "max"), [(title, *(f"{v:g}" for v in figures.values())) for title, figures in rows]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=PARTS, help="these parts alone, nothing saved")
    only = parser.parse_args().only
    before = machine()
    with tempfile.TemporaryDirectory() as folder:
        results = {name: part(Path(folder)) for name, part in PARTS.items() if not only or name in only}
    print_results(results)
    if not only:
        packages = ("mlplab", "keras", "jax", "numpy", "cleanlab")
        save("label_errors", {"n": len(SEEDS), **results}, before, packages)


if __name__ == "__main__":
    main()
