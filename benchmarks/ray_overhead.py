"""What Ray costs: a study of 64 trials in populations of 16, in this process and on a Ray with a running worker.

The network is the notebook's, on Fashion-MNIST; learning rate and weight decay vary. A round is timed from sampling a
population's values to recording its results, training included.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

from report import alternating, machine, print_table, save, spread

from mlplab.cluster import workers
from mlplab.datasets import load
from mlplab.runs.machine import threads
from mlplab.tuning import tune

SPACE: dict[str, Any] = {
    "hidden": [[20]],
    "optimizer": "adamw",
    "learning_rate": {"low": 3e-4, "high": 1e-2, "log": True},
    "weight_decay": {"low": 1e-4, "high": 1e-1, "log": True},
    "batch_size": 32,
    "epochs": 9,
}
WHERE = {"here": None, "ray": "local"}


def seconds(trials: int, ray: str | None, data: Any) -> float:
    """Seconds of the rounds of a study."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "study"
        study = tune(data, SPACE, trials=trials, population=16, seeds=1, ray=ray, out=out, quiet=True)
        return sum(study.optuna.user_attrs["seconds"].values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    before, data = machine(), load("fashion-mnist")
    took: dict[str, list[float]] = {name: [] for name in WHERE}
    with workers("local", cpus_per_task=threads()):  # this Ray stays, and its process with all that it has compiled
        for ray in WHERE.values():
            seconds(16, ray, data)
        for number, name in alternating(list(WHERE), options.rounds):
            took[name].append(seconds(64, WHERE[name], data))
            print(f"round {number}  {name:6}{took[name][-1]:.2f} s", file=sys.stderr, flush=True)
    summary = {name: spread(values) for name, values in took.items()}
    rows = [(name, *(f"{values[q]:.2f}" for q in ("median", "min", "max"))) for name, values in summary.items()]
    print_table(("", "seconds", "min", "max"), rows)
    print(f"\nRay takes {100 * (summary['ray']['median'] / summary['here']['median'] - 1):+.1f} %.")
    payload = {"n": options.rounds, "seconds": took, "summary": summary}
    save("ray_overhead", payload, before, packages=("ray", "jax", "keras", "optuna"))


if __name__ == "__main__":
    main()
