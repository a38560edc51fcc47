"""`check_data` and its result."""

import functools
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlplab import files, progress
from mlplab.datasets import Data, checks
from mlplab.datasets.checks import Finding
from mlplab.datasets.loading import load_for_check
from mlplab.errors import UsageError
from mlplab.table import Table, save_tables


@dataclass(frozen=True, eq=False, repr=False)
class DataCheck:
    """What is wrong with a data set.

    Attributes:
        data: the data set.
        findings: the worst first. Iterating over the result gives them, and `len` is their number.
        ignored: the codes that were switched off.
    """

    data: Data
    findings: tuple[Finding, ...]
    ignored: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __len__(self) -> int:
        return len(self.findings)

    def __repr__(self) -> str:
        return "\n".join([f"{self.data.name}: {self.summary}", *map(str, self.findings)])

    def _repr_html_(self) -> str:
        return self.table._repr_html_()

    @property
    def has_problems(self) -> bool:
        """Whether there is an error or a warning."""
        return any(finding.is_problem for finding in self.findings)

    @property
    def summary(self) -> str:
        """How much was found, in one line: "1 error, 2 warnings"."""
        counts = Counter(finding.severity for finding in self.findings)
        words = [_counted(counts[severity], severity) for severity in checks.SEVERITIES if counts[severity]]
        return ", ".join(words) or "nothing found"

    @functools.cached_property
    def table(self) -> Table:
        """Table of severity, code, title, train, test: the last two are numbers of rows."""
        columns = ("severity", "code", "title", "train", "test")
        rows = [
            {
                "severity": finding.severity,
                "code": finding.kind.code,
                "title": finding.title,
                **{split: len(finding.rows.get(split, ())) for split in ("train", "test")},
            }
            for finding in self.findings
        ]
        return Table.of_rows(rows, f"{self.data.name}: {self.summary}", names=columns)

    def row_name(self, split: str, row: int) -> str:
        """Return a row's split with the name of its file, or, where rows are not files, its number: "test 12"."""
        return f"{split} {self._file(split, row)}"

    def to_json(self) -> dict[str, Any]:
        """Return plain values: name, train and test (numbers of rows), ignored, and findings with all their rows."""
        return {
            "name": self.data.name,
            "train": len(self.data.train),
            "test": len(self.data.test),
            "ignored": list(self.ignored),
            "findings": [finding.to_json() | {"files": self._files(finding)} for finding in self.findings],
        }

    def save(self, path: str | Path) -> Path:
        """Write the page with pictures (.html), the object of `to_json` (.json) or the table (.csv, .md, .tex).

        Returns:
            The path.

        Raises:
            UsageError: for another suffix, or if the file cannot be written.
        """
        path = Path(path)
        suffix = path.suffix.lower()
        check_suffix(path)
        if suffix == ".html":
            from mlplab.inspection.data_check.page import page  # Jinja, only needed for pages
            from mlplab.pages import write_page

            return write_page(path, page(self))
        if suffix == ".json":
            files.write_output(path, f"{json.dumps(self.to_json(), ensure_ascii=False)}\n".encode())
            return path
        return save_tables({"findings": self.table}, path)

    def _files(self, finding: Finding) -> dict[str, list[str]] | None:
        if self.data.train.files is None and self.data.test.files is None:
            return None
        return {split: [self._file(split, row) for row in rows] for split, rows in finding.rows.items()}

    def _file(self, split: str, row: int) -> str:
        """Return the name of a row's file, or, where rows are not files, its number."""
        names = {"train": self.data.train, "test": self.data.test}[split].files
        return str(row) if names is None else names[row]


def check_suffix(path: Path) -> None:
    """Raise `UsageError` for a kind of file that `DataCheck.save` does not write."""
    if path.suffix.lower() not in (".html", ".json", ".csv", ".md", ".tex"):
        raise UsageError(f"A check is written as .html (with pictures), .json, .csv, .md or .tex; got {path}.")


def check_data(source: Any, *, ignore: Iterable[str] = (), verbose: int | str = "auto") -> DataCheck:
    """Find out what is wrong with a data set before you train on it.

    Found are copies within and across train and test, labels that contradict each other, blank and inverted images,
    values on different scales, classes that are unbalanced, missing or small, and photographs: docs/data-check.md
    describes each kind by its code. Images are compared with all others; 70,000 of 28×28 pixels take a few seconds.

    Args:
        source: what `mlplab.load` takes: a name, a file, `((x_train, y_train), (x_test, y_test))`, or its result.
        ignore: codes that are switched off, such as "MLP-D06".
        verbose: 0 for no progress bar.

    Raises:
        UsageError, DataError, FetchError: as `mlplab.load`; UsageError for an unknown code.

    Example:
        check = mlplab.check_data("digits")
        for finding in check:
            print(finding, finding.rows, finding.kind.advice)
        check.save("digits.html")
    """
    ignored = checks.check_codes([ignore] if isinstance(ignore, str) else ignore)
    data = load_for_check(source, quiet=verbose == 0)
    with progress.bar(verbose, "Comparing images") as listener:
        found = checks.findings(data, listener)
    kept = tuple(finding for finding in found if finding.kind.code not in ignored)
    return DataCheck(data, kept, tuple(sorted(ignored)))


def _counted(number: int, severity: str) -> str:
    if severity == "information":
        return f"{number} for information"
    return f"{number} {severity}{'' if number == 1 else 's'}"
