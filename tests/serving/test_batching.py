"""Rows of concurrent requests are computed together, in order, each request gets its own, and no more wait than may."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from mlplab.serving.batching import Batcher
from mlplab.serving.refusals import Overloaded


def sums(seconds=0.0):
    """Return a function of rows (n, k), and what it was called with: the sum of each row, and its double."""
    calls = []

    def predict(rows):
        calls.append(len(rows))
        time.sleep(seconds * len(rows))  # the time of a computation is what is tested
        return [rows.sum(1), 2 * rows.sum(1)]

    return predict, calls


@pytest.mark.parametrize("seconds", [0.0, 1e-4, 1e-3], ids=["at once", "in the loop", "in a thread"])
def test_each_request_gets_its_own_rows(seconds, rng):
    requests = [rng.integers(0, 9, (count, 3)) for count in (1, 5, 2, 19, 1, 1, 8)]
    predict, calls = sums(seconds)
    sizes = []

    async def run(executor):
        batcher = Batcher(predict, executor, most_waiting=10, most_rows=8, observe=sizes.append)
        batcher.warm_up(requests[0][0])
        calls.clear()
        found = await asyncio.gather(*map(batcher.predict, requests))
        assert batcher.length == 0
        return found

    with ThreadPoolExecutor(1) as executor:
        found = asyncio.run(run(executor))
    for rows, (first, second) in zip(requests, found, strict=True):
        np.testing.assert_array_equal(first, rows.sum(1))
        np.testing.assert_array_equal(second, 2 * rows.sum(1))
    assert sum(sizes) == sum(calls) == 37
    assert max(calls) <= 8
    if seconds:
        assert sizes == [8, 19, 2, 8]  # 1 + 5 + 2, then one that alone is too long


def test_no_more_wait_than_may_and_an_error_is_of_its_batch_alone():
    predict, _ = sums(1e-3)

    def picky(rows):
        if (rows < 0).any():
            raise ArithmeticError("negative")
        return predict(rows)

    async def run(executor):
        batcher = Batcher(picky, executor, most_waiting=3, most_rows=2, observe=lambda rows: None)
        batcher.warm_up(np.ones(2))
        good, bad = np.ones((1, 2)), -np.ones((2, 2))
        return await asyncio.gather(*map(batcher.predict, (good, bad, good, good)), return_exceptions=True)

    with ThreadPoolExecutor(1) as executor:
        first, second, third, fourth = asyncio.run(run(executor))
    assert (first[0] == 2).all()
    assert isinstance(second, ArithmeticError)
    assert (third[0] == 2).all()
    assert isinstance(fourth, Overloaded)
    assert (fourth.status, fourth.headers) == (503, {"Retry-After": "1"})
