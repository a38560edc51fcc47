"""A stick has what a class needs. The wheels are small here, and pip is the real one."""

import json
import os
import shutil
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from small_wheels import COMMON, hush, lock_of, small_wheel

from mlplab.course.stick import SYSTEMS, Materials, Stick, make_stick, materials
from mlplab.errors import FetchError, UsageError


def wheels(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "wheels").iterdir() if path.name[:3] not in ("mlp", "pip"))


# What is asked for


@pytest.mark.parametrize(
    ("systems", "pythons", "datasets", "message"),
    [
        (["windws"], ["3.12"], [], "Did you mean 'windows'?"),
        (["linux"], ["3.9"], [], "needs Python 3.11 or a newer 3.x; 3.9 was asked for"),
        (["linux"], ["3.12.4"], [], "two numbers, such as 3.12; '3.12.4' is not"),
        (["linux"], ["3.12"], ["fashion"], "Did you mean 'fashion-mnist'?"),
    ],
)
def test_what_there_is_not(
    systems: Sequence[str], pythons: Sequence[str], datasets: Sequence[str], message: str, tmp_path: Path
):
    with pytest.raises(UsageError, match=message.replace("?", r"\?")):
        make_stick(tmp_path / "stick", systems, pythons, datasets, hush)
    assert not (tmp_path / "stick").exists()


def test_a_folder_with_somebodys_own_files(small: Materials, tmp_path: Path):
    (tmp_path / "README.txt").write_text("my own")
    with pytest.raises(UsageError, match=r"has a README.txt that is not from here.*such as .*mlplab"):
        make_stick(tmp_path, ["linux"], ["3.12"], ["digits"], hush, source=small)
    assert (tmp_path / "README.txt").read_text() == "my own"


# What is on it


def test_it_has_the_wheels_of_both_systems_and_shared_ones_once(stick: Stick):
    windows, linux = (SYSTEMS[name].platforms[-1] for name in ("windows", "linux"))
    assert wheels(stick.folder) == [
        "common-1.0-py3-none-any.whl",
        f"each-2.0-cp312-cp312-{linux}.whl",
        f"each-2.0-cp312-cp312-{windows}.whl",
        "patched-1.0-py3-none-any.whl",  # both, as nobody knows the patch release of a learner's Python
        "patched-2.0-py3-none-any.whl",
        "winning-1.0-py3-none-any.whl",
    ]
    assert stick.targets == (("windows", "3.12"), ("linux", "3.12"))
    assert stick.wheels == 6 + len(["mlplab", "pip"])


def test_it_has_all_else_and_nothing_half_written(stick: Stick, small: Materials):
    there = {str(path.relative_to(stick.folder)) for path in stick.folder.rglob("*") if path.is_file()}
    rest = {file for file in there if not file.startswith("wheels")}
    assert rest - {".lock"} == {
        *("README.txt", "install.sh", "install.bat", "install.py", "requirements.txt", "stick.json"),
        os.path.join("notebooks", "one.ipynb"),
        os.path.join("cache", "course", "measured.json"),
    }
    assert (stick.folder / "requirements.txt").read_bytes() == small.lock.read_bytes()
    facts = json.loads((stick.folder / "stick.json").read_text())
    assert {facts["mlplab"], facts["pip"]} <= {path.name for path in (stick.folder / "wheels").iterdir()}
    assert stick.bytes == sum((stick.folder / file).stat().st_size for file in there)
    assert stick.files == len(there - {".lock"})


def test_its_pages_are_for_the_system_they_are_read_on(stick: Stick):
    readme = (stick.folder / "README.txt").read_bytes()
    assert b"  Windows (x86-64), Python 3.12\r\n  Linux (x86-64), Python 3.12\r\n" in readme
    assert b"$" not in readme
    assert (stick.folder / "install.bat").read_bytes().count(b"\r\n") > 10
    assert b"\r" not in (stick.folder / "install.sh").read_bytes()


def test_it_has_mlplab_itself_with_what_makes_the_next_stick(stick: Stick):
    (own,) = (stick.folder / "wheels").glob("mlplab-*.whl")
    with zipfile.ZipFile(own) as archive:
        files = ("install.sh", "install.bat", "install.py", "README.txt")
        assert {f"mlplab/course/stick/installers/{name}" for name in files} <= set(archive.namelist())


# Going on


def test_going_on_after_a_failure(registry: Path, tmp_path: Path):
    lines = [f"part{n}==1.0 {small_wheel(registry, f'part{n}', '1.0', COMMON)}" for n in range(14)]
    last = registry / "part13-1.0-py3-none-any.whl"
    kept = last.rename(tmp_path / last.name)
    source, folder, said = lock_of(tmp_path / "materials", *lines), tmp_path / "stick", []
    with pytest.raises(FetchError, match=r"Linux \(x86-64\), Python 3.12 .* no wheel of part13==1.0 .*--python"):
        make_stick(folder, ["linux"], ["3.12"], ["digits"], hush, source=source)
    assert len(wheels(folder)) == 12
    assert {path.name for path in folder.iterdir()} == {".lock", "wheels"}

    kept.rename(last)
    (folder / "wheels" / "part3-1.0-py3-none-any.whl").write_bytes(b"cut short")
    make_stick(folder, ["linux"], ["3.12"], ["digits"], said.append, source=source)
    assert said[:2] == ["Linux (x86-64), Python 3.12: 14 wheels, 11 of them here.", "  fetched 3 of 3, 0 MB"]
    assert len(wheels(folder)) == 14

    for wheel in registry.glob("part*"):
        wheel.unlink()  # nothing is asked for again
    assert make_stick(folder, ["linux"], ["3.12"], ["digits"], hush, source=source).wheels == 16


def test_another_lock_makes_it_anew(stick: Stick, registry: Path, tmp_path: Path):
    folder = tmp_path / "stick"
    shutil.copytree(stick.folder, folder)
    source = lock_of(tmp_path, f"later==1.0 {small_wheel(registry, 'later', '1.0', COMMON)}")
    again = make_stick(folder, ["macos"], ["3.13"], ["digits"], hush, source=source)
    assert again.targets == (("macos", "3.13"),)


# What goes wrong


def test_other_bytes_than_the_lock_names(registry: Path, tmp_path: Path):
    line = f"forged==1.0 {small_wheel(registry, 'forged', '1.0', COMMON)}"
    small_wheel(registry, "forged", "1.0", COMMON, body="something_else = 1\n")
    with pytest.raises(FetchError, match=r"forged==1\.0 is not the file that the lock names by its hash"):
        make_stick(tmp_path / "stick", ["linux"], ["3.12"], ["digits"], hush, source=lock_of(tmp_path, line))
    assert wheels(tmp_path / "stick") == []


def test_no_network(registry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")  # nothing listens there
    monkeypatch.setenv("PIP_RETRIES", "1")
    source = lock_of(tmp_path, f"absent==1.0 --hash=sha256:{'0' * 64}")
    with pytest.raises(FetchError, match=r"does not reach its registry.*Connect to the network.*same command again"):
        make_stick(tmp_path / "stick", ["linux"], ["3.12"], ["digits"], hush, source=source)


def test_a_folder_that_cannot_be_made(small: Materials, tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(FetchError, match=r"cannot be written .*Choose another one"):
        make_stick(tmp_path / "file" / "stick", ["linux"], ["3.12"], ["digits"], hush, source=small)


@pytest.mark.network
def test_wheels_come_from_the_users_registry(tmp_path: Path):
    lines = materials().lock.read_text("utf-8").replace("\\\n", " ").splitlines()
    source = lock_of(tmp_path, *(line for line in lines if line.startswith(("colorama==", "markupsafe==", "six=="))))
    made = make_stick(tmp_path / "stick", ["windows", "macos"], ["3.13"], ["digits"], hush, source=source)
    names = [name.split("-")[0] for name in wheels(made.folder)]
    assert names == ["colorama", *["markupsafe"] * 2, "six"]
