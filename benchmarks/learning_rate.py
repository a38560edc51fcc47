"""The learning-rate finder: how much accuracy its suggestion loses against the best rate of a fine grid.

For three networks on two data sets:

  grid         the network trained to the end at 12 rates, five a decade, with several seeds: the mean test accuracy of
               each rate. The best of them is what a search would find; it profits from chance, as the largest of many
               means does.
  suggestions  `mlplab.find_learning_rate` with three other seeds. Each suggestion is trained to the end with the
               seeds of the grid; its gap is the best mean of the grid less its own.

Accuracy alone counts here. Suggestions are made without the test set.
"""

import argparse
import dataclasses
import json
import sys
import time
from typing import Any

import numpy as np
from report import ROOT, machine, print_table, save

from mlplab.datasets import Data, load
from mlplab.engine import ArraySource, Member, Rows, evaluate, fit_members
from mlplab.experiments.learning_rate import suggest
from mlplab.experiments.rate_scan import scan_settings
from mlplab.runs import Settings
from mlplab.training import splits
from mlplab.training.network import build_network

DATA = ("fashion-mnist", "mnist")
NETWORKS: dict[str, Settings] = {
    "20": Settings(hidden=(20,), epochs=10, batch_size=32),
    "50-50": Settings(hidden=(50, 50), epochs=10, batch_size=32),
    "256-128": Settings(hidden=(256, 128), dropout=0.2, schedule="cosine", epochs=6, batch_size=128),
}
SEEDS = {"20": 5, "50-50": 3, "256-128": 3}
"""Small networks differ more from seed to seed."""
GRID = [float(f"{rate:.2g}") for rate in 10 ** np.linspace(-3.8, -1.6, 12)]
SCANS = range(3)
ALLOWED = 0.3
"""Points of accuracy."""


def accuracies(data: Data, settings: Settings, rates: list[float], seeds: int) -> dict[float, list[float | None]]:
    """Test accuracy of each rate with each seed, all trained at once; None for a network that diverged."""
    split = splits.split(data.train, settings)
    batch = Rows(preprocess=splits.fit_preprocessing(data.train.inputs, split["train"], standardize=False))
    arrays = ArraySource(data.train.inputs, data.train.labels).arrays
    members: dict[tuple[float, int], Member] = {}
    for rate in rates:
        for seed in range(seeds):
            each = dataclasses.replace(settings, learning_rate=rate, seed=seed)
            order: Any = {"batch_size": each.batch_size, "shuffle": True, "seed": seed}
            source = ArraySource(*arrays, batch=batch, subset=split["train"], **order)
            members[rate, seed] = Member(build_network(each, data, len(split["train"])), source, epochs=each.epochs)
    fit_members(list(members.values()))
    test = ArraySource(data.test.inputs, data.test.labels, batch=batch, batch_size=1000)
    found: dict[float, list[float | None]] = {rate: [] for rate in rates}
    for (rate, _), member in members.items():
        diverged = member.failure is not None
        found[rate].append(None if diverged else evaluate(member.model, test, verbose=0, return_dict=True)["accuracy"])
    return found


def grid(data: Data, name: str) -> dict[str, Any]:
    found = accuracies(data, NETWORKS[name], GRID, SEEDS[name])
    rows = [{"rate": rate, "mean": _mean(values), "accuracy": values} for rate, values in found.items()]
    return {"rates": rows, "best": max((row for row in rows if row["mean"]), key=lambda row: row["mean"])}


def suggestions(data: Data, name: str, best: float) -> list[dict[str, Any]]:
    """Suggest a rate with each seed of the scan, and train with it."""
    settings, trials = NETWORKS[name], []
    rows = round(len(data.train) * (1 - settings.validation))
    for seed in SCANS:
        started = time.perf_counter()
        scan = scan_settings(dataclasses.replace(settings, seed=seed), data)
        given = suggest(scan, settings.schedule, settings.epochs * -(-rows // settings.batch_size))
        trial = {"seed": seed, "steps": scan.steps, "seconds": round(time.perf_counter() - started, 1)}
        curve = {"rates": scan.rates.tolist(), "val_loss": scan.val_loss.tolist(), "untrained": scan.untrained}
        trials.append({**trial, **dataclasses.asdict(given), "scan": curve})
    by_rate = accuracies(data, settings, sorted({trial["rate"] for trial in trials}), SEEDS[name])
    for trial in trials:
        trial["accuracy"] = by_rate[trial["rate"]]
        trial["mean"] = _mean(trial["accuracy"])
        trial["gap_points"] = None if trial["mean"] is None else round(100 * (best - trial["mean"]), 3)
    return trials


def _mean(values: list[float | None]) -> float | None:
    numbers = [value for value in values if value is not None]
    return float(np.mean(numbers)) if len(numbers) == len(values) else None


def print_results(results: dict[str, dict[str, Any]]) -> None:
    rows = []
    for name, result in results.items():
        best = result["grid"]["best"]
        for each in result.get("suggestions", ()):
            missed = each["gap_points"] is None or each["gap_points"] > ALLOWED
            gap = "diverged" if each["gap_points"] is None else f"{each['gap_points']:.2f}"
            found = (f"{best['rate']:.2g}", f"{100 * best['mean']:.2f}", str(each["seed"]), f"{each['rate']:.2g}")
            rows.append((name, *found, gap + " !" * missed))
    print_table(("", "best rate", "its accuracy", "scan's seed", "suggestion", "points less"), rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--keep-grid", action="store_true", help="take the grid, which the finder has no part in, from the results kept"
    )
    keep = parser.parse_args().keep_grid
    kept = json.loads((ROOT / "benchmarks/results/learning_rate.json").read_text()) if keep else None
    before, results = machine(), {}
    for name in DATA:
        data = load(name, quiet=True)
        for network in NETWORKS:
            key, started = f"{name} {network}", time.perf_counter()
            found = grid(data, network) if kept is None else kept["results"][key]["grid"]
            made = suggestions(data, network, found["best"]["mean"])
            results[key] = {"grid": found, "suggestions": made}
            print(f"{key}: {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
    print_results(results)
    networks = {name: {**dataclasses.asdict(settings), "seeds": SEEDS[name]} for name, settings in NETWORKS.items()}
    payload = {"networks": networks, "results": results}
    save("learning_rate", payload, before, packages=("mlplab", "keras", "jax", "numpy"))


if __name__ == "__main__":
    main()
