"""Runs, or predictions for the same rows, beside each other: `compare`.

result.py      `compare`, and the `Comparison` that it gives
comparable.py  opens and names what is compared; refuses what cannot be
recipes.py     what differs in the settings, and which runs differ by their seed alone
pairs.py       the tables: scores, pairs, classes, disagreements
verdicts.py    what they amount to, in sentences
page.py        all of it as one page
"""

from mlplab.inspection.comparison.result import Comparison, compare

__all__ = ["Comparison", "compare"]
