"""Rows that are held out, to test on or to validate with: the same of each class, or whole groups."""

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from mlplab.errors import DataError, UsageError, brief


def stratified(labels: np.ndarray, fraction: float, seed: int, what: str) -> np.ndarray:
    """Choose test rows at random: of each class the same fraction, at least one row, and not all.

    Args:
        labels: (n,), of any kind.
        fraction: of the rows.
        seed: decides which rows.
        what: names the data in messages.

    Returns:
        A mask, bool (n,).

    Raises:
        DataError: for a class with a single row, which cannot be in both parts.
    """
    rng = np.random.default_rng(seed)
    names, numbers, counts = np.unique(labels, return_inverse=True, return_counts=True)
    is_test = np.zeros(len(labels), bool)
    if (counts < 2).any():
        name = names[counts < 2][0].item()
        raise DataError(
            f"A class needs 2 rows or more, one to train on and one to test on; {what} has a single one of {name!r}. "
            "Add rows of that class, or remove it; or give a test set."
        )
    in_order = np.argsort(numbers, kind="stable")
    for rows, count in zip(np.split(in_order, np.cumsum(counts)[:-1]), counts, strict=True):
        rows = rng.permutation(rows)
        is_test[rows[: min(max(1, round(fraction * count)), count - 1)]] = True
    return is_test


def by_group(labels: np.ndarray, groups: Sequence[Hashable], fraction: float, seed: int, what: str) -> np.ndarray:
    """Choose rows to hold out at random: whole groups, so that about the same fraction of each class is held out.

    Groups are tried in random order, large ones first, and taken if that brings the classes nearer to the fraction. At
    least one is taken. Every class keeps rows to train on.

    Args:
        labels, fraction, seed, what: as in `stratified`.
        groups: of each row.

    Returns:
        A mask, bool (n,).

    Raises:
        DataError: for fewer than two groups, or if no group can be left out of training.
    """
    group_names = list(dict.fromkeys(groups))
    number_of = {name: number for number, name in enumerate(group_names)}
    numbers = np.array([number_of[group] for group in groups])
    classes = np.unique(labels, return_inverse=True)[1]
    counts = np.zeros((len(group_names), int(classes.max()) + 1))
    np.add.at(counts, (numbers, classes), 1)
    shuffled = np.random.default_rng(seed).permutation(len(group_names))
    order = shuffled[np.argsort(-counts[shuffled].sum(1), kind="stable")]
    wanted, taken, test = fraction * counts.sum(0), np.zeros(counts.shape[1]), []
    for number in order:
        more = taken + counts[number]
        if np.abs(wanted - more).sum() < np.abs(wanted - taken).sum() and (more < counts.sum(0)).all():
            taken = more
            test.append(number)
    if not test:  # all groups are much larger than the fraction: the smallest that leaves rows of each class
        test = [number for number in order[::-1] if (counts[number] < counts.sum(0)).all()][:1]
    if not test:
        raise DataError(
            f"{what} has {len(group_names)} groups, and none can be left out of training: expected at least two groups "
            "with rows of each class. Add groups, or leave the group out."
        )
    return np.isin(numbers, test)


def require_apart(train: Sequence[Hashable], test: Sequence[Hashable], what: str) -> None:
    """Raise `DataError` if a group is in the training and in the test rows."""
    if both := sorted(set(map(str, train)) & set(map(str, test))):
        raise DataError(
            f"A group must be in one part. {what} has {brief(repr(both[0]), 60)}"
            f"{f' and {len(both) - 1} more' if both[1:] else ''} in training and test set. Move its rows into one "
            "part, or leave the group out."
        )


def groups_of(files: Sequence[str] | None, pattern: Any, what: str) -> list[str]:
    """Return the group of each file: what the first parentheses of a regular expression match in its name.

    Raises:
        UsageError: where rows have no files.
        DataError: for a name in which the expression finds nothing.
    """
    if files is None:
        raise UsageError(
            f"{what} has no column {pattern.pattern!r}, and its rows have no file names in which a pattern could be "
            "found. Give a column as the group, or leave it out."
        )
    groups = []
    for file in files:
        match = pattern.search(file)
        if match is None or match[1] is None:
            raise DataError(f"The group {pattern.pattern!r} does not match the name {file!r} of {what}: correct it.")
        groups.append(match[1])
    return groups
