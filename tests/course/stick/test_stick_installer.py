"""The installer refuses in sentences, and leaves alone what is a learner's. All of it takes a minute, by hand."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from small_wheels import claim, hush

from mlplab.course.stick.contents import put_data
from mlplab.course.stick.systems import this_python, this_system
from mlplab.datasets import find_entry
from mlplab.datasets.cache import cache_folder
from mlplab.datasets.fetch import fetch_entry

HERE = this_system().name
OTHER = "windows" if HERE != "windows" else "linux"


def installed(folder: Path, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "HOME": str(home), "USERPROFILE": str(home)}
    command = [sys.executable, "-B", str(folder / "install.py"), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_the_installer_knows_what_suits(copy: Path, tmp_path: Path):
    assert installed(copy, tmp_path, "--suits").returncode == 0
    claim(copy, [[HERE, "3.10"]])
    done = installed(copy, tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "is for Python 3.10; found CPython 3." in done.stderr
    claim(copy, [[OTHER, this_python()]])
    assert f"is for {OTHER}; this machine (or its Python) is {HERE}" in installed(copy, tmp_path).stderr
    (copy / "stick.json").unlink()
    assert "is not complete: it has no stick.json" in installed(copy, tmp_path).stderr


def test_the_installer_leaves_an_environment_of_the_learners_alone(copy: Path, tmp_path: Path):
    (tmp_path / "mlplab" / "venv").mkdir(parents=True)
    done = installed(copy, tmp_path)
    assert done.returncode == 1
    assert "is there already, and not from here" in done.stderr
    assert list((tmp_path / "mlplab" / "venv").iterdir()) == []


def test_the_installer_says_which_wheel_is_damaged(copy: Path, tmp_path: Path):
    (copy / "wheels" / "common-1.0-py3-none-any.whl").write_bytes(b"cut short")
    claim_lock = (copy / "requirements.txt").read_text().split("each==")[0]
    (copy / "requirements.txt").write_text(claim_lock)
    done = installed(copy, tmp_path)
    assert done.returncode == 1
    assert "common" in done.stderr
    assert "The packages could not be installed" in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="install.bat does it there")
def test_the_shell_script_finds_a_python_that_suits(copy: Path, tmp_path: Path):
    environment = {**os.environ, "HOME": str(tmp_path), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    command = ["sh", str(copy / "install.sh"), "--suits"]
    assert subprocess.run(command, env=environment, check=False).returncode == 0


def installer(folder: Path) -> ModuleType:
    """install.py as it lies on the stick."""
    spec = importlib.util.spec_from_file_location("install", folder / "install.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_learners_notebook_is_never_overwritten(copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    install = installer(copy)
    install.copy_notebooks(str(tmp_path / "notebooks"))
    kept = tmp_path / "notebooks" / "one.ipynb"
    assert kept.read_text() == "{}"
    kept.write_text("my work")
    install.copy_notebooks(str(tmp_path / "notebooks"))
    assert kept.read_text() == "my work"
    assert "one.ipynb is there already, and different: yours is kept." in capsys.readouterr().out


@pytest.mark.usefixtures("fashion_mnist")
def test_data_goes_by_the_stick_into_a_learners_cache(copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    said: list[str] = []
    monkeypatch.setenv("MLPLAB_DATA", str(cache_folder()))  # where the tests have it from
    entry, data = find_entry("fashion-mnist"), copy / "data"
    put_data([entry.name], data, tmp_path, hush)
    damaged = data / entry.name / "t10k-labels-idx1-ubyte.gz"
    damaged.write_bytes(damaged.read_bytes()[:-9])
    put_data([entry.name], data, tmp_path, said.append)
    put_data([entry.name], data, tmp_path, said.append)
    assert said == ["Data set fashion-mnist."]

    used = fetch_entry(entry, cache=tmp_path / "empty", own=data, quiet=True)  # as with MLPLAB_DATA
    assert {file.path.parent for file in used.values()} == {data / entry.name}

    monkeypatch.delenv("MLPLAB_DATA")
    monkeypatch.setenv("MLPLAB_CACHE", str(tmp_path / "learners"))
    installer(copy).copy_data([entry.name], sys.executable)
    cached = fetch_entry(entry, own=tmp_path / "none", quiet=True)
    assert {file.path.parent for file in cached.values()} == {tmp_path / "learners" / entry.name}
    assert (tmp_path / "learners" / "course" / "measured.json").read_text() == "[]"
