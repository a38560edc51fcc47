"""Files are the old ones or the new ones, whole."""

import errno
import json
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

from mlplab import files
from mlplab.cli.output import in_shell_words
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
from mlplab.cli.output import in_shell_words

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


def fill(path):
    files.write_json(path / "config.json", {})
    (path / "members").mkdir()


@pytest.mark.parametrize("place", ["new", "empty", "link", "dangling", ".", "a/b"])
def test_a_directory_is_made_in_any_new_or_empty_place(place, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    (tmp_path / "target").mkdir()
    if place == "empty":
        (tmp_path / "work/empty").mkdir()
    if place in ("link", "dangling"):
        os.symlink(tmp_path / ("target" if place == "link" else "nothing"), place)
    made = files.create_directory(files.free_path(place), "stem", fill)
    assert made == (tmp_path / "work" / place).resolve()
    assert sorted(os.listdir(made)) == ["config.json", "members"]
    with pytest.raises(RunError, match=rf"exists already\. Give another out, .* mlplab\.resume\('{place}'\)"):
        files.free_path(place)


def test_what_cannot_be_made_leaves_nothing_behind(tmp_path):
    def write(path):
        fill(path)
        raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / "empty").mkdir()
    for place in ("new", "empty"):
        with pytest.raises(RunError, match=r"nothing of it is kept\. Give another out, or free some space\.$"):
            files.create_directory(tmp_path / place, "stem", write)
    assert os.listdir(tmp_path) == ["empty"]
    assert os.listdir(tmp_path / "empty") == []


def test_advice_has_the_words_of_python_and_of_the_shell(tmp_path):
    (tmp_path / "a study").mkdir()
    files.write_json(tmp_path / "a study/study.json", {})
    with pytest.raises(RunError) as raised:
        files.free_path(tmp_path / "a study")
    path = str(tmp_path / "a study")
    assert str(raised.value).endswith(f"continue the study that is there: mlplab.tuning.resume({path!r})")
    said = in_shell_words(pickle.loads(pickle.dumps(raised.value)))
    assert "Give another --out, or" in said
    assert said.endswith(f"mlplab tune --resume '{path}'")
