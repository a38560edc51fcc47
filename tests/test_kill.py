"""Killed at any moment, a run goes on to what it would have been: real processes, SIGKILL, real images."""

import os
import random
import subprocess
import sys
import time

import pytest

KILLS = 20
FILES = ("model.safetensors", "metrics.jsonl", "predictions-test.npz", "predictions-validation.npz")
ASKED = [
    *("fashion-mnist", "--hidden", "32,32", "--dropout", "0.2", "--schedule", "cosine", "--learning-rate", "0.0003"),
    *("--labelled", "3000", "--validation", "0.02", "--epochs", "200", "--early-stopping", "40"),
]

pytestmark = pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL on Windows")


def train(*arguments) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-m", "mlplab", "train", *map(str, arguments), "--quiet"])


def epochs_done(run) -> int:
    run = run / "members" / "00" if (run / "members").exists() else run
    return len((run / "metrics.jsonl").read_bytes().splitlines()) if (run / "metrics.jsonl").exists() else 0


def kill_at_random(process: subprocess.Popen, run, rng: random.Random) -> bool:
    """Kill the process early on, in the midst of its epochs, or near its end. Returns whether it was still alive.

    Most of a process is its start, where there is nothing to lose: three of four moments are drawn from the short
    time after it completed an epoch.
    """
    before, started = epochs_done(run), time.monotonic()
    early = started + rng.uniform(0, 3) if rng.random() < 0.25 else None
    while process.poll() is None and (time.monotonic() < early if early else epochs_done(run) == before):
        time.sleep(0.001)  # between two looks
    time.sleep(0 if early else rng.uniform(0, 0.2))
    alive = process.poll() is None
    process.kill()
    process.wait()
    return alive


def test_killed_twenty_times_ends_as_if_never_stopped(fashion_mnist, tmp_path):
    whole, cut, rng, kills = tmp_path / "whole", tmp_path / "cut", random.Random(0), 0
    assert train(*ASKED, "--out", whole).wait() == 0
    assert epochs_done(whole) < 200, "early stopping is meant to have its part in this"

    while kills < KILLS:
        process = train("--resume", cut) if cut.exists() else train(*ASKED, "--out", cut)
        kills += kill_at_random(process, cut, rng)
        assert not (cut / "result.json").exists(), f"ended after {kills} kills: too short a run for this test"
    assert train("--resume", cut).wait() == 0

    for name in FILES:
        assert (cut / name).read_bytes() == (whole / name).read_bytes(), name
    # A kill while the directory is made leaves it under a hidden name, never half made under its own.
    assert all(path.name.startswith((".cut.", "whole", "cut")) for path in tmp_path.iterdir())


def test_a_population_killed_goes_on_to_the_same_members(tmp_path):
    asked = ["digits", "--hidden", "12", "--dropout", "0.2", "--epochs", "30", "--early-stopping", "15", "--seeds", "2"]
    whole, cut, rng, kills = tmp_path / "whole", tmp_path / "cut", random.Random(1), 0
    assert train(*asked, "--out", whole).wait() == 0
    for _ in range(3):
        process = train("--resume", cut) if cut.exists() else train(*asked, "--out", cut)
        kills += kill_at_random(process, cut, rng)
    assert kills >= 2, "ended too early: too short a run for this test"
    assert train("--resume", cut).wait() == 0
    for member in ("00", "01"):
        for name in FILES:
            paths = (run / "members" / member / name for run in (cut, whole))
            assert len({path.read_bytes() for path in paths}) == 1, f"{member}: {name}"
    assert (cut / "predictions-test.npz").read_bytes() == (whole / "predictions-test.npz").read_bytes()
    assert all(path.name.startswith((".cut.", "whole", "cut")) for path in tmp_path.iterdir())
