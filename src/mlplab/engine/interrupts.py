"""Ctrl-C while JAX works, or is imported: it waits until the present piece of steps, or the import, is done.

JAX compares keys of its caches in C++. A KeyboardInterrupt that Python raises in such a comparison comes out as a
ValueError ("Cache keys should be comparable using __eq__ …"), so Ctrl-C would end a training with an error.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_listeners: list[Callable[[], object]] = []
"""Functions of all contexts that are open."""

_pending = False
"""Whether Ctrl-C came while a context was open."""

_before: Callable[[int, Any], Any] = signal.default_int_handler
"""What handled Ctrl-C before the outermost context."""


@contextmanager
def deferred_interrupt(on_interrupt: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Raise the KeyboardInterrupt of a first Ctrl-C at the end of the outermost of these contexts, not within it.

    `on_interrupt` is called at that Ctrl-C, so that long work can end early. A second Ctrl-C acts at once. Only the
    main thread gets signals; in other threads the context changes nothing.
    """
    global _pending, _before
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        yield
        return
    outermost = handler is not _receive
    if outermost:
        _pending, _before = False, handler
        signal.signal(signal.SIGINT, _receive)
    elif _pending:
        on_interrupt()
    _listeners.append(on_interrupt)
    try:
        yield
    finally:
        _listeners.pop()
        if outermost:
            signal.signal(signal.SIGINT, _before)
            if _pending:
                _before(signal.SIGINT, None)


def is_interrupted() -> bool:
    """Return whether Ctrl-C came while a context is open: for waiting, in any thread, that can end early."""
    return bool(_listeners) and _pending


def _receive(number: int, frame: Any) -> None:
    global _pending
    if _pending:
        _before(number, frame)
    _pending = True
    for on_interrupt in _listeners:
        on_interrupt()
