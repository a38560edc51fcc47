"""The table of a sweep: accuracies of each combination of settings, and its comparison with the first."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mlplab.experiments.sweep_plan import Combination
from mlplab.figures.intervals import Intervals, intervals
from mlplab.inspection.paired_tests import holm, welch
from mlplab.runs import Run
from mlplab.runs.result import PopulationResult, RunResult
from mlplab.runs.settings_arguments import as_text
from mlplab.scores import mean_accuracy

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def table_rows(combinations: Sequence[Combination], runs: Sequence[Run | None], seeds: int) -> list[dict[str, Any]]:
    """Return a row for each combination, a dict by column; `seeds` is the number that each was to have."""
    accuracies = [_accuracies(run) for run in runs]
    rows = []
    for combination, run, values in zip(combinations, runs, accuracies, strict=True):
        mean, sd, interval = mean_accuracy(values) if values else (math.nan, None, None)
        low, high = interval or (math.nan, math.nan)
        row = {name: _cell(value) for name, value in combination.items()}
        row |= {"accuracy": mean, "accuracy_low": low, "accuracy_high": high, "sd": math.nan if sd is None else sd}
        row |= {"seeds": len(values), "validation": _validation(run), **_ensemble(run, seeds)}
        rows.append(row | {name: _mean_score(run, name) for name in ("balanced_accuracy", "macro_f1")})
    tests = [_test(values, accuracies[0]) for values in accuracies]
    p_corrected = holm([test["p_value"] for test in tests]).tolist()
    return [{**row, **test, "p_corrected": p} for row, test, p in zip(rows, tests, p_corrected, strict=True)]


def _accuracies(run: Run | None) -> list[float]:
    """Return the test accuracy of each network that did not diverge."""
    result = None if run is None else run.require_finished()
    if isinstance(result, PopulationResult):
        return [member.test.accuracy for member in result.members if isinstance(member, RunResult)]
    return [] if result is None else [result.test.accuracy]


def _validation(run: Run | None) -> float:
    scores = None if run is None or run.result is None else run.result.validation
    return math.nan if scores is None else scores.accuracy


def _mean_score(run: Run | None, name: str) -> float:
    """Return the mean over the seeds of a score of the test rows; NaN where the run does not have it."""
    value = None if run is None or run.result is None else run.result.test[name]
    return math.nan if value is None else value


def _ensemble(run: Run | None, seeds: int) -> dict[str, float]:
    if seeds == 1:
        return {}
    result = None if run is None else run.result
    return {"ensemble": result.ensemble.accuracy if isinstance(result, PopulationResult) else math.nan}


def _test(values: Sequence[float], first: Sequence[float]) -> dict[str, float]:
    """Return the difference from the first combination and its test; NaN for the first, and where there is none."""
    names = ("difference", "difference_low", "difference_high", "p_value")
    if values is first or not values or not first:
        return dict.fromkeys(names, math.nan)
    if min(len(values), len(first)) < 2:
        difference = sum(values) / len(values) - sum(first) / len(first)
        return {**dict.fromkeys(names, math.nan), "difference": difference}
    return dict(zip(names, welch(values, first), strict=True))


def figure(columns: Mapping[str, Any], combinations: Sequence[Combination]) -> "Figure":
    """Draw the accuracy of each combination with its interval."""
    names = [in_words(combination) for combination in combinations]
    value, low, high = (100 * columns[f"accuracy{end}"] for end in ("", "_low", "_high"))
    return intervals([Intervals("Test accuracy", "per cent, 95 % interval of the mean", names, value, low, high)])


def in_words(combination: Combination) -> str:
    """Describe a combination: `dropout 0.2, hidden 50,50`."""
    return ", ".join(f"{name.replace('_', ' ')} {as_text(value) or 'none'}" for name, value in combination.items())


def _cell(value: Any) -> Any:
    """Return a value as a cell has it: units as `50,50`, or `none`; weights of classes as `Coat=2,Shirt=3`."""
    return (as_text(value) or "none") if isinstance(value, list | dict) else value
