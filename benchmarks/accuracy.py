"""The test accuracy of a recipe over seeds: the very command that `mlplab recipes` names, once for each seed.

Each seed is a process and a run of its own, in runs/accuracy/NAME-SEED, so its seconds are what one network costs, and
an interrupted one is resumed when this is started again. Its scores go into results/accuracy-NAME.json as soon as it
is finished; seeds that are there already are not trained again. At the end docs/accuracy.md and the scores that mlplab
states are written from all result files (accuracy_page.py).

    python benchmarks/accuracy.py notebook [--seeds 5]
"""

import argparse
import datetime
import json
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import accuracy_page
import report

from mlplab.recipes import Recipe, names
from mlplab.runs import Run, Settings

RUNS = report.ROOT / "runs" / "accuracy"
VERSIONS = ("mlplab", "jax", "jaxlib", "keras", "numpy")


def measured_before(recipe: Recipe) -> list[dict[str, Any]]:
    """Return the seeds in the recipe's result file. Exits if they were trained with other settings."""
    path = accuracy_page.result_file(recipe.name)
    if not path.exists():
        return []
    result = json.loads(path.read_text("utf-8"))
    require_same(path, Settings.with_defaults(**result["settings"]), Settings.with_defaults(**recipe.settings))
    return result["seeds"]


def require_same(path: Path, found: Settings, wanted: Settings) -> None:
    """Exit if a file or a run is of other settings than the recipe has now."""
    if found != wanted:
        sys.exit(f"{path} is of other settings than the recipe has now: move it away to begin again.")


def train(recipe: Recipe, seed: int) -> dict[str, Any]:
    """Train one network, or the rest of it. `seconds` are those of the whole process; None of one that was resumed."""
    out = RUNS / f"{recipe.name}-{seed}"
    on = report.machine()
    new = [recipe.data, "--recipe", recipe.name, "--seed", str(seed), "--out", str(out)]
    resumed = out.exists()
    if resumed:
        require_same(out, Run(out).config.settings, Settings.with_defaults(**recipe.settings, seed=seed))
    command = [sys.executable, "-m", "mlplab", "train", *(["--resume", str(out)] if resumed else new), "--json"]
    start = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    seconds = time.perf_counter() - start
    test: Mapping[str, Any] = json.loads(done.stdout)["test"]
    return {
        "seed": seed,
        "accuracy": test["accuracy"],
        "log_loss": test["loss"],
        "rows": test["n"],
        "seconds": None if resumed else round(seconds, 2),
        "date": datetime.date.today().isoformat(),
        "commit": report.commit(),
        "machine": on,
        "versions": report.versions(*VERSIONS),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", choices=names())
    parser.add_argument("--seeds", type=int, default=5, help="train the seeds from 0 to this number (default 5)")
    arguments = parser.parse_args()
    recipe = Recipe.of(arguments.recipe)
    seeds = measured_before(recipe)
    for seed in range(arguments.seeds):
        if seed in [each["seed"] for each in seeds]:
            continue
        seeds.append(train(recipe, seed))
        about = {"n": len(seeds), "recipe": recipe.name, "data": recipe.data, "settings": dict(recipe.settings)}
        report.save(f"accuracy-{recipe.name}", about | {"seeds": seeds})
        print(f"{recipe.name}, seed {seed}: {seeds[-1]['accuracy']:.4f}", flush=True)
    for path in accuracy_page.write():
        print(f"Written: {path}")


if __name__ == "__main__":
    main()
