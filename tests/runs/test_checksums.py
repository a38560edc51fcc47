"""A file of a run that changed after it was written is not read: one byte is enough."""

import json
import shutil
import subprocess

import numpy as np
import pytest

import mlplab
from mlplab.errors import RunError
from mlplab.runs import checksums
from mlplab.runs.checkpoint import Checkpoint

READERS = {
    "config.json": lambda path: mlplab.Run(path),
    "checks.json": lambda path: mlplab.Run(path).directory.checks(),
    "result.json": lambda path: mlplab.Run(path),
    "model.json": lambda path: mlplab.Run(path).architecture,
    "split.npz": lambda path: mlplab.Run(path).split,
    "metrics.jsonl": lambda path: mlplab.Run(path).history,
    "model.safetensors": lambda path: mlplab.Run(path).model,
    "predictions-test.npz": lambda path: mlplab.score(path),
    "predictions-validation.npz": lambda path: mlplab.Run(path).predictions("validation"),
    "checkpoint.safetensors": Checkpoint.load,
    "checkpoint.json": Checkpoint.load,
}


@pytest.fixture
def copy(digits_run, tmp_path):
    return shutil.copytree(digits_run.path, tmp_path / "copy")


def flip(path, place):
    """Flip the lowest bit of one byte: a digit becomes its neighbour, so that JSON stays JSON."""
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def test_every_file_of_a_run_is_read_by_these_readers(copy):
    written = {path.name for path in copy.iterdir()} - {checksums.FILE, ".lock"}
    assert written == set(READERS) == checksums.listed(copy)


@pytest.mark.parametrize(("name", "read"), READERS.items(), ids=READERS)
def test_one_byte_of_any_file_is_noticed(name, read, copy):
    read(copy)
    places = np.random.default_rng(0).integers((copy / name).stat().st_size, size=12)
    for place in places:
        flip(copy / name, place)
        with pytest.raises(RunError, match=rf"{name} is damaged|the checkpoint is damaged"):
            read(copy)
        flip(copy / name, place)
    read(copy)


def test_a_digit_of_a_number_is_noticed_and_the_message_says_what_to_do(copy):
    """A changed setting, score or history leaves files that are well formed."""
    for name, old, new in (
        ("config.json", '"learning_rate": 0.001', '"learning_rate": 0.002'),
        ("result.json", '"seed": 0', '"seed": 1'),
        ("checkpoint.json", '"epoch": 3', '"epoch": 4'),
    ):
        text = (copy / name).read_text()
        assert old in text
        (copy / name).write_text(text.replace(old, new))
        with pytest.raises(RunError, match=r"SHA-256 .* Restore it from a copy, or train the run again"):
            READERS[name](copy)
        (copy / name).write_text(text)


def test_a_run_without_checksums_opens_and_is_continued(copy):
    """As versions before wrote it."""
    (copy / checksums.FILE).unlink()
    text = json.loads((copy / "checkpoint.json").read_text())
    for name in ("sha256", "state_sha256", "digests"):
        del text[name]
    (copy / "checkpoint.json").write_text(json.dumps(text))
    for read in READERS.values():
        read(copy)
    (copy / "result.json").unlink()
    assert mlplab.resume(copy, verbose=0).result.test.accuracy == mlplab.Run(copy).result.test.accuracy
    assert checksums.listed(copy) == set(READERS)


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="sha256sum (GNU coreutils) is not installed")
def test_sha256sum_reads_the_list(copy):
    command = ["sha256sum", "--check", "--strict", checksums.FILE]
    assert subprocess.run(command, cwd=copy, capture_output=True, check=False).returncode == 0
    flip(copy / "split.npz", 100)
    done = subprocess.run(command, cwd=copy, capture_output=True, check=False, text=True)
    assert (done.returncode, "split.npz: FAILED" in done.stdout) == (1, True)


def test_what_only_saves_time_is_computed_again(copy):
    kept = mlplab.calibrate(mlplab.Run(copy))
    path = copy / "calibration.json"
    assert path.name in checksums.listed(copy)
    content = path.read_bytes()
    path.write_text(json.dumps(kept | {"temperature": 7.0}))
    assert mlplab.calibrate(mlplab.Run(copy)) == kept
    assert path.read_bytes() == content


def test_a_damaged_list_is_named(copy):
    (copy / checksums.FILE).write_text("nonsense\n")
    with pytest.raises(RunError, match=r"SHA256SUMS is damaged: .*got 'nonsense'\. .*delete it"):
        mlplab.Run(copy)
