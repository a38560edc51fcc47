"""What a training step costs, against the arithmetic that it needs at least.

The reference is NumPy doing, in this process and in turn with the engine, what a step of a dense network with Adam
must do and nothing else: gather a batch, two matrix products a layer (forward, and the weights' gradient; the
gradient of the inputs, a third one for every layer but the first, is reported separately), and Adam's operations on one
vector, in place, with reused buffers, on one thread or on all, whichever is faster.

The engine's figure is a `fit` of some epochs over their steps: shuffling, uint8 images scaled in the step,
loss, accuracy, gradients, Adam and metrics included.

A second table has the arithmetic that the engine does in a second, beside that of one product in NumPy: of the batch
with the kernel of the largest layer, in float32, on one thread or on all, whichever is faster. Counted are matrix
products alone: 2·m·k·n operations for m rows, k inputs and n units, and three products a dense layer (forward, and the
gradients of kernel and inputs), two for the first layer, whose inputs have no gradient. A ladder network's encoder has
three batches of rows (clean, noisy, and noisy with labels), its decoder one batch, with all three products a layer.

    python benchmarks/step_cost.py [--rounds 7]
"""

import argparse
import itertools
import os
import statistics
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

for variable in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
    os.environ.pop(variable, None)

# E402, here and below: these imports load OpenBLAS, which reads the settings that were just taken away.
import numpy as np  # noqa: E402 - see above
import report  # noqa: E402 - see above
from threadpoolctl import threadpool_limits  # noqa: E402 - see above

import mlplab  # noqa: E402 - see above
from mlplab import keras  # noqa: E402 - see above
from mlplab.datasets import Dataset  # noqa: E402 - see above
from mlplab.engine import ArraySource, Rows, SemiSupervisedSource, fit  # noqa: E402 - see above
from mlplab.engine.source import Source  # noqa: E402 - see above
from mlplab.runs import Preprocessing  # noqa: E402 - see above

NETWORKS = [*itertools.product(([20], [50, 50], [512, 512]), (32, 256)), ([1024, 1024], 256)]
"""Units of the hidden layers, and rows in a step."""
LADDER = ([1000, 500, 250, 250, 250], 100)
"""Its authors' layers; a step has 100 labelled rows and 100 others."""
SECONDS = 0.7
"""How long each measurement of one round lasts, about."""


def reference(hidden: list[int], batch: int) -> dict[str, Callable[[], object]]:
    """The parts of a step that NumPy is timed on."""
    rng = np.random.default_rng(0)
    sizes = [784, *hidden, 10]
    images = rng.random((60_000, 784), np.float32)
    order = rng.permutation(60_000)
    rows = [rng.random((batch, size), np.float32) for size in sizes]
    outs = [np.empty((batch, size), np.float32) for size in sizes]
    weights = [rng.random(shape, np.float32) for shape in pairwise(sizes)]
    gradients = [np.empty_like(weight) for weight in weights]
    parameters = sum(weight.size + weight.shape[1] for weight in weights)
    p, g, m, v = (rng.random(parameters, np.float32) for _ in range(4))
    a, b = np.empty_like(p), np.empty_like(p)
    taken = np.empty((batch, 784), np.float32)
    at = 0

    def gather() -> None:
        nonlocal at
        at = (at + batch) % (60_000 - batch)
        np.take(images, order[at : at + batch], axis=0, out=taken, mode="clip")

    def products() -> None:
        for i, weight in enumerate(weights):
            np.matmul(rows[i], weight, out=outs[i + 1])
            np.matmul(rows[i].T, rows[i + 1], out=gradients[i])

    def input_gradients() -> None:
        for i, weight in enumerate(weights[1:], start=1):
            np.matmul(rows[i + 1], weight.T, out=outs[i])

    def adam() -> None:
        np.subtract(g, m, out=a)
        np.multiply(a, 0.1, out=a)
        np.add(m, a, out=m)
        np.multiply(g, g, out=a)
        np.subtract(a, v, out=a)
        np.multiply(a, 0.001, out=a)
        np.add(v, a, out=v)
        np.sqrt(v, out=a)
        np.add(a, 1e-7, out=a)
        np.multiply(m, 1e-3, out=b)
        np.divide(b, a, out=b)
        np.subtract(p, b, out=p)

    return {"gather": gather, "products": products, "adam": adam, "input gradients": input_gradients}


class Rates:
    """The arithmetic that a step does in a second, beside that of one product in NumPy, which is measured by a call.

    Args:
        hidden: units of the hidden layers.
        encoded: rows that pass through the dense layers in a step; the product has as many.
        decoded: rows that pass through a ladder network's decoder.

    Attributes:
        gflop: 10⁹ operations of the step's products.
    """

    def __init__(self, hidden: list[int], encoded: int, decoded: int = 0):
        layers = list(pairwise([784, *hidden, 10]))
        products = [inputs * units for inputs, units in layers]
        self.gflop = 2e-9 * (encoded * (3 * sum(products) - products[0]) + decoded * 3 * sum(products))
        self._gflop_of_product = 2e-9 * encoded * max(products)
        inputs, units = layers[int(np.argmax(products))]
        rng = np.random.default_rng(0)
        self._x, self._kernel = rng.random((encoded, inputs), np.float32), rng.random((inputs, units), np.float32)
        self._sums = np.empty((encoded, units), np.float32)

    def __call__(self, microseconds: float) -> dict[str, float]:
        """The rates of a step that took this long."""
        ours = self.gflop / microseconds * 1e6
        numpy = self._gflop_of_product / timed(lambda: np.matmul(self._x, self._kernel, out=self._sums)) * 1e6
        return {"GFLOP/s": ours, "GFLOP/s of a product": numpy, "part of it": ours / numpy}


def dense(hidden: list[int], batch: int, train: Dataset) -> Callable[[], float]:
    """A function that trains a dense network for some epochs and gives microseconds a step."""
    model = mlplab.mlp((28, 28), 10, hidden, seed=0)
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    count = 60_000 if sum(hidden) < 500 else 60 * batch
    return engine(
        model,
        ArraySource(
            train.images[:count],
            train.labels[:count],
            batch_size=batch,
            shuffle=True,
            batch=Rows(preprocess=Preprocessing(255.0)),
        ),
    )


def ladder(hidden: list[int], batch: int, train: Dataset) -> Callable[[], float]:
    """A function that trains a ladder network for some epochs and gives microseconds a step."""
    model = mlplab.ladder((28, 28), 10, hidden, preset="all-labels", seed=0)
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    x, y = train.images[: 20 * batch], train.labels[: 20 * batch]
    return engine(model, SemiSupervisedSource(x, y, batch_size=batch, preprocess=Preprocessing(255.0)))


def engine(model: keras.Model, source: Source) -> Callable[[], float]:
    """A function that trains a model for some epochs and gives microseconds a step."""

    def epochs(count: int) -> float:
        begin = time.perf_counter()
        fit(model, source, epochs=count, verbose=0)
        return time.perf_counter() - begin

    def microseconds() -> float:
        count = max(1, round(SECONDS / (epochs(2) / 2)))
        return epochs(count) / (count * source.steps) * 1e6

    epochs(1)
    return microseconds


def timed(part: Callable[[], object]) -> float:
    """Microseconds a call, with one BLAS thread or with all: the smaller."""

    def once(threads: int | None) -> float:
        with threadpool_limits(threads):
            calls, begin = 0, time.perf_counter()
            while (spent := time.perf_counter() - begin) < SECONDS / 8:
                for _ in range(10):
                    part()
                calls += 10
        return spent / calls * 1e6

    return min(once(1), once(None))


def measure(hidden: list[int], batch: int, train: Dataset, rounds: int) -> dict[str, Any]:
    """Rounds of reference and engine in turn; medians, and the median of the rounds' ratios."""
    parts, step, rates = reference(hidden, batch), dense(hidden, batch, train), Rates(hidden, batch)
    seen: list[dict[str, float]] = []
    for _ in range(rounds):
        us = {name: timed(part) for name, part in parts.items()}
        us["reference"] = us["gather"] + us["products"] + us["adam"]
        us["engine"] = step()
        us["ratio"] = us["engine"] / us["reference"]
        us["ratio with input gradients"] = us["engine"] / (us["reference"] + us["input gradients"])
        seen.append(us | rates(us["engine"]))
    return {"network": "dense", "hidden": hidden, "batch": batch, "GFLOP": rates.gflop, **summary(seen)}


def measure_ladder(hidden: list[int], batch: int, train: Dataset, rounds: int) -> dict[str, Any]:
    """Rounds of a ladder network's step, with the arithmetic that it does in a second."""
    step, rates = ladder(hidden, batch, train), Rates(hidden, encoded=3 * batch, decoded=batch)
    seen = [{"engine": us, **rates(us)} for us in (step() for _ in range(rounds))]
    return {"network": "ladder", "hidden": hidden, "batch": batch, "GFLOP": rates.gflop, **summary(seen)}


def summary(seen: list[dict[str, float]]) -> dict[str, Any]:
    """The rounds, and the median of each of their values."""
    return {"median": {name: round(statistics.median(us[name] for us in seen), 3) for name in seen[0]}, "rounds": seen}


def name(result: dict[str, Any]) -> list[str]:
    """The network and the rows in a step, for a table; of a ladder network, those with labels and the others."""
    units, batch = "-".join(map(str, result["hidden"])), str(result["batch"])
    return [f"{units}, ladder", f"{batch} + {batch}"] if result["network"] == "ladder" else [units, batch]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--no-save", action="store_true", help="print only")
    report.add_results_option(parser)
    arguments = parser.parse_args()
    on = report.machine()
    train, rounds = mlplab.load("fashion-mnist").train, arguments.rounds
    results = [measure(hidden, batch, train, rounds) for hidden, batch in NETWORKS]
    columns = ["gather", "products", "adam", "reference", "engine", "ratio", "ratio with input gradients"]
    rows = [[*name(r), *(f"{r['median'][c]:.2f}" for c in columns)] for r in results]
    report.print_table(["units", "batch", *(f"{c} µs" if "ratio" not in c else c for c in columns)], rows)
    results.append(measure_ladder(*LADDER, train, rounds))
    columns = ["GFLOP/s", "GFLOP/s of a product", "part of it"]
    rows = [[*name(r), f"{r['GFLOP']:.3f}", *(f"{r['median'][c]:.2f}" for c in columns)] for r in results]
    print()
    report.print_table(["units", "batch", "GFLOP a step", *columns], rows)
    if not arguments.no_save:
        payload = {"unit": "microseconds a step", "results": results}
        report.save("step_cost", payload, on, packages=("jax", "keras", "numpy"), folder=arguments.results)


if __name__ == "__main__":
    main()
