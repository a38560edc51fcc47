"""The time that trials of successive halving take, and what training the best again takes."""

import time

from mlplab.engine import backend


class Clock:
    """Measures how long one epoch of one trial takes, without compiling."""

    def __init__(self) -> None:
        self._start, self._compiled = time.perf_counter(), backend.compile_seconds()

    def an_epoch(self, done: float) -> float:
        """Return the seconds of one of the `done` epochs, without compiling."""
        computed = self._elapsed() - (backend.compile_seconds() - self._compiled)
        return max(computed, 0.0) / max(done, 1e-9)

    def end(self, done: float, remaining: float) -> float:
        """Estimate the seconds from the start until `remaining` epochs are done after the `done` ones."""
        return self._elapsed() + remaining * self.an_epoch(done)

    def _elapsed(self) -> float:
        return time.perf_counter() - self._start


def seconds_to_train_again(seeds: int, epochs: int, an_epoch: float, limit: float) -> float:
    """Return the seconds to keep for training the best network again: for all seeds, or half of the limit if less.

    At least one seed is trained.

    Args:
        seeds: with which it is trained; 0: it is not.
        epochs: of the training.
        an_epoch: seconds of an epoch of one network.
        limit: seconds for trials and training again together.
    """
    one = epochs * an_epoch
    return max(one, min(seeds * one, limit / 2)) if seeds else 0.0
