"""Write files that only save time when they are read again."""

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path

_log = logging.getLogger("mlplab")


@contextlib.contextmanager
def optional_write(path: Path) -> Iterator[None]:
    """Log, instead of raising, that the file at `path` cannot be written by the body of the `with` statement."""
    try:
        yield
    except OSError as error:  # RunError is one
        reason = getattr(error.__cause__ or error, "strerror", None) or error
        _log.info(f"{path} could not be written ({reason}), so it will be computed again next time.")
