"""A checkpoint is the old one or the new one, whatever the moment at which the process ends."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mlplab.errors import RunError
from mlplab.runs.checkpoint import Checkpoint


def checkpoint(epoch: int) -> Checkpoint:
    state = {"trainable": [np.full((3, 2), epoch, np.float32)], "optimizer": [np.int32(epoch), np.full(11, epoch)]}
    history = [{"epoch": e, "loss": 0.1 * e} for e in range(1, epoch + 1)]
    return Checkpoint(epoch, history, state, {"wait": epoch, "best": 0.1}, stopped=epoch == 7, random={"seed": 1})


def assert_equal(a: Checkpoint, b: Checkpoint) -> None:
    for name in ("epoch", "history", "stopping", "stopped", "random"):
        assert getattr(a, name) == getattr(b, name)
    assert a.state.keys() == b.state.keys()
    for part, arrays in a.state.items():
        for x, y in zip(arrays, b.state[part], strict=True):
            np.testing.assert_array_equal(x, y)
            assert np.asarray(x).dtype == np.asarray(y).dtype


def test_read_back_equal(tmp_path):
    for epoch in (0, 7, 12):
        checkpoint(epoch).save(tmp_path)
        assert_equal(Checkpoint.load(tmp_path), checkpoint(epoch))


DIE_AT_EACH_MOMENT = """
import os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_checkpoint import checkpoint

def die(event, arguments):
    global events
    if event in ("open", "os.rename", "os.remove") and str(folder) in str(arguments[0]):
        events += 1
        if events == moment:
            os._exit(9)

for moment in range(1, 40):
    folder = Path(sys.argv[1]) / str(moment)
    folder.mkdir()
    checkpoint(1).save(folder)
    child = os.fork()
    if child == 0:
        events = 0
        sys.addaudithook(die)
        checkpoint(2).save(folder)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print(moment, status)
    if status == 0:
        break
"""


@pytest.mark.skipif(os.name == "nt", reason="there is no fork on Windows")
def test_no_moment_of_saving_loses_the_checkpoint(tmp_path):
    here = str(Path(__file__).parent)
    command = [sys.executable, "-c", DIE_AT_EACH_MOMENT, str(tmp_path), here]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    moments = [line.split() for line in done.stdout.splitlines()]
    assert [status for _, status in moments] == ["9"] * (len(moments) - 1) + ["0"]
    epochs = []
    for moment, _ in moments:
        read = Checkpoint.load(tmp_path / moment)
        assert_equal(read, checkpoint(read.epoch))
        epochs.append(read.epoch)
    assert (epochs[0], epochs[-1], sorted(epochs)) == (1, 2, epochs)


def test_damage_is_named(tmp_path):
    checkpoint(3).save(tmp_path)
    state = tmp_path / "checkpoint.safetensors"
    state.write_bytes(state.read_bytes()[:40])
    with pytest.raises(RunError, match="damaged"):
        Checkpoint.load(tmp_path)
    state.unlink()
    with pytest.raises(RunError, match="no state of epoch 3"):
        Checkpoint.load(tmp_path)
