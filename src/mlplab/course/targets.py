"""Targets for the validation accuracy, the test accuracy that each of them shows once, and the board of results."""

from typing import TYPE_CHECKING

import numpy as np

from mlplab.course import progress_store
from mlplab.course.checks.findings import Target, WrongAnswer
from mlplab.scores import wilson_interval
from mlplab.table import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def submit(exercise: str, result: Target) -> tuple[str, list[str]]:
    """Put a result on the board, and claim the targets that it is the first to reach.

    The test rows are evaluated only when a target is claimed, so at most once per target.

    Returns:
        A sentence, and further lines.

    Raises:
        WrongAnswer: if the result reaches no target.
    """
    with progress_store.update(exercise) as progress:
        reached = [target for target in result.targets if result.value >= target]
        new = [target for target in reached if target not in progress.claimed]
        lines, test = [f"Validation accuracy {result.value:.4f}: {result.settings}."], None
        if new:
            test, rows = result.test()
            low, high = wilson_interval(round(test * rows), rows)
            lines.append(f"Test accuracy, shown once for it: {test:.4f} ({low:.3f}–{high:.3f}).")
        elif reached:
            lines.append("The test accuracy stays hidden.")
        line = {"when": progress_store.now(), "validation": result.value, "rows": result.rows, "test": test}
        progress.board.append({**line, "settings": result.settings})
        progress.claimed += new
        remaining = [target for target in result.targets if target not in progress.claimed]
        progress.unclaimed = len(remaining)
    if not reached:
        raise WrongAnswer(
            f"Your validation accuracy is {result.value:.4f}; the first target is {result.targets[0]:g}. "
            f"It is on the board: 'mlplab course progress {exercise}' shows it."
        )
    total = len(result.targets)
    claimed = f"{total - len(remaining)} of {total} targets claimed"
    lines.append(f"{claimed}; the next is {remaining[0]:g}." if remaining else "You have claimed all targets.")
    if new:
        return f"{'Target' if len(new) == 1 else 'Targets'} {_join(new)} claimed.", lines
    return f"It reaches {_join(reached)}, which you have claimed before.", lines


def board(exercise: str) -> Table:
    """Return all results for an exercise with targets, best first.

    Returns:
        Table of validation accuracy with its 95 % Wilson interval, test accuracy (NaN if it claimed no target),
        settings, when.
    """
    lines = sorted(progress_store.progress_of(exercise).board, key=lambda line: -line["validation"])
    values = np.array([line["validation"] for line in lines], float)
    intervals = [wilson_interval(round(line["validation"] * line["rows"]), line["rows"]) for line in lines]
    low, high = np.array(intervals, float).reshape(-1, 2).T
    settings = np.array([line["settings"] for line in lines], str)

    def draw() -> "Figure":
        from mlplab.figures.intervals import Intervals, intervals

        chart = Intervals("Your results, best first", "validation accuracy", settings.tolist(), values, low, high)
        return intervals([chart], width=9)

    columns = {"validation": values, "validation_low": low, "validation_high": high}
    columns["test"] = np.array([np.nan if line["test"] is None else line["test"] for line in lines], float)
    columns["settings"] = settings
    columns["when"] = np.array([line["when"][:16].replace("T", " ") for line in lines], str)
    return Table(columns, "Your results, best first", draw if lines else None)


def _join(targets: list[float]) -> str:
    return ", ".join(f"{target:g}" for target in targets)
