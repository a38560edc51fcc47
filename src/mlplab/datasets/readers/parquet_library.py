"""pyarrow: imported where it is needed, and its errors."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlplab.datasets.readers.rows import shown
from mlplab.errors import DataError, brief, import_optional


def import_pyarrow() -> Any:
    """Import pyarrow with its modules for Parquet and for computing. Raises `MissingPackageError` without it."""
    return import_optional("Reading Parquet", "mlplab[data]", "pyarrow", "parquet", "compute")


@contextlib.contextmanager
def readable(path: Path) -> Iterator[None]:
    """Raise `DataError` for whatever pyarrow raises in this block, which calls it and nothing of mlplab.

    Of a damaged file that is ArrowException, OSError, OverflowError, UnicodeDecodeError, and more. A `MemoryError`
    passes.
    """
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:  # pyarrow's kinds for damaged files have no common one
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise DataError(f"{shown(path)} is no readable Parquet file: {brief(reason)}. Get it again.") from error


def batches(file: Any, path: Path, columns: list[str], rows: int) -> Iterator[Any]:
    """Yield an open file in batches of at most `rows` rows. Raises `DataError` if it is damaged."""
    with readable(path):
        waiting = file.iter_batches(rows, columns=list(dict.fromkeys(columns)))
    while True:
        with readable(path):
            batch = next(waiting, None)
        if batch is None:
            return
        if batch.num_rows:
            yield batch
