"""Ctrl-C within an epoch: noticed within a second; the model is as after the last complete epoch."""

import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

LONG = """
import sys
import numpy as np
import models, mlplab
from mlplab import keras

rng = np.random.default_rng(0)
x, y = rng.random((100_000, 28, 28), "float32"), rng.integers(0, 10, 100_000, "int32")
model = models.notebook()
if sys.argv[1] == "interrupted":
    printer = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: print("epoch", epoch, flush=True))
    try:
        mlplab.fit(model, x, y, epochs=100, batch_size=8, seed=1, verbose=0, callbacks=[printer])
    except KeyboardInterrupt:
        print("interrupted", flush=True)
else:
    mlplab.fit(model, x, y, epochs=1, batch_size=8, seed=1, verbose=0)
np.savez(sys.argv[2], *[v.numpy() for v in [*model.variables, *model.optimizer.variables]])
"""


def start(tmp_path, how):
    command = [sys.executable, "-c", LONG, how, str(tmp_path / f"{how}.npz")]
    return subprocess.Popen(command, cwd=Path(__file__).parent, stdout=subprocess.PIPE, bufsize=0)


def read_until(process, text, seconds):
    """Return what the process prints until `text` comes; fail if it does not come in time."""
    printed, deadline = b"", time.monotonic() + seconds
    while text.encode() not in printed:
        ready, _, _ = select.select([process.stdout], [], [], max(0, deadline - time.monotonic()))
        assert ready, f"{text!r} did not come within {seconds} s, but {printed!r}"
        printed += process.stdout.read(1000)
    return printed


@pytest.mark.slow
def test_ctrl_c_is_noticed_within_a_second_and_leaves_the_last_complete_epoch(tmp_path):
    with start(tmp_path, "interrupted") as process, start(tmp_path, "whole") as whole:
        read_until(process, "epoch 1", 120)
        process.send_signal(signal.SIGINT)
        start_time = time.monotonic()
        read_until(process, "interrupted", 10)
        took = time.monotonic() - start_time
        assert process.wait(60) == 0
        assert whole.wait(120) == 0
    assert took < 3  # a second, and more where tests have the cores
    with np.load(tmp_path / "interrupted.npz") as interrupted, np.load(tmp_path / "whole.npz") as expected:
        assert len(interrupted.files) == len(expected.files)
        for name in expected.files:
            np.testing.assert_array_equal(interrupted[name], expected[name])
