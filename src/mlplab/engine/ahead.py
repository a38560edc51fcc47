"""Prefetching: a thread computes the next item while the caller works on the present one."""

import concurrent.futures
import queue
import threading
from collections.abc import Generator, Iterator
from typing import TypeVar

from mlplab.engine.interrupts import is_interrupted

T = TypeVar("T")


def ahead(items: Generator[T, None, None]) -> Iterator[T]:
    """Yield the items of a generator, each while a thread prepares the next. An error in it is raised as it is."""
    wanted: queue.SimpleQueue[concurrent.futures.Future[T | None] | None] = queue.SimpleQueue()

    def read() -> None:
        while (future := wanted.get()) is not None:
            try:
                future.set_result(next(items, None))
            except BaseException as error:  # which is raised where the item is waited for
                future.set_exception(error)
            del future  # and with it the item, which may be large

    def following() -> "concurrent.futures.Future[T | None]":
        future: concurrent.futures.Future[T | None] = concurrent.futures.Future()
        wanted.put(future)
        return future

    # Not the thread of an executor: a process forked in one, as the workers of a DataLoader are, ends with code 1.
    thread = threading.Thread(target=read, name="ahead", daemon=True)
    thread.start()
    try:
        future = following()
        while (item := _waited_for(future)) is not None:
            future = following()
            yield item
    finally:
        wanted.put(None)
        thread.join()
        items.close()


def _waited_for(item: "concurrent.futures.Future[T]") -> T:
    """Wait for an item; after Ctrl-C raise KeyboardInterrupt."""
    while True:
        try:
            return item.result(timeout=0.1)
        except TimeoutError:
            if item.done():
                raise
            if is_interrupted():
                raise KeyboardInterrupt from None
