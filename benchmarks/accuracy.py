"""The test accuracy of a recipe over seeds: the very command that docs/accuracy.md names, once for each seed.

Each training is a process and a run of its own, in runs/accuracy/NAME-SEED, so its seconds are what one training costs,
and an interrupted one is resumed when this is started again. Its scores go into results/accuracy-NAME.json as soon as
it is finished; seeds that are there already are not trained again, unless --again asks for it: for seconds on a quiet
machine. Of a recipe with several seeds a training is a population, and its scores are the ensemble's. A network of a
population is bit for bit the one trained alone, so a recipe of one seed takes its scores from there where it can.
At the end docs/accuracy.md and the scores that mlplab states are written from all result files (accuracy_page.py).

    python benchmarks/accuracy.py notebook [--n 5] [--again]
"""

import argparse
import datetime
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import accuracy_page
import report
from accuracy_rows import Row, row, rows

from mlplab.runs import Run, Settings

RUNS = report.ROOT / "runs" / "accuracy"
VERSIONS = ("mlplab", "jax", "jaxlib", "keras", "numpy")


def measured_before(of: Row) -> list[dict[str, Any]]:
    """Return the trainings in the row's result file. Exits if they were trained with other settings."""
    result = of.result()
    if result is None:
        return []
    if not of.is_of(result):
        _refuse(of.file)
    return result["seeds"]


def _refuse(path: Path) -> None:
    sys.exit(f"{path} is of other settings than the recipe has now: move it away to begin again.")


def scores(of: Row, seed: int) -> dict[str, Any]:
    """Return what is kept of a training: of one in a population that was trained here, or of a new one."""
    for other in rows():
        size = other.of.seeds
        if of.of.seeds != 1 or size == 1 or (other.of.data, other.settings) != (of.of.data, of.settings):
            continue
        first = seed - seed % size
        trained = {training["seed"]: training for training in measured_before(other)}
        path = RUNS / f"{other.name}-{first}"
        if first in trained and path.exists():
            test = Run(path).members[seed - first].require_finished().test
            here = {"seed": seed, "accuracy": test.accuracy, "log_loss": test.loss, "population": other.name}
            return {**trained[first], **here, "seconds": None, "phases": None}
    return train(of, seed)


def train(of: Row, seed: int) -> dict[str, Any]:
    """Train once, or the rest of it. `seconds` are those of the whole process; None of one that was resumed.

    `phases` are the seconds that the run states: import, load, compile, train (without compilation), total.
    """
    out = RUNS / f"{of.name}-{seed}"
    on = report.machine()
    words = [*of.command[1:], "--seed", str(seed), "--out", str(out)]
    resumed = out.exists()
    if resumed:
        if Run(out).config.settings != Settings.with_defaults(**of.settings, seed=seed):
            _refuse(out)
        words = ["train", "--resume", str(out)]
    start = time.perf_counter()
    command = [sys.executable, "-m", "mlplab", *words, "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    seconds = time.perf_counter() - start
    result = json.loads(done.stdout)
    test = result["test"] if of.of.seeds == 1 else result["ensemble"]
    return {
        "seed": seed,
        "accuracy": test["accuracy"],
        "log_loss": test["loss"],
        "rows": test["n"],
        "seconds": None if resumed else round(seconds, 2),
        "phases": None if resumed else result["seconds"],
        "device": Run(out).config.device,
        "date": datetime.date.today().isoformat(),
        "commit": report.commit(),
        "machine": on,
        "versions": report.versions(*VERSIONS),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=[each.name for each in rows()])
    parser.add_argument("--n", type=int, help="trainings in all; by default those that the row needs")
    parser.add_argument("--again", action="store_true", help="train again what was trained before")
    arguments = parser.parse_args()
    of = row(arguments.name)
    done = {training["seed"]: training for training in measured_before(of)}
    for seed in of.seeds(arguments.n or of.n):
        if arguments.again:
            shutil.rmtree(RUNS / f"{of.name}-{seed}", ignore_errors=True)
        elif seed in done:
            continue
        done[seed] = train(of, seed) if arguments.again else scores(of, seed)
        about = {"n": len(done), "recipe": of.recipe, "data": of.of.data, "settings": of.settings}
        trainings = [done[seed] for seed in sorted(done)]
        report.save(of.file.stem, {**about, "networks": of.of.seeds, "seeds": trainings})
        print(f"{of.name}, seed {seed}: {done[seed]['accuracy']:.4f}", flush=True)
    for path in accuracy_page.write():
        print(f"Written: {path}")


if __name__ == "__main__":
    main()
