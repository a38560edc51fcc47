"""What streams cost: `mlplab.fit` against `keras.Model.fit` on a `PyDataset`, a generator, a `DataLoader`, `tf.data`.

The network is the notebook's: 784-20-10, Adam, batches of 32 of Fashion-MNIST. Each stream gives the same batches of
float32 images. In a round both train one model for some epochs on each stream, in this process; each round goes the
other way than the one before. Without torch the `DataLoader` is left out, without TensorFlow `tf.data`, and the results
say so. What is there is first checked to give Keras's weights, see `same_bits.py`.

    python benchmarks/streams.py [--rounds 7] [--epochs 2] [--no-save]
"""

import argparse
import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import report
import same_bits

import mlplab
from mlplab import keras

BATCH = 32


class Batches(keras.utils.PyDataset):
    """Rows in batches of 32."""

    def __init__(self, x: np.ndarray, y: np.ndarray):
        super().__init__()
        self.x, self.y = x, y

    def __len__(self) -> int:
        return len(self.x) // BATCH

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        rows = slice(index * BATCH, (index + 1) * BATCH)
        return self.x[rows], self.y[rows]


def generator(x: np.ndarray, y: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Endless batches of 32."""
    for start in itertools.cycle(range(0, len(x) - BATCH + 1, BATCH)):
        yield x[start : start + BATCH], y[start : start + BATCH]


STREAMS: dict[str, Callable[[np.ndarray, np.ndarray], Any]] = {"PyDataset": Batches, "generator": generator}


def steps_per_second(fit: Callable[..., Any], model: keras.Model, stream: Any, steps: int, epochs: int) -> float:
    begin = time.perf_counter()
    fit(model, stream, epochs=epochs, steps_per_epoch=steps, shuffle=False, verbose=0)
    return epochs * steps / (time.perf_counter() - begin)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--epochs", type=int, default=2, help="of 1,875 steps, each time (default 2)")
    parser.add_argument("--no-save", action="store_true", help="print only")
    arguments = parser.parse_args()
    on = report.machine()
    train = mlplab.load("fashion-mnist").train
    x, y = train.images / np.float32(255), train.labels
    steps = len(x) // BATCH
    print(f"{same_bits.check()} comparisons of the weights of mlplab and Keras: equal", flush=True)
    streams = STREAMS | same_bits.in_order()
    fits = {"mlplab": mlplab.fit, "keras": keras.Model.fit}
    models = {name: same_bits.network() for name in fits}
    for name, fit in fits.items():  # compiled before it is timed
        for make in streams.values():
            fit(models[name], make(x, y), steps_per_epoch=100, shuffle=False, verbose=0)
    seen: dict[tuple[str, str], list[float]] = {pair: [] for pair in itertools.product(streams, fits)}
    for _, (stream, name) in report.alternating(list(seen), arguments.rounds):
        made = streams[stream](x, y)
        rate = steps_per_second(fits[name], models[name], made, steps, arguments.epochs)
        seen[stream, name].append(rate)
        print(f"{stream}, {name}: {rate:,.0f} steps a second", flush=True)
    results = report.against_keras("stream", "steps a second", seen)
    left_out = same_bits.left_out()
    print(*left_out, sep="\n")
    if not arguments.no_save:
        payload = {
            "rounds": arguments.rounds,
            "epochs": arguments.epochs,
            "steps": steps,
            "left_out": left_out,
            "results": results,
        }
        packages = ("mlplab", "jax", "keras", "numpy", "torch", "tensorflow-cpu", "tensorflow")
        report.save("streams", payload, on, packages)


if __name__ == "__main__":
    main()
