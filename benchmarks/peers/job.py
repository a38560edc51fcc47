"""Load the data, time the phases, and print the result, for all scripts of peers.

The notebook's job: Fashion-MNIST, 784-20-10, ReLU and softmax, cross-entropy, Adam at Keras's defaults,
batches of 32 drawn from all 60,000 training images, 10 epochs; then the accuracy on the test set.
"""

import argparse
import json
import platform
import time
from importlib.metadata import version

HIDDEN, CLASSES, BATCH, EPOCHS = 20, 10, 32, 10
LEARNING_RATE, BETAS, EPSILON = 1e-3, (0.9, 0.999), 1e-7


class Clock:
    """Seconds of each phase; a phase starts where the previous one ended, the first when the clock is made."""

    def __init__(self):
        self.seconds = {}
        self._last = time.perf_counter()

    def end_of(self, phase):
        now = time.perf_counter()
        self.seconds[phase] = now - self._last
        self._last = now


def arguments(**extra):
    """Parse --data and --seed, and one option of type int for each extra name, given with its default."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True, help="NPZ with x_train, y_train, x_test, y_test")
    parser.add_argument("--seed", type=int, default=0)
    for name, default in extra.items():
        parser.add_argument("--" + name.replace("_", "-"), type=int, default=default)
    return parser.parse_args()


def load(path):
    """Images as float32 (n, 28, 28) in [0, 1] and labels as int32 (n,): x_train, y_train, x_test, y_test."""
    import numpy as np

    with np.load(path) as data:
        x_train, x_test = (data[name].astype("float32") / 255 for name in ("x_train", "x_test"))
        y_train, y_test = (data[name].astype("int32") for name in ("y_train", "y_test"))
    return x_train, y_train, x_test, y_test


def report(clock, accuracy, parameters, packages):
    """Print the one line of JSON that seed_job.py reads."""
    account = {
        "test_accuracy": float(accuracy),
        "parameters": int(parameters),
        "phases": {name: round(seconds, 3) for name, seconds in clock.seconds.items()},
        "versions": {"python": platform.python_version()} | {name: version(name) for name in packages},
    }
    print(json.dumps(account))
