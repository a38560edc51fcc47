"""A checkpoint is the old one or the new one, whatever the moment at which the process ends."""

import subprocess
import sys

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


@pytest.mark.parametrize("epoch", [0, 7, 12])
def test_read_back_equal(tmp_path, epoch):
    checkpoint(epoch).save(tmp_path)
    assert_equal(Checkpoint.load(tmp_path), checkpoint(epoch))


DIE_AT = """
import os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from test_checkpoint import checkpoint
folder, moment = sys.argv[1], int(sys.argv[2])
events = 0

def die(event, arguments):
    global events
    if event in ("open", "os.rename", "os.remove") and folder in str(arguments[0]):
        events += 1
        if events == moment:
            os._exit(9)

sys.addaudithook(die)
checkpoint(2).save(Path(folder))
"""


def test_no_moment_of_saving_loses_the_checkpoint(tmp_path):
    survived, seen = 0, set()
    for moment in range(1, 40):
        folder = tmp_path / str(moment)
        folder.mkdir()
        checkpoint(1).save(folder)
        command = [sys.executable, "-c", DIE_AT, str(folder), str(moment), str(__file__).rpartition("/")[0]]
        ended = subprocess.run(command, check=False).returncode
        found = Checkpoint.load(folder)
        assert_equal(found, checkpoint(found.epoch))
        seen.add(found.epoch)
        if ended == 0:
            survived += 1
            assert found.epoch == 2
            break
        assert ended == 9
    assert survived, "the process was ended at every moment: more moments than the test looks at"
    assert seen == {1, 2}


def test_damage_is_named(tmp_path):
    checkpoint(3).save(tmp_path)
    state = tmp_path / "checkpoint.safetensors"
    state.write_bytes(state.read_bytes()[:40])
    with pytest.raises(RunError, match="damaged"):
        Checkpoint.load(tmp_path)
    state.unlink()
    with pytest.raises(RunError, match="no state of epoch 3"):
        Checkpoint.load(tmp_path)
