"""Keras's own tests of its trainer pass where mlplab trains, evaluates and predicts. `make keras-suite` runs more."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "keras_suite"))
import run

TRAINER = "trainers/trainer_test.py"


@pytest.mark.slow
def test_what_passes_with_keras_passes_with_mlplab():
    # Left out: Keras's own loop; jit_compile=False, which is the same here; and numbers that differ little.
    others = ("_eager", "non_jit", "_graph_fn", "_50_", "_101_", "not_match", "multithreading")
    known = [test for test in run.LIST.read_text().splitlines() if test.startswith(TRAINER)]
    known = [test for test in known if not any(part in test for part in others)]
    assert len(known) > 50
    with_mlplab = run.outcomes([TRAINER], mlplab=True, only=known)
    assert run.failing(known, with_mlplab) == {}
    assert all(with_mlplab[test]["calls"] for test in known)
