"""Where labels look wrong because the networks that judge them are weak."""

import numpy as np

WEAK = 0.7
"""Of networks with a lower accuracy, most flagged labels are right. On digits and on 5,000 images of Fashion-MNIST, at
most 25 % of those flagged below it were wrong where 3 % of all were, and at most 56 % where 10 % were."""

_LEARNED, _NAMED = 0.5, 5
"""A class is learned from this fraction of its rows right on. At most this number of classes is named."""


def cautions(given: np.ndarray, suggested: np.ndarray) -> list[str]:
    """Say where most suspects, or the labels of some classes, look wrong because the judging networks are weak.

    Args:
        given, suggested: names of the classes of all rows, (n,) each.
    """
    return [text for text in (_own_errors(given, suggested), _not_learned(given, suggested)) if text]


def _own_errors(given: np.ndarray, suggested: np.ndarray) -> str:
    """Say that most suspects are the networks' errors; "" for networks that are right often enough."""
    right = int((given == suggested).sum())
    if right >= WEAK * len(given):
        return ""
    return (
        f"The judging networks got {right:,} of {len(given):,} rows right, less than {100 * WEAK:.0f} %: most labels "
        "that look wrong are then the networks' own errors, unless every tenth label is wrong."
    )


def _not_learned(given: np.ndarray, suggested: np.ndarray) -> str:
    """Name the classes that the judging networks did not learn, whose labels therefore look wrong; "" without any."""
    names, of_row, rows = np.unique(given, return_inverse=True, return_counts=True)
    right = np.bincount(of_row, weights=given == suggested).astype(int)
    few = np.flatnonzero(right < _LEARNED * rows)
    if not len(few):
        return ""
    listed = ", ".join(f"{names[c]} ({right[c]:,} of {rows[c]:,} rows right)" for c in few[:_NAMED])
    more = f" and {len(few) - _NAMED:,} more classes" if len(few) > _NAMED else ""
    return (
        f"Hardly learned: {listed}{more}. Labels of a class that the networks did not learn look wrong even where they "
        "are right: look before you correct them."
    )
