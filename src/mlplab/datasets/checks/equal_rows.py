"""Rows that are equal in every value."""

from collections import defaultdict

import numpy as np

from mlplab.datasets.checks.survey import Survey


def equal_rows(survey: Survey) -> list[np.ndarray]:
    """Return the row numbers of each group of at least two equal rows, in the order of their first rows.

    Rows are found by a 64-bit hash and then compared, so a group holds equal rows and nothing else. Blank images are
    left out: they are a finding of their own.
    """
    digests = np.concatenate([_digests(chunk) for chunk in survey.chunks()])
    rows = np.flatnonzero(~survey.is_blank)
    order = rows[np.argsort(digests[rows], kind="stable")]
    ordered = digests[order]
    is_new = np.append(True, ordered[1:] != ordered[:-1]) if len(order) else np.zeros(0, bool)
    starts = np.append(np.flatnonzero(is_new), len(order))
    groups = []
    for place in np.flatnonzero(np.diff(starts) > 1):
        alike = order[starts[place] : starts[place + 1]]
        by_content: dict[bytes, list[int]] = defaultdict(list)
        for row in alike:
            by_content[_without_signs_of_zeros(survey.rows([row])).tobytes()].append(row)
        groups += [np.array(equal) for equal in by_content.values() if len(equal) > 1]
    return sorted(groups, key=lambda group: group[0])


def _digests(rows: np.ndarray) -> np.ndarray:
    """Return uint64 (n,), equal for equal rows: a sum of their words times odd numbers drawn at random."""
    rows = _without_signs_of_zeros(rows)
    size = rows.shape[1] * rows.itemsize
    word = next(length for length in (8, 4, 2, 1) if size % length == 0)
    words = np.ascontiguousarray(rows).view(f"u{word}")
    factors = np.random.default_rng(0).integers(0, 2**63, words.shape[1], np.uint64) * np.uint64(2) + np.uint64(1)
    step = max(1, 2**18 // words.shape[1])
    digests = np.empty(len(rows), np.uint64)
    for start in range(0, len(rows), step):
        part = words[start : start + step].astype(np.uint64)
        part ^= part >> np.uint64(29)
        digests[start : start + step] = (part * factors).sum(1, dtype=np.uint64)
    return digests


def _without_signs_of_zeros(rows: np.ndarray) -> np.ndarray:
    """Return equal rows with -0 as 0, so that equal rows have equal bytes."""
    return rows + rows.dtype.type(0) if rows.dtype.kind == "f" else rows
