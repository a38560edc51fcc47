"""A study that is killed at any moment goes on to what it would have been; a full disk is a kind of kill."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from small_studies import outcomes

from mlplab.tuning import Study, resume

KILLS = 10
CARRY_ON = """
import sys
from pathlib import Path
from mlplab.cli.lean_keras_import import LeanKeras
sys.meta_path.insert(0, LeanKeras())  # as the command line does: a second less
from small_studies import ASKED, SPACE
from mlplab.tuning import resume, tune
path, data = map(Path, sys.argv[1:])
resume(path) if path.exists() else tune(data, SPACE, **ASKED, out=path)
"""

pytestmark = pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL on Windows")


@pytest.fixture
def file(digits, tmp_path_factory) -> Path:
    """Digits in a file, which is read sooner than scikit-learn is imported; many processes read it here."""
    path = tmp_path_factory.mktemp("data") / "small.npz"
    arrays = {}
    for name, part in (("train", digits.train), ("test", digits.test)):
        arrays |= {f"x_{name}": part.inputs, f"y_{name}": part.labels}
    np.savez(path, **arrays)
    return path


def carry_on(path: Path, file: Path, before: str = "", **options) -> subprocess.Popen:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    command = [sys.executable, "-c", before + CARRY_ON, str(path), str(file)]
    return subprocess.Popen(command, env=environment, text=True, **options)


def kill_after(process: subprocess.Popen, database: Path, writes: int, seconds: float) -> bool:
    """Kill the process some time after so many writes to the database. Returns whether it was still alive."""
    seen, count = written(database), 0
    while process.poll() is None and count < writes:
        time.sleep(0.001)  # between two looks
        if written(database) != seen:
            seen, count = written(database), count + 1
    time.sleep(seconds)
    alive = process.poll() is None
    process.kill()
    process.wait()
    return alive


def written(database: Path) -> int:
    return database.stat().st_mtime_ns if database.exists() else 0


def test_killed_ten_times_ends_as_if_never_stopped(digits_study, file, tmp_path):
    cut, rng, kills = tmp_path / "cut", random.Random(0), 0
    while kills < KILLS:
        # Most of a process is its start, where there is nothing to lose: that is seen twice.
        writes, seconds = (0, rng.uniform(0, 4)) if kills in (0, 5) else (rng.randint(1, 9), rng.uniform(0, 0.02))
        if kill_after(carry_on(cut, file), cut / "study.db", writes, seconds):
            kills += 1
        else:  # it was faster than we are: the next kills are another study's
            assert_same(cut, digits_study)
            cut = tmp_path / f"cut-after-{kills}"
    assert carry_on(cut, file).wait() == 0
    assert_same(cut, digits_study)
    assert all(path.name.startswith((".cut", "cut")) for path in tmp_path.iterdir())


def assert_same(cut: Path, whole: Study) -> None:
    assert [trial["number"] for trial in Study(cut).trials] == list(range(10))
    assert outcomes(Study(cut)) == outcomes(whole)
    weights = [(path / "winner" / "model.safetensors").read_bytes() for path in (cut, whole.path)]
    assert weights[0] == weights[1]


FULL = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a write beyond so many bytes fails, as on a full disk
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
"""


def test_a_full_disk_leaves_a_study_that_can_be_gone_on_with(digits_study, file, tmp_path):
    path = tmp_path / "study"
    first = carry_on(path, file)
    kill_after(first, path / "study.db", writes=2, seconds=0)
    process = carry_on(path, file, before=FULL, stderr=subprocess.PIPE)
    told = process.communicate()[1]
    assert process.returncode != 0
    assert "study.db could not be read or written" in told
    assert "mlplab tune --resume" in told
    assert outcomes(resume(path)) == outcomes(digits_study)
