"""Files are the old ones or the new ones, whole."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from mlplab import files
from mlplab.errors import RunError


def test_what_is_written_is_read_back_equal(tmp_path):
    value = {"a": [1, 2.5, None], "ü": "✓"}
    files.write_json(tmp_path / "v.json", value)
    assert files.read_json(tmp_path / "v.json") == value
    arrays = {"x": np.arange(6.0).reshape(2, 3), "n": np.array(3)}
    files.write_arrays(tmp_path / "v.npz", **arrays)
    tensors = {**arrays, "seed": np.array([1, 2**32 - 1], np.uint32), "scalar": np.float32(0.1)}
    files.write_tensors(tmp_path / "v.safetensors", tensors, note=("epoch", "3"))
    read, notes = files.read_tensors(tmp_path / "v.safetensors")
    assert notes == {"epoch": "3"}
    for name, array in arrays.items():
        np.testing.assert_array_equal(files.read_arrays(tmp_path / "v.npz")[name], array)
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(read[name], tensor)
        assert read[name].shape == np.shape(tensor)
        assert read[name].dtype == np.asarray(tensor).dtype


def test_equal_content_makes_equal_bytes(tmp_path):
    for name in ("a", "b"):
        files.write_arrays(tmp_path / f"{name}.npz", x=np.arange(4), y=np.ones(2))
        files.write_tensors(tmp_path / f"{name}.safetensors", {"x": np.arange(4), "y": np.ones(2)}, note=("k", "v"))
    for kind in ("npz", "safetensors"):
        assert (tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes()


def test_a_line_cut_short_is_left_out(tmp_path):
    path = tmp_path / "m.jsonl"
    files.write_lines(path, [{"epoch": 1}, {"epoch": 2}])
    files.append_line(path, {"epoch": 3})
    path.write_bytes(path.read_bytes()[:-5])
    assert files.read_lines(path) == [{"epoch": 1}, {"epoch": 2}]


@pytest.mark.parametrize(
    ("name", "read"),
    [("v.json", files.read_json), ("v.npz", files.read_arrays), ("v.safetensors", files.read_tensors)],
)
def test_damage_and_absence_are_told_apart(tmp_path, name, read):
    with pytest.raises(RunError, match=f"lacks {name}"):
        read(tmp_path / name)
    (tmp_path / name).write_bytes(b'{"a": 1, "b"')
    with pytest.raises(RunError, match="damaged"):
        read(tmp_path / name)


WRITE_BIG = """
import resource, sys
from pathlib import Path
from mlplab.errors import RunError
from mlplab import files

import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
for write in (files.write_json, files.append_line):
    try:
        write(Path(sys.argv[1]), "x" * 5000)
    except RunError as error:
        print(error)
"""


def test_a_disk_that_takes_no_more_leaves_the_old_file_whole(tmp_path):
    path = tmp_path / "v.json"
    files.write_json(path, "old")
    done = subprocess.run([sys.executable, "-c", WRITE_BIG, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout.count("could not be written") == 2
    assert "unchanged" in done.stdout
    assert json.loads(path.read_text().splitlines()[0]) == "old"
    assert os.listdir(tmp_path) == ["v.json"]
