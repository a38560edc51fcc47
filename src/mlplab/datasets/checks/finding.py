"""Kinds of findings with their codes, and one finding in a data set."""

import functools
import importlib.metadata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mlplab.errors import UsageError, unknown_name

SEVERITIES = ("error", "warning", "information")
"""The worst first. An error makes scores wrong or training futile; a warning is probably a mistake."""

_PAGE = "blob/main/docs/data-check.md"
"""The document of all codes in the repository."""


@dataclass(frozen=True)
class Kind:
    """A kind of finding.

    Attributes:
        code: `MLP-D01`, ….
        name: what it is about, in a few words.
        meaning: what it means for a training.
        advice: what to do.
    """

    code: str
    name: str
    meaning: str
    advice: str

    @property
    def page(self) -> str:
        """The address of its section in docs/data-check.md."""
        return f"{_repository()}/{_PAGE}#{self.code.lower()}"


@functools.cache
def _repository() -> str:
    """Return the address of the repository, which pyproject.toml names."""
    urls = importlib.metadata.metadata("mlplab").get_all("Project-URL") or []
    return dict(url.split(", ", 1) for url in urls)["Repository"]


@dataclass(frozen=True)
class Finding:
    """What is wrong with some rows, some classes, or all of a data set.

    Attributes:
        kind: its code and what it means.
        severity: one of `SEVERITIES`.
        title: one line with numbers.
        rows: row numbers by split, "train" and "test", ascending; empty where it is about all rows or about no row.
        groups: rows that belong together, such as copies of one image: pairs of split and row number.
        classes: the names of the classes that it is about.
    """

    kind: Kind
    severity: str
    title: str
    rows: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    groups: tuple[tuple[tuple[str, int], ...], ...] = ()
    classes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.severity} {self.kind.code}: {self.title}"

    @property
    def is_problem(self) -> bool:
        """Whether it is an error or a warning."""
        return self.severity != "information"

    def to_json(self, most: int | None = None) -> dict[str, Any]:
        """Return plain values. `most`: the most rows of a split, and the most groups, in them; None: all."""
        return {
            "code": self.kind.code,
            "severity": self.severity,
            "title": self.title,
            "count": {split: len(rows) for split, rows in self.rows.items()},
            "rows": {split: list(rows[:most]) for split, rows in self.rows.items()},
            "groups": [[list(place) for place in group[:most]] for group in self.groups[:most]],
            "classes": list(self.classes),
            "meaning": self.kind.meaning,
            "advice": self.kind.advice,
            "page": self.kind.page,
        }


def known_codes(codes: Iterable[str], kinds: Mapping[str, Kind]) -> frozenset[str]:
    """Return codes in capitals. Raises `UsageError` for one that no kind has."""
    chosen = frozenset(code.strip().upper() for code in codes)
    for code in chosen - set(kinds):
        raise UsageError(f"{unknown_name('code', code, kinds)} docs/data-check.md lists them.")
    return chosen
