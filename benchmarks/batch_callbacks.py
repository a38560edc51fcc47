"""What a callback that sees every batch costs: `mlplab.fit` against `keras.Model.fit` with the same callback.

The network is the notebook's: 784-20-10, Adam, batches of 32 of Fashion-MNIST. One callback reads the logs of each
batch, one the weights of the model, and one sets the learning rate. In a round both train one model for some epochs
with each callback, in this process; each round goes the other way than the one before. Above 1, mlplab takes longer.

    python benchmarks/batch_callbacks.py [--rounds 7] [--epochs 2] [--no-save]
"""

import argparse
import itertools
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import report
import same_bits

import mlplab
from mlplab import keras


class ReadsLogs(keras.callbacks.Callback):
    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.loss = logs["loss"]


class ReadsWeights(keras.callbacks.Callback):
    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        model: Any = self.model
        self.weights = model.layers[-1].get_weights()


class SetsRate(keras.callbacks.Callback):
    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        model: Any = self.model
        model.optimizer.learning_rate = 0.001 / (1 + batch)


CALLBACKS: dict[str, type[keras.callbacks.Callback]] = {
    "reads logs": ReadsLogs,
    "reads weights": ReadsWeights,
    "sets the learning rate": SetsRate,
}
FITS: dict[str, Callable[..., Any]] = {"mlplab": mlplab.fit, "keras": keras.Model.fit}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--epochs", type=int, default=2, help="of 1,875 steps, each time (default 2)")
    parser.add_argument("--no-save", action="store_true", help="print only")
    arguments = parser.parse_args()
    on = report.machine()
    train = mlplab.load("fashion-mnist").train
    x, y = train.images / np.float32(255), train.labels
    steps = arguments.epochs * -(-len(x) // same_bits.BATCH)
    models = {name: same_bits.network() for name in FITS}

    def microseconds(callback: str, name: str, **given: Any) -> float:
        begin = time.perf_counter()
        FITS[name](models[name], x, y, verbose=0, callbacks=[CALLBACKS[callback]()], **given)
        return (time.perf_counter() - begin) / steps * 1e6

    seen: dict[tuple[str, str], list[float]] = {pair: [] for pair in itertools.product(CALLBACKS, FITS)}
    for pair in seen:
        microseconds(*pair)  # compiled before it is timed
    for _, pair in report.alternating(list(seen), arguments.rounds):
        seen[pair].append(microseconds(*pair, epochs=arguments.epochs))
        print(f"{', '.join(pair)}: {seen[pair][-1]:,.0f} µs a step", flush=True)
    results = report.against_keras("callback", "µs a step", seen)
    if not arguments.no_save:
        payload = {
            "rounds": arguments.rounds,
            "epochs": arguments.epochs,
            "results": results,
        }
        report.save("batch_callbacks", payload, on, packages=("mlplab", "jax", "keras", "numpy"))


if __name__ == "__main__":
    main()
