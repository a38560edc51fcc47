"""What augmentation and Keras's newer optimizers cost: the time of a training step with them, over that without.

The network is 784-1024-1024-10 with Adam at batch 256, on 8-bit images of MNIST and one-hot targets. All steps are
timed in one process, in rounds that go to and fro; a ratio is of two times of the same round. For comparison, layers of
Keras that do alike are timed in the same step, and two optimizers in the place of Adam. What cannot be compiled is
listed with its error. Quartiles say how far half of the rounds spread: where they are wide, give more rounds.

    python benchmarks/augmentation.py [--rounds 7] [--no-save]
"""

import argparse
import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import report

import mlplab
from mlplab import keras
from mlplab.engine import ArraySource, Augmentation, Rows
from mlplab.runs import Preprocessing

ROWS, BATCH = 20 * 256, 256
LIMIT = 1.3
"""What all of mlplab's changes together may cost, as a ratio."""
ALL = ("flip", "shift", "rotate", "scale", "elastic")
OPTIMIZERS = ("Muon", "ScheduleFreeAdamW")


class OfKeras:
    """A transform that is one of Keras's layers, with another key in each step. Some layers mix targets too."""

    def __init__(self, layer: keras.layers.Layer):
        self.layer = layer

    def __call__(self, x: jax.Array, y: Any, key: jax.Array) -> tuple[jax.Array, Any]:
        (seed,) = self.layer.variables
        with keras.StatelessScope(state_mapping=[(seed, jax.random.key_data(key))]):
            changed = self.layer({"images": x[..., None], "labels": y}, training=True)
        return changed["images"][..., 0], changed["labels"]


def transforms() -> dict[str, Any]:
    """Return the transforms that are timed, by name; None is the step without one."""
    size = (28, 28)
    seeded: dict[str, Any] = {"seed": 0, "data_format": "channels_last"}
    filled, in_range = {**seeded, "fill_mode": "constant"}, {**seeded, "value_range": (0, 1)}
    return {
        "none": None,
        "shift": Augmentation(("shift",), size),
        "rotate+scale": Augmentation(("rotate", "scale"), size),
        "rotate+scale+elastic": Augmentation(("rotate", "scale", "elastic"), size),
        "+".join(ALL): Augmentation(ALL, size),
        "mixup": Augmentation(mixup=0.2),
        "keras.layers.RandomRotation": OfKeras(keras.layers.RandomRotation(15 / 360, **filled)),
        "keras.layers.RandomZoom": OfKeras(keras.layers.RandomZoom(0.15, 0.15, **filled)),
        "keras.layers.RandomElasticTransform": OfKeras(keras.layers.RandomElasticTransform(**in_range)),
        "keras.layers.RandomErasing": OfKeras(keras.layers.RandomErasing(**in_range)),
        "keras.layers.MixUp": OfKeras(keras.layers.MixUp(0.2, **seeded)),
        "keras.layers.CutMix": OfKeras(keras.layers.CutMix(**seeded)),
    }


def milliseconds_of(x: Any, y: Any, transform: Any = None, optimizer: str = "adam") -> Callable[[], float]:
    """Return a function that trains an epoch and returns the milliseconds of a step. It is compiled already."""
    model = mlplab.mlp((28, 28), 10, [1024, 1024], seed=0)
    model.compile(optimizer, "categorical_crossentropy", metrics=["accuracy"])
    source = ArraySource(x, y, batch_size=BATCH, shuffle=True, batch=Rows(Preprocessing(255.0), transform))

    def milliseconds() -> float:
        begin = time.perf_counter()
        mlplab.fit(model, source, verbose=0)
        return (time.perf_counter() - begin) / source.steps * 1e3

    milliseconds()
    return milliseconds


def compiled(x: Any, y: Any) -> tuple[dict[str, Callable[[], float]], dict[str, str]]:
    """Return what can be timed, by name, and why the rest cannot be."""
    arguments: dict[str, dict[str, Any]] = {name: {"transform": each} for name, each in transforms().items()}
    arguments |= {f"keras.optimizers.{name}": {"optimizer": name} for name in OPTIMIZERS}
    timed, failed = {}, {}
    keras.config.disable_traceback_filtering()  # which replaces an error of JAX by one about its own message
    for name, given in arguments.items():
        try:
            timed[name] = milliseconds_of(x, y, **given)
        except Exception as error:  # of a layer that cannot be compiled, from Keras or JAX
            failed[name] = f"{type(error).__name__}: {(str(error).splitlines() or ['no message'])[0]}"
    return timed, failed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--no-save", action="store_true", help="print only")
    arguments = parser.parse_args()
    on = report.machine()
    train = mlplab.load("mnist").train
    timed, failed = compiled(train.images[:ROWS], np.eye(10, dtype="float32")[train.labels[:ROWS]])
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
    rows = [
        [name, *(f"{each[key][which]:.2f}" for key in each for which in ("median", "lower quartile", "upper quartile"))]
        for name, each in results.items()
    ]
    print()
    report.print_table(["step with", "ms", "from", "to", "ratio", "from", "to"], rows)
    print("\nMedians, and the quartiles between which half of the rounds lie.")
    for name, why in failed.items():
        print(f"{name} cannot be compiled: {why}")
    print(f"\nAll together are to cost at most {LIMIT} times the step without them.")
    if not arguments.no_save:
        payload = {
            "rounds": arguments.rounds,
            "limit": LIMIT,
            "results": results,
            "failed": failed,
        }
        report.save("augmentation", payload, on, packages=("mlplab", "jax", "keras", "numpy"))


if __name__ == "__main__":
    main()
