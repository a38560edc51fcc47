"""Call a function for each item of a list in parallel threads, with the results in the order of the items."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from mlplab.progress import Progress, bar

T = TypeVar("T")
R = TypeVar("R")

_GROUPS_AHEAD = 64
"""Groups of items that are worked on in parallel before the next ones begin."""


def map_parallel(items: Sequence[T], call: Callable[[T], R], title: str, quiet: bool) -> list[R]:
    """Return the result of a function for each item. Arguments and errors: as of `map_in_groups`."""
    return [result for group in map_in_groups(items, call, title, quiet) for result in group]


def map_in_groups(items: Sequence[T], call: Callable[[T], R], title: str, quiet: bool) -> Iterator[list[R]]:
    """Yield the results of a function for consecutive items, a group of them at a time, so that few are in memory.

    Threads, not processes: decoding, hashing and reading release Python's lock while they work.

    Args:
        items: at least one.
        call: is called in several threads at once. The first error, in the order of the items, ends the iteration.
        title: of the progress bar.
        quiet: no progress bar.
    """
    at_once = max(1, min(256, len(items) // 64))

    def group(start: int) -> list[R]:
        return [call(item) for item in items[start : start + at_once]]

    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    done = 0
    with bar(0 if quiet else "auto", title) as progress, ThreadPoolExecutor(threads) as pool:
        try:
            for first in range(0, len(items), _GROUPS_AHEAD * at_once):
                last = min(first + _GROUPS_AHEAD * at_once, len(items))
                for results in pool.map(group, range(first, last, at_once)):
                    done += len(results)
                    progress(Progress(done, len(items)))
                    yield results
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
