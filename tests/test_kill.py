"""A run that was killed resumes to what it would have been: real processes, SIGKILL, real images.

A directory changes only by file operations, so a kill leaves it in the state before one of them.
Each process here kills itself right before the operation that a test names.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import mlplab

FILES = ("model.safetensors", "metrics.jsonl", "predictions-test.npz", "predictions-validation.npz")
EPOCHS = 20
SETTINGS = ["--hidden=12", "--dropout=0.2", "--schedule=cosine", "--learning-rate=0.01"]
SETTINGS += [f"--epochs={EPOCHS}", "--early-stopping=3"]

TRAIN = """
import json, os, signal, sys
from mlplab.cli import main

from mlplab.engine import keras  # once for all processes: importing takes longer than training

def killed_before(file, remaining):
    def kill(event, values):
        nonlocal remaining
        replaces = event == "os.rename" and os.fspath(values[1]).endswith(file)
        appends = event == "open" and values[1] == "a" and os.fspath(values[0]).endswith(file)
        if replaces or appends:
            remaining -= 1
            if not remaining:
                os.kill(os.getpid(), signal.SIGKILL)
    return kill

path, begin, moments = json.loads(sys.argv[1])
for moment, (file, count) in moments.items():
    process = os.fork()  # JAX starts its threads when it first computes
    if not process:
        sys.addaudithook(killed_before(file, count))
        sys.argv = ["mlplab", "train", *(["--resume", path] if os.path.exists(path) else begin), "--quiet"]
        main()
    assert os.WTERMSIG(os.waitpid(process, 0)[1]) == signal.SIGKILL, f"not killed {moment}"
    assert not os.path.exists(os.path.join(path, "result.json")), moment
"""

MOMENTS = {
    "before the run has its name": ("/cut", 1),
    "in the first epoch": ("/metrics.jsonl", 1),
    "before the checkpoint names its new state": ("/checkpoint.json", 2),
    "before the new state takes the place of the old one": ("/checkpoint.safetensors", 2),
    "before an epoch's line is written": ("/metrics.jsonl", 3),  # the first operation brings the file up to date
    "at the end, before the result": ("/result.json", 1),
}
"""When each process is killed, one after the other: before the nth operation that writes a file of that name."""
MOMENTS_OF_A_POPULATION = {
    "after one member's checkpoint, before the other's": ("/members/01/checkpoint.json", 3),
    "after one member's result, before the other's": ("/members/01/result.json", 1),
}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL on Windows"),
]


@pytest.fixture(scope="module")
def whole(once) -> mlplab.Run:
    """Two members that were never stopped; the first is the run that a seed trains alone."""
    settings = {"hidden": [12], "dropout": 0.2, "schedule": "cosine", "learning_rate": 0.01, "early_stopping": 3}

    def train(out: Path) -> None:
        mlplab.train("digits", **settings, epochs=EPOCHS, seed=0, seeds=2, out=out, verbose=0)

    return mlplab.Run(once("never-stopped", train))


def killed(path: Path, moments, *arguments: str) -> mlplab.Run:
    """Start a run, kill and resume it once for each moment, each in a process of its own, and let it end."""
    begin = ["digits", *SETTINGS, *arguments, "--out", str(path)]
    subprocess.run([sys.executable, "-c", TRAIN, json.dumps([str(path), begin, moments])], check=True)
    return mlplab.resume(path, verbose=0)


def assert_same_bytes(run: mlplab.Run, expected: mlplab.Run) -> None:
    for name in FILES:
        assert (run.path / name).read_bytes() == (expected.path / name).read_bytes(), name


def test_a_run_killed_at_every_step_of_saving_ends_as_if_never_stopped(whole, tmp_path):
    run = killed(tmp_path / "cut", MOMENTS)
    assert_same_bytes(run, whole.members[0])
    assert len(run.history) < EPOCHS, "early stopping is meant to have its part in this"
    # A kill while the directory is made leaves it under a hidden name, never incomplete under its final one.
    assert all(path.name.startswith((".cut.", "cut")) for path in tmp_path.iterdir())


def test_a_population_killed_between_its_members_ends_as_if_never_stopped(whole, tmp_path):
    run = killed(tmp_path / "cut", MOMENTS_OF_A_POPULATION, "--seeds=2")
    for member, expected in zip(run.members, whole.members, strict=True):
        assert_same_bytes(member, expected)
    assert (run.path / "predictions-test.npz").read_bytes() == (whole.path / "predictions-test.npz").read_bytes()
