"""Rows of concurrent requests → batches → predictions, in a bounded queue.

Nothing waits for a batch to fill: a batch is what came while the one before was computed, or in the same turn of the
event loop.
"""

import asyncio
import functools
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from typing import NamedTuple

import numpy as np

from mlplab.serving.refusals import Overloaded

Predict = Callable[[np.ndarray], list[np.ndarray]]

_IMMEDIATELY = 2e-5
"""Seconds of a computation that waits for no others: to put it into the queue would take as long as a batch saves."""
_AT_ONCE = 0.002
"""Seconds of a batch that is computed in the event loop: to hand it to a thread takes about a tenth of that. A longer
one goes to a thread, so that other requests are answered meanwhile."""


_WARM_UPS = 5


class _Waiting(NamedTuple):
    rows: np.ndarray
    future: "asyncio.Future[list[np.ndarray]]"


class Batcher:
    """A queue of rows for one network.

    Args:
        predict: returns an array (n, …) for each output, for rows (n, …).
        executor: runs long batches, one at a time.
        most_waiting: requests in the queue.
        most_rows: rows of a batch. A request with more has several.
        observe: is called with the number of rows of each batch.

    Attributes:
        length: number of requests that wait or are computed.
    """

    def __init__(
        self,
        predict: Predict,
        executor: Executor,
        most_waiting: int,
        most_rows: int,
        observe: Callable[[int], object],
    ):
        self._predict, self._executor = predict, executor
        self._most_waiting, self._most_rows, self._observe = most_waiting, most_rows, observe
        self._queue: deque[_Waiting] = deque()
        self._is_scheduled = False
        self._seconds = (0.0, 0.0)
        self.length = 0

    def warm_up(self, row: np.ndarray) -> None:
        """Measure how long the shortest and the longest batch take. `row`: one input, without the batch axis."""
        several = np.broadcast_to(row, (self._most_rows, *row.shape))
        times = []
        for rows in (np.ascontiguousarray(several[:1]), np.ascontiguousarray(several)):
            seconds = []
            for _ in range(_WARM_UPS):
                started = time.perf_counter()
                self._predict(rows)
                seconds.append(time.perf_counter() - started)
            times.append(min(seconds))
        self._seconds = (times[0], max(0.0, times[1] - times[0]) / self._most_rows)

    def require_room(self, others: int = 0) -> None:
        """Raise `Overloaded` if the queue is full. `others`: requests that will come into it."""
        if self.length + others >= self._most_waiting:
            raise Overloaded(f"{self._most_waiting} requests wait already, the most that may")

    async def predict(self, rows: np.ndarray) -> list[np.ndarray]:
        """Return the outputs for rows (n, …), once their turn has come. Raises `Overloaded` if the queue is full."""
        self.require_room()
        if not self._is_scheduled and self._expected(len(rows)) < _IMMEDIATELY:
            return self._compute([rows])
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[np.ndarray]] = loop.create_future()
        self._queue.append(_Waiting(rows, future))
        self.length += 1
        if not self._is_scheduled:
            self._is_scheduled = True
            loop.call_soon(self._next)
        try:
            return await future
        finally:
            self.length -= 1

    def _next(self) -> None:
        """Compute the next batch: here, if that is quick, or in a thread."""
        batch = self._take()
        if not batch:
            self._is_scheduled = False
            return
        rows = sum(len(each.rows) for each in batch)
        loop = asyncio.get_running_loop()
        if self._expected(rows) > _AT_ONCE:
            computed = loop.run_in_executor(self._executor, self._compute, [waiting.rows for waiting in batch])
            computed.add_done_callback(functools.partial(self._computed, batch))
            return
        try:
            found = self._compute([waiting.rows for waiting in batch])
        except Exception as error:  # of any kind: each waiting request has to get it, or would wait for ever
            self._finish(batch, error)
        else:
            self._finish(batch, found)
        if self._queue:
            loop.call_soon(self._next)
        else:
            self._is_scheduled = False

    def _take(self) -> list[_Waiting]:
        """Take requests from the queue, up to the rows of a batch, but one at least."""
        batch: list[_Waiting] = []
        rows = 0
        while self._queue and (not batch or rows + len(self._queue[0].rows) <= self._most_rows):
            waiting = self._queue.popleft()
            if waiting.future.done():  # its client has gone
                continue
            batch.append(waiting)
            rows += len(waiting.rows)
        return batch

    def _expected(self, rows: int) -> float:
        """Return about how many seconds a computation of some rows takes."""
        return self._seconds[0] + rows * self._seconds[1]

    def _compute(self, batch: list[np.ndarray]) -> list[np.ndarray]:
        """Return the outputs for all rows of a batch."""
        rows = batch[0] if len(batch) == 1 else np.concatenate(batch)
        most = self._most_rows
        pieces = [self._predict(rows[start : start + most]) for start in range(0, len(rows), most)]
        self._observe(len(rows))
        return pieces[0] if len(pieces) == 1 else [np.concatenate(each) for each in zip(*pieces, strict=True)]

    def _computed(self, batch: list[_Waiting], done: "asyncio.Future[list[np.ndarray]]") -> None:
        """Give out what a thread has computed, and compute the next batch."""
        self._finish(batch, done.exception() or done.result())
        self._next()

    @staticmethod
    def _finish(batch: list[_Waiting], found: list[np.ndarray] | BaseException) -> None:
        """Give each request of a batch its rows of the outputs, or the error."""
        start = 0
        for rows, future in batch:
            stop = start + len(rows)
            if not future.done():
                if isinstance(found, BaseException):
                    future.set_exception(found)
                else:
                    future.set_result(found if len(batch) == 1 else [output[start:stop] for output in found])
            start = stop
