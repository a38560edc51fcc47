"""What a folder is read by: IDX files, tables, Parquet files or images."""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from mlplab.datasets.readers.files import is_hidden, require_inside
from mlplab.datasets.readers.idx import idx_files
from mlplab.datasets.readers.parquet import parquet_files
from mlplab.datasets.readers.rows import PARTS, shown
from mlplab.errors import DataError

TABLES = (".csv", ".tsv")
"""Ends of the names of tables."""


@dataclass(frozen=True)
class Layout:
    """What a folder is read by, whether a network is trained on it or is to predict it.

    Attributes:
        kind: "idx", "tables", "parquet" or "images".
        tables: if it is read by tables, the table of each part: train, validation, test; a single one is "train".
    """

    kind: str
    tables: dict[str, Path] = field(default_factory=dict)


def layout_of(folder: Path) -> Layout:
    """Return what a folder is read by: the first of IDX files, tables, Parquet files and images that it has.

    A folder is read by a single table, or by those whose names have a word for a part, such as `test` and `train`, one
    for each part. Beside two or more folders, which are classes or parts, tables are passed over.

    Raises:
        DataError: for a folder that cannot be read, and a table that is a link out of it.
    """
    if idx_files(folder):
        return Layout("idx")
    try:
        entries = [path for path in sorted(folder.iterdir()) if not is_hidden(path.name)]
    except OSError as error:
        raise DataError(f"{shown(folder)} cannot be read: {error.strerror}.") from error
    tables = [path for path in entries if path.suffix.lower() in TABLES and os.path.isfile(path)]
    for table in tables:
        require_inside(table, folder)
    if sum(os.path.isdir(path) for path in entries) < 2 and (parts := _parts(tables)):
        return Layout("tables", parts)
    return Layout("parquet" if parquet_files(folder) else "images")


def _parts(tables: list[Path]) -> dict[str, Path]:
    """Return the table of each part; none where that is not clear."""
    if len(tables) == 1:
        return {"train": tables[0]}
    parts: dict[str, list[Path]] = {}
    for table in tables:
        named = {PARTS[word] for word in re.findall(r"[^\W\d_]+", table.stem.lower()) if word in PARTS}
        if len(named) == 1:
            parts.setdefault(named.pop(), []).append(table)
    is_clear = parts.keys() - {"train"} and all(len(each) == 1 for each in parts.values())
    return {part: each[0] for part, each in parts.items()} if is_clear else {}
