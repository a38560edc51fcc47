"""What a finished population has beside its members: their mean, and the ensemble of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mlplab import files, scores
from mlplab.engine import backend
from mlplab.runs import Run, machine
from mlplab.runs.run import mean_probabilities
from mlplab.training.result import SCHEMA, Clock, by_class


def save_ensemble(path: Path, diverged: Mapping[str, str], clock: Clock) -> None:
    """The ensemble's predictions of the test set, and the population's result.json.

    Args:
        path: a population whose members are finished but for those that diverged.
        diverged: why, by the name of the member's directory.
        clock: of the whole population.
    """
    run = Run(path)
    finished = [member for member in run.members if member.result is not None]
    tests = [member.predictions("test") for member in finished]
    probabilities = mean_probabilities([test.probabilities for test in tests])
    index, label = tests[0].index, tests[0].label
    files.write_arrays(path / "predictions-test.npz", index=index, label=label, probabilities=probabilities)
    results: list[dict[str, Any]] = [member.result for member in finished if member.result is not None]
    told = {
        "schema": SCHEMA,
        "run": str(path),
        "parameters": results[0]["parameters"],
        "seed": run.config.settings.seed,
        "seeds": run.config.seeds,
        "train": {name: _mean([each["train"][name] for each in results]) for name in ("loss", "accuracy")},
        **{split: _over_seeds([each[split] for each in results]) for split in ("validation", "test")},
        "ensemble": scores.accuracy(label, probabilities),
        **by_class(label, probabilities, run.class_names),
        "members": [_told(member, diverged) for member in run.members],
        "seconds": clock.total(),
        "peak_memory_bytes": backend.peak_device_memory() or machine.peak_memory_bytes(),
        "versions": machine.versions(),
    }
    files.write_json(path / "result.json", told)


def _over_seeds(each: Sequence[dict[str, Any] | None]) -> dict[str, Any] | None:
    """The mean of one split's scores over members, with its interval; None where there is no such split."""
    given = [one for one in each if one is not None]
    if not given:
        return None
    mean, sd, interval = scores.mean_accuracy([one["accuracy"] for one in given])
    loss = scores.mean_over_seeds([one["loss"] for one in given])[0]
    return {
        "loss": loss,
        "accuracy": mean,
        "sd": sd,
        "interval": interval,
        "n": given[0]["n"],
        "seeds": len(given),
    }


def _mean(values: Sequence[float | None]) -> float | None:
    given = [value for value in values if value is not None]
    return float(np.mean(given)) if given else None


def _told(member: Run, diverged: Mapping[str, str]) -> dict[str, Any]:
    if member.result is not None:
        return member.result
    return {
        "schema": SCHEMA,
        "run": str(member.path),
        "seed": member.config.settings.seed,
        "diverged": diverged[member.path.name],
    }
