"""Keeping what took a while: in the run, in the cache folder."""

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path

_log = logging.getLogger("mlplab")


@contextlib.contextmanager
def for_next_time(path: Path) -> Iterator[None]:
    """`path` is written within, only to be quicker next time: where that is not possible, it is said and no error."""
    try:
        yield
    except OSError as error:  # RunError is one
        reason = getattr(error.__cause__ or error, "strerror", None) or error
        _log.info(f"{path} could not be written ({reason}), so it will be made anew next time.")
