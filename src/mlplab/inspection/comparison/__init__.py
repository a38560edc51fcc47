"""Compare runs, or predictions for the same rows: `compare`.

result.py         `compare`, and its result, `Comparison`
comparable.py     opens and names what is compared; refuses what cannot be compared
settings_diff.py  the settings that differ, and which runs differ only in their seed
pairs.py          the tables: scores, pairs, classes, disagreements
verdicts.py       the results of the tests in sentences
page.py           the comparison as an HTML page; templates/: its template, style and script
"""

from mlplab.inspection.comparison.result import Comparison, compare

__all__ = ["Comparison", "compare"]
