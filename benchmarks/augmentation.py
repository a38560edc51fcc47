"""What augmentation costs: the time of a training step with it, over that of the same step without.

The network is 784-1024-1024-10 with Adam at batch 256, on 8-bit images of MNIST. All steps are timed in one process, in
rounds that go to and fro. For comparison, Keras's layers for rotation and scaling are timed in the same step.

    python benchmarks/augmentation.py [--rounds 7] [--no-save]
"""

import argparse
import os
import time
from collections.abc import Callable
from typing import Any

import jax
import report

import mlplab
from mlplab import keras
from mlplab.engine import ArraySource, Augmentation, Rows
from mlplab.runs import Preprocessing

ROWS, BATCH = 20 * 256, 256
LIMIT = 1.3
"""What all of mlplab's changes together may cost, as a ratio."""
ALL = ("flip", "shift", "rotate", "scale", "elastic")


class OfKeras:
    """A transform that is one of Keras's layers, with another key in each step."""

    def __init__(self, layer: keras.layers.Layer):
        self.layer = layer

    def __call__(self, x: jax.Array, y: Any, key: jax.Array) -> tuple[jax.Array, Any]:
        (seed,) = self.layer.variables
        with keras.StatelessScope(state_mapping=[(seed, jax.random.key_data(key))]):
            return self.layer(x[..., None], training=True)[..., 0], y


def transforms() -> dict[str, Any]:
    """Return what is timed, by name; None is the step without a transform."""
    size = (28, 28)
    filled: dict[str, Any] = {"fill_mode": "constant", "seed": 0, "data_format": "channels_last"}
    return {
        "none": None,
        "shift": Augmentation(("shift",), size),
        "rotate+scale": Augmentation(("rotate", "scale"), size),
        "rotate+scale+elastic": Augmentation(("rotate", "scale", "elastic"), size),
        "+".join(ALL): Augmentation(ALL, size),
        "keras.layers.RandomRotation": OfKeras(keras.layers.RandomRotation(15 / 360, **filled)),
        "keras.layers.RandomZoom": OfKeras(keras.layers.RandomZoom(0.15, 0.15, **filled)),
    }


def milliseconds_of(transform: Any, x: Any, y: Any) -> Callable[[], float]:
    """Return a function that trains an epoch and returns the milliseconds of a step. It is compiled already."""
    model = mlplab.mlp((28, 28), 10, [1024, 1024], seed=0)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    source = ArraySource(x, y, batch_size=BATCH, shuffle=True, batch=Rows(Preprocessing(255.0), transform))

    def milliseconds() -> float:
        begin = time.perf_counter()
        mlplab.fit(model, source, verbose=0)
        return (time.perf_counter() - begin) / source.steps * 1e3

    milliseconds()
    return milliseconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--no-save", action="store_true", help="print only")
    arguments = parser.parse_args()
    on = report.machine()
    train = mlplab.load("mnist").train
    x, y = train.images[:ROWS], train.labels[:ROWS]
    timed = {name: milliseconds_of(transform, x, y) for name, transform in transforms().items()}
    seen: dict[str, list[float]] = {name: [] for name in timed}
    for _, name in report.alternating(list(timed), arguments.rounds):
        seen[name].append(timed[name]())
        print(f"{name}: {seen[name][-1]:.1f} ms a step", flush=True)
    results = {
        name: {
            "ms a step": report.spread(values),
            "ratio": report.spread(value / plain for value, plain in zip(values, seen["none"], strict=True)),
        }
        for name, values in seen.items()
    }
    rows = [[name, *(f"{each[key]['median']:.2f}" for key in each)] for name, each in results.items()]
    print()
    report.print_table(["augmentation", "ms a step", "ratio"], rows)
    print(f"\nAll together are to cost at most {LIMIT} times the step without them.")
    if not arguments.no_save:
        payload = {
            "rounds": arguments.rounds,
            "limit": LIMIT,
            "load at the end": round(os.getloadavg()[0], 2),
            "versions": report.versions("mlplab", "jax", "keras", "numpy"),
            "results": results,
        }
        print(f"\nSaved: {report.save('augmentation', payload, on)}")


if __name__ == "__main__":
    main()
