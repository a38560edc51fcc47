"""Targets on validation rows, the test accuracy that each of them shows once, and the board of what was handed in."""

import numpy as np

from mlplab.course import record
from mlplab.course.findings import Target, Wrong
from mlplab.inspection.table import Table
from mlplab.scores import wilson_interval


def handed_in(exercise: str, found: Target) -> list[str]:
    """Put a result on the board, and claim the targets that it is the first to reach: lines of what it came to.

    The test rows are looked at only when a target is claimed, so at most once a target, whatever is tried.

    Raises:
        Wrong: if the result reaches no target at all.
    """
    with record.changing(exercise) as entry:
        reached = [target for target in found.targets if found.value >= target]
        new = [target for target in reached if target not in entry.claimed]
        line = {"when": record.now(), "validation": found.value, "test": None, "settings": found.settings}
        said = []
        if new:
            accuracy, rows = found.test()
            line["test"] = accuracy
            low, high = wilson_interval(round(accuracy * rows), rows)
            said.append(
                f"Claimed: {_listed(new)}. Test accuracy, shown once for it: {accuracy:.4f} ({low:.3f}–{high:.3f})."
            )
        elif reached:
            said.append(
                f"It reaches {_listed(reached)}, which you have claimed before: the test accuracy stays closed."
            )
        entry.claimed += new
        entry.board.append(line)
        claimed = list(entry.claimed)
    if not reached:
        raise Wrong(
            f"Your validation accuracy is {found.value:.4f}; the first target is {found.targets[0]:g}. "
            "It is on the board: 'mlplab course progress' shows it."
        )
    open_ = [target for target in found.targets if target not in claimed]
    said.append(
        f"{len(claimed)} of {len(found.targets)} targets claimed; the next is {open_[0]:g}."
        if open_
        else "All targets are claimed."
    )
    return [f"Validation accuracy {found.value:.4f}: {found.settings}.", *said]


def board(exercise: str) -> Table:
    """What was handed in for an exercise with targets, best first.

    Returns:
        Table of validation and test accuracy (NaN, where no target was claimed by it), settings, when.
    """
    lines = sorted(record.entry(exercise).board, key=lambda line: -line["validation"])
    test = [np.nan if line["test"] is None else line["test"] for line in lines]
    return Table(
        {
            "validation": np.array([line["validation"] for line in lines], float),
            "test": np.array(test, float),
            "settings": np.array([line["settings"] for line in lines], str),
            "when": np.array([line["when"] for line in lines], str),
        },
        "Your results, best first",
    )


def _listed(targets: list[float]) -> str:
    return ", ".join(f"{target:g}" for target in targets)
