"""All devices of this process, each with a thread that hands it the next job. On a CPU every core is a device."""

import queue
import threading
from collections.abc import Callable, Generator, Hashable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any, Self

import jax

from mlplab.engine.ahead import ahead
from mlplab.engine.interrupts import deferred_interrupt
from mlplab.engine.placement import also_on
from mlplab.engine.source import ArraySource, Segment, Source


class Device:
    """A device, and the arrays that are on it."""

    def __init__(self, device: Any, stop: threading.Event):
        self.device = device
        self._stop = stop
        self._arrays: dict[Hashable, Any] = {}

    def segments(self, source: Source, position: int) -> Generator[Segment, None, None]:
        """Yield the segments of one epoch. Arrays that several models have in common go to the device once.

        A thread reads each chunk and puts it on the device while the one before is computed on.
        """
        if isinstance(source, ArraySource) and not source.stays_on_device:
            yield from ahead(self._placed(source, position))
            return
        for segment in source.segments(position):
            leaves, structure = jax.tree.flatten(segment.arrays)  # sources of several kinds may have the same leaves
            key = structure, *map(id, leaves)
            # Other sources make arrays in each epoch, which are not kept.
            if key not in self._arrays and isinstance(source, ArraySource):
                # With the originals, so that no other array can take their place in memory, and so their ids.
                self._arrays[key] = also_on(self.device, segment.arrays), segment.arrays
            yield segment._replace(arrays=self._arrays.get(key, (segment.arrays,))[0])

    def _placed(self, source: Source, position: int) -> Generator[Segment, None, None]:
        """Yield the segments of one epoch with their arrays on the device, where nothing else keeps them."""
        before = placed = None
        for segment in source.segments(position):
            if segment.arrays is not before:
                before, placed = segment.arrays, jax.device_put(segment.arrays, self.device)
            yield segment._replace(arrays=placed)

    def check_stop(self) -> None:
        """End the job, between two pieces, if another one failed or after Ctrl-C."""
        if self._stop.is_set():
            raise CancelledError


Job = Callable[[Device], None]


class Devices(ExitStack):
    """A context in which jobs run on all devices. Ctrl-C ends each job after its present piece.

    One that a callback opens within another, whose jobs keep all devices busy, has only the first device.
    """

    def __init__(self) -> None:
        super().__init__()
        chosen: Any = jax.config.jax_default_device  # type: ignore[attr-defined] - JAX adds its options at run time
        devices = [chosen] if isinstance(chosen, jax.Device) else jax.local_devices()
        self._stop = threading.Event()
        self._all = [Device(device, self._stop) for device in devices[: 1 if _is_open() else None]]
        self._free: queue.SimpleQueue[Device] = queue.SimpleQueue()
        for device in self._all:
            self._free.put(device)
        self._pool = ThreadPoolExecutor(len(self._all), thread_name_prefix="device")  # starts threads when needed
        self._waiting: list[Job] = []
        self._running = 0
        self._done: queue.SimpleQueue[Future[Job]] = queue.SimpleQueue()

    def __len__(self) -> int:
        return len(self._all)

    def __enter__(self) -> Self:
        self.enter_context(deferred_interrupt(self._stop.set))
        self.callback(self._pool.shutdown, cancel_futures=True)
        self.callback(self._stop.set)
        self.callback(setattr, _of_thread, "is_open", _is_open())
        _of_thread.is_open = True
        return self

    def start(self, job: Job) -> None:
        """Let the next free device do a job, after those that were started before."""
        self._waiting.append(job)

    def finished(self, all_jobs: bool = False) -> list[Job]:
        """Wait until a job is done, or all are, and return what is done: nothing if all were returned before.

        The calling thread does a single job itself. An exception in a job is raised here and ends the others after
        their present piece.
        """
        self._all[0].check_stop()
        jobs, self._waiting = self._waiting, []
        if len(self._all) == 1 or (len(jobs) == 1 and not self._running):
            for job in jobs:
                job(self._all[0])
            return jobs
        for job in jobs:
            self._pool.submit(self._do, job).add_done_callback(self._done.put)
        self._running += len(jobs)
        done = [self._done.get().result() for _ in range(self._running if all_jobs else min(1, self._running))]
        self._running -= len(done)
        return done

    def _do(self, job: Job) -> Job:
        device = self._free.get()
        try:
            job(device)
        finally:
            self._free.put(device)
        return job


_of_thread = threading.local()


def _is_open() -> bool:
    """Return whether this thread has devices open."""
    return getattr(_of_thread, "is_open", False)
