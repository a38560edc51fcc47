"""`Table`, the result of every inspection: named columns, and a figure of them."""

import csv
import functools
import html
import io
import json
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from mlplab import files
from mlplab.errors import MlplabError, UsageError
from mlplab.figures import png, save_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN = 30
"""Number of rows that a table prints or a notebook shows. `rows`, `columns` and files have all."""


@dataclass(frozen=True, eq=False, repr=False)
class Table:
    """Named columns of one length, and a figure of them.

    Attributes:
        columns: arrays of one length, by name.
        title: describes the rows.
        draw: function without arguments that returns the figure; None for a table without a figure.
    """

    columns: Mapping[str, np.ndarray]
    title: str = ""
    draw: Callable[[], "Figure"] | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        columns = {name: np.asarray(column) for name, column in self.columns.items()}
        lengths = {name: len(column) for name, column in columns.items()}
        assert len(set(lengths.values())) <= 1, f"Columns of one length were expected; got {lengths}."
        object.__setattr__(self, "columns", columns)

    @classmethod
    def of_rows(
        cls,
        rows: Sequence[Mapping[str, Any]],
        title: str = "",
        draw: "Callable[[], Figure] | None" = None,
        names: Iterable[str] = (),
    ) -> "Table":
        """Make a table of rows, each a mapping of column names to values.

        A column whose values all have one type, int, float or bool, becomes an array of it; others hold objects.

        Args:
            rows: mappings with the same keys.
            title, draw: see `Table`.
            names: the columns, by default the keys of the first row.
        """
        names = list(names) or list(rows[0] if rows else ())
        return cls({name: _column([row[name] for row in rows]) for name in names}, title, draw)

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def __getitem__(self, name: str) -> np.ndarray:
        return self.columns[name]

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Iterate over the rows, each a dict of Python values by column name. NaN becomes None, as in JSON."""
        for values in zip(*(column.tolist() for column in self.columns.values()), strict=True):
            yield {name: None if value != value else value for name, value in zip(self.columns, values, strict=True)}

    @functools.cached_property
    def figure(self) -> "Figure":
        """The figure, drawn on first access. Raises `MlplabError` for a table without a figure."""
        if self.draw is None:
            raise MlplabError("This table has no figure. Save it as a .csv file instead.")
        return self.draw()

    def rows(self) -> list[dict[str, Any]]:
        """Return all rows, each a dict of Python values by column name. NaN becomes None."""
        return list(self)

    def select(self, rows: Any = slice(None), *, without: Sequence[str] = ()) -> "Table":
        """Return a table without a figure: the rows at some positions or in a slice, all columns but `without`."""
        columns = {name: column[rows] for name, column in self.columns.items() if name not in without}
        return Table(columns, self.title)

    def to_csv(self) -> str:
        """Return all rows as CSV (RFC 4180), numbers with all their digits."""
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(self.columns)
        writer.writerows(row.values() for row in self)
        return text.getvalue()

    def to_markdown(self) -> str:
        """Return all rows as a table of Markdown, floats with four digits."""
        rules = ["---:" if right else "---" for right in self._align_right()]
        rows = [[_escaped(text, _MARKDOWN) for text in row] for row in (list(self.columns), *self._texts())]
        return "".join(f"| {' | '.join(row)} |\n" for row in (rows[0], rules, *rows[1:]))

    def to_latex(self) -> str:
        """Return all rows as a tabular of LaTeX, floats with four digits. It needs the package booktabs."""
        columns = "".join("r" if right else "l" for right in self._align_right())
        head, *body = (
            " & ".join(_escaped(text, _LATEX) for text in row) + r" \\" for row in (list(self.columns), *self._texts())
        )
        lines = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", head, r"\midrule", *body, r"\bottomrule"]
        return "\n".join([*lines, r"\end{tabular}", ""])

    def to_json(self) -> str:
        """Return all rows as a JSON array of objects, numbers with all their digits."""
        return json.dumps(self.rows(), indent=1, ensure_ascii=False, default=operator.methodcaller("tolist")) + "\n"

    def save(self, path: str | Path) -> Path:
        """Write the table (.csv, .md, .tex, .json) or its figure (.png, .svg, .pdf) to a file, and return the path.

        Raises:
            UsageError: if the name has no suffix, or the file cannot be written.
            MlplabError: if a figure is asked for and the table has none.
        """
        path = Path(path)
        if not path.suffix:
            raise UsageError(f"{path} has no suffix: name a .csv file for the table, or a .png file for its figure.")
        if path.suffix.lower() not in TEXTS:
            return save_figure(self.figure, path)
        return _write(path, TEXTS[path.suffix.lower()](self))

    def show(self) -> Self:
        """Display the figure in a notebook, do nothing elsewhere, and return the table."""
        if self.draw is not None and in_notebook():
            from IPython.display import Image, display  # pyright: ignore[reportMissingImports] - a notebook has it

            display(Image(png(self.figure)))
        return self

    def __repr__(self) -> str:
        shown = self._shown()
        widths = [max(map(len, column)) for column in zip(self.columns, *shown, strict=True)]
        lines = [
            "  ".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in (self.columns, *shown)
        ]
        return "\n".join([*([self.title] if self.title else []), *lines, *self._more()])

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{html.escape(name)}</th>" for name in self.columns)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(text)}</td>" for text in row) + "</tr>" for row in self._shown()
        )
        more = "".join(f"<p>{line}</p>" for line in self._more())
        title = f"<caption>{html.escape(self.title)}</caption>" if self.title else ""
        return f"<table>{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"

    def _shown(self) -> list[list[str]]:
        return self.select(slice(SHOWN))._texts()

    def _texts(self) -> list[list[str]]:
        return [[_text(value) for value in row.values()] for row in self]

    def _align_right(self) -> list[bool]:
        """Return whether each column has numbers only."""
        return [
            column.dtype.kind in "iuf" or all(isinstance(value, int | float | None) for value in column.tolist())
            for column in self.columns.values()
        ]

    def _more(self) -> list[str]:
        return [f"… {len(self) - SHOWN} more rows"] if len(self) > SHOWN else []


TEXTS: dict[str, Callable[[Table], str]] = {
    ".csv": Table.to_csv,
    ".md": Table.to_markdown,
    ".tex": Table.to_latex,
    ".json": Table.to_json,
}
"""The texts of a table, by the suffix of their files."""

PICTURES = (".png", ".svg", ".pdf")
"""Suffixes of figures that are offered; matplotlib writes others too."""

FILES = ".csv, .md, .tex or .json for the table, .png, .svg or .pdf for the figure"


def save_tables(tables: Mapping[str, Table], path: str | Path) -> Path:
    """Write several tables: one below the other (.md, .tex), as a JSON object of them, or the first one (.csv).

    Raises:
        UsageError: for another suffix, and if the file cannot be written.
    """
    path, suffix = Path(path), Path(path).suffix.lower()
    if suffix == ".csv":
        return next(iter(tables.values())).save(path)
    if suffix == ".json":
        rows = (f"{json.dumps(name)}: {table.to_json()}" for name, table in tables.items())
        return _write(path, f"{{\n{','.join(rows)}}}\n")
    if suffix not in TEXTS:
        raise UsageError(f"Tables are written as .csv, .md, .tex or .json; got {path}.")
    before = "% " if suffix == ".tex" else ""
    return _write(path, "\n".join(f"{before}{table.title}\n\n{TEXTS[suffix](table)}" for table in tables.values()))


def _write(path: Path, text: str) -> Path:
    files.write_output(path, text.encode("utf-8", "replace"))
    return path


_MARKDOWN = {"\\": r"\\", "|": r"\|", "\n": " ", "<": "&lt;", "*": r"\*", "_": r"\_", "`": r"\`"}
_LATEX = {character: f"\\{character}" for character in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "\n": " ",
    "\N{MINUS SIGN}": "$-$",
    "±": r"$\pm$",
    "×": r"$\times$",
    "\N{EN DASH}": "--",
    "…": r"\ldots{}",
}


def _escaped(text: str, characters: Mapping[str, str]) -> str:
    return text.translate(str.maketrans(dict(characters)))


def in_notebook() -> bool:
    """Return whether this process is the kernel of a notebook."""
    import sys

    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell is not None and hasattr(shell, "kernel")


def _column(values: list[Any]) -> np.ndarray:
    if len(kinds := set(map(type, values))) <= 1 and kinds <= {int, float, bool}:
        return np.array(values)
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


def _text(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
