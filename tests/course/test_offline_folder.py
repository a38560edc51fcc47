"""The offline folder has what a class needs and installs it without a network. pip is real, the wheels are tiny."""

import ensurepip
import hashlib
import importlib.util
import json
import os
import shutil
import site
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

from mlplab.course import offline_folder
from mlplab.datasets import find_entry
from mlplab.datasets.cache import cache_folder
from mlplab.datasets.published.fetch import fetch_entry
from mlplab.errors import FetchError, UsageError

MATERIALS, script = offline_folder.find_materials()
[HERE] = script.find_targets([], [])
OTHER = "windows" if HERE[0] != "windows" else "linux"
BOTH = [("windows", "3.12"), ("linux", "3.12")]
SHARED = "py3-none-any"


def make_wheel(folder: Path, name: str, version: str, tag: str = SHARED, **files: str) -> str:
    """Write a wheel (PEP 427) and return its hash, as a lock has it."""
    info = f"{name}-{version}.dist-info"
    content = {file.replace("_dot_", "."): text for file, text in files.items()}
    content[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    content[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n"
    content[f"{info}/RECORD"] = "".join(f"{file},,\n" for file in (*content, f"{info}/RECORD"))
    path = folder / f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in content.items():
            archive.writestr(zipfile.ZipInfo(file), text)
    return f"--hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


def write_lock(folder: Path, *lines: str) -> dict[str, Path]:
    """Write a lock, and a folder with one notebook, as arguments of `fill`."""
    (folder / "notebooks").mkdir(parents=True, exist_ok=True)
    (folder / "notebooks" / "one.ipynb").write_text("{}", "utf-8")
    (folder / "small.lock").write_text("".join(f"{line}\n" for line in ("# made by a test", *lines)), "utf-8")
    return {"lock": folder / "small.lock", "notebooks": folder / "notebooks"}


def fill(folder: Path, targets, materials, say=lambda line: None):
    return script.fill(folder, targets, ["digits"], say, **materials)


def wheels(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "wheels").iterdir() if path.name[:3] not in ("mlp", "pip"))


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of wheels that stands for the registry; pip's own wheel is in it."""
    folder = tmp_path_factory.mktemp("packages")
    for wheel in (Path(ensurepip.__file__).parent / "_bundled").glob("pip-*.whl"):
        shutil.copy(wheel, folder)
    return folder


def ask_only(folder: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("PIP_CONFIG_FILE", os.devnull)
    patch.setenv("PIP_FIND_LINKS", str(folder))
    patch.setenv("PIP_NO_INDEX", "1")


@pytest.fixture
def registry(packages: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    ask_only(packages, monkeypatch)
    return packages


@pytest.fixture(scope="session")
def materials(packages: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A lock of packages for all, for each system, for patch releases of Python, for Windows, and for this machine.

    The last one stands for the dependencies of mlplab: it makes those of this environment importable.
    """
    tags = [f"cp312-cp312-{system.platforms[-1]}" for system in script.SYSTEMS.values()]
    each = " ".join(make_wheel(packages, "each", "2.0", tag) for tag in tags)
    here = make_wheel(packages, "needed", "1.0", needed_dot_pth=f"{site.getsitepackages()[-1]}\n")
    return write_lock(
        tmp_path_factory.mktemp("materials"),
        f"common==1.0 \\\n    {make_wheel(packages, 'common', '1.0')}",
        f"each==2.0 ; python_version == '3.12' {each}",
        f"patched==1.0 ; python_full_version < '3.12.5' \\\n    {make_wheel(packages, 'patched', '1.0')}",
        f"patched==2.0 ; python_full_version >= '3.12.5' \\\n    {make_wheel(packages, 'patched', '2.0')}",
        f"winning==1.0 ; sys_platform == 'win32' {make_wheel(packages, 'winning', '1.0')}",
        f"needed==1.0 ; python_version == '{HERE[1]}' and sys_platform == '{sys.platform}' {here}",
    )


@pytest.fixture(scope="session")
def made(materials, packages: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    """A folder for Windows and Linux, by two calls, and what the second returned. Copy it before you change it."""
    folder, cache = tmp_path_factory.mktemp("usb") / "a stick", tmp_path_factory.mktemp("cache")
    (cache / "course").mkdir()
    (cache / "course" / "measured.json").write_text("[]")
    with pytest.MonkeyPatch.context() as patch:
        ask_only(packages, patch)
        patch.setenv("MLPLAB_CACHE", str(cache))
        fill(folder, BOTH[:1], materials)
        return folder, fill(folder, BOTH[1:], materials)


@pytest.fixture
def copy(made, tmp_path: Path) -> Path:
    """A copy of the folder, which says that it is for this machine."""
    shutil.copytree(made[0], tmp_path / "copy")
    claim(tmp_path / "copy", HERE)
    return tmp_path / "copy"


def claim(folder: Path, *targets: tuple[str, str]) -> None:
    facts = json.loads((folder / "stick.json").read_text())
    (folder / "stick.json").write_text(json.dumps({**facts, "targets": targets}))


@pytest.mark.parametrize(
    ("systems", "pythons", "message"),
    [
        (["windws"], ["3.12"], r"Did you mean 'windows'\?"),
        (["linux"], ["3.9"], r"needs Python 3\.11 or a newer 3\.x; got 3\.9"),
        (["linux"], ["3.12.4"], r"two numbers, such as 3\.12; got '3\.12\.4'"),
    ],
)
def test_unknown_systems_and_versions_are_named(systems, pythons, message):
    with pytest.raises(UsageError, match=message):
        script.find_targets(systems, pythons)


def test_files_of_somebody_else_are_not_overwritten(materials, tmp_path: Path):
    (tmp_path / "README.txt").write_text("my own")
    with pytest.raises(UsageError, match=r"has a README.txt already.*such as .*mlplab"):
        fill(tmp_path, BOTH, materials)
    assert (tmp_path / "README.txt").read_text() == "my own"


# Contents


@pytest.mark.slow
def test_it_has_the_wheels_of_both_systems_and_shared_ones_once(made):
    windows, linux = ("win_amd64", "manylinux_2_28_x86_64")
    assert wheels(made[0]) == [
        "common-1.0-py3-none-any.whl",
        f"each-2.0-cp312-cp312-{linux}.whl",
        f"each-2.0-cp312-cp312-{windows}.whl",
        *(["needed-1.0-py3-none-any.whl"] if BOTH[1] == HERE else []),
        "patched-1.0-py3-none-any.whl",  # both, because the patch release of a learner's Python is unknown
        "patched-2.0-py3-none-any.whl",
        "winning-1.0-py3-none-any.whl",
    ]
    assert made[1]["targets"] == BOTH
    assert made[1]["wheels"] == len(wheels(made[0])) + len(["mlplab", "pip"])


@pytest.mark.slow
def test_it_has_everything_else_and_nothing_half_written(made, materials):
    folder, content = made
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} - {".lock"}
    assert {file for file in files if not file.startswith("wheels")} == {
        *("README.txt", "install.sh", "install.bat", "install.py", "requirements.txt", "stick.json"),
        os.path.join("notebooks", "one.ipynb"),
        os.path.join("cache", "course", "measured.json"),
    }
    assert (folder / "requirements.txt").read_bytes() == materials["lock"].read_bytes()
    facts = json.loads((folder / "stick.json").read_text())
    assert {facts["mlplab"], facts["pip"]} <= {path.name for path in (folder / "wheels").iterdir()}
    assert (content["files"], content["notebooks"]) == (len(files), 1)
    assert content["bytes"] == sum((folder / file).stat().st_size for file in files)
    readme = (folder / "README.txt").read_bytes()
    assert b"  Windows (x86-64), Python 3.12\r\n  Linux (x86-64), Python 3.12\r\n" in readme
    assert b"$" not in readme
    assert (folder / "install.bat").read_bytes().count(b"\r\n") > 10
    assert b"\r" not in (folder / "install.sh").read_bytes()


@pytest.mark.slow
def test_the_installed_package_can_fill_the_next_folder(made, tmp_path: Path):
    """The wheel has the script, its installers, the lock and the notebooks where `mlplab course stick` looks."""
    [wheel] = (made[0] / "wheels").glob("mlplab-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    assert {file.name for file in tmp_path.glob("mlplab/datasets/published/digits.*")} >= {"digits.npz", "digits.txt"}
    code = (
        "from mlplab.course.offline_folder import find_materials; folder, script = find_materials()\n"
        "lock = script.read_lock(folder / 'requirements-notebook.lock')\n"
        "print(script.CONTENTS, len(list((folder / 'notebooks').glob('*.ipynb'))), lock[0][0])"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert str(script.CONTENTS) in done.stdout
    assert " 5 absl-py==" in done.stdout


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13", "3.14"])
@pytest.mark.parametrize("system", script.SYSTEMS)
def test_a_target_needs_each_package_of_the_real_lock_once(system: str, python: str):
    groups = script.select(script.read_lock(MATERIALS / "requirements-notebook.lock"), script.SYSTEMS[system], python)
    for group in groups:
        names = [line.partition("==")[0] for line in group]
        assert len(names) == len(set(names))
    names = {line.partition("==")[0] for group in groups for line in group}
    assert {"jax", "keras", "jupyterlab", "cleanlab"} <= names
    assert ("colorama" in names, "pywinpty" in names) == (system == "windows",) * 2
    assert ("appnope" in names, "pexpect" in names) == (system == "macos", system != "windows")


# Continuing, and what can go wrong


@pytest.mark.slow
def test_a_call_after_a_failure_continues(registry: Path, tmp_path: Path):
    lines = [f"part{n}==1.0 {make_wheel(registry, f'part{n}', '1.0')}" for n in range(14)]
    last = registry / "part13-1.0-py3-none-any.whl"
    kept = last.rename(tmp_path / last.name)
    small, folder, lines = write_lock(tmp_path / "materials", *lines), tmp_path / "stick", []
    with pytest.raises(FetchError, match=r"Linux \(x86-64\), Python 3.12 .* no wheel of part13==1.0 .*--python"):
        fill(folder, BOTH[1:], small)
    assert len(wheels(folder)) == 12
    assert {path.name for path in folder.iterdir()} == {".lock", "wheels"}

    kept.rename(last)
    whole = (folder / "wheels" / "part3-1.0-py3-none-any.whl").read_bytes()
    (folder / "wheels" / "part3-1.0-py3-none-any.whl").write_bytes(b"cut short")
    before = (folder / "wheels" / "part4-1.0-py3-none-any.whl").stat().st_mtime_ns
    fill(folder, BOTH[1:], small, lines.append)
    assert lines[:2] == [f"Wheels for Linux (x86-64), Python 3.12: part {n} of 2." for n in (1, 2)]
    assert len(wheels(folder)) == 14
    assert (folder / "wheels" / "part3-1.0-py3-none-any.whl").read_bytes() == whole
    assert (folder / "wheels" / "part4-1.0-py3-none-any.whl").stat().st_mtime_ns == before, "downloaded again"

    other = write_lock(tmp_path / "other", f"later==1.0 {make_wheel(registry, 'later', '1.0')}")
    assert fill(folder, [("macos", "3.13")], other)["targets"] == [("macos", "3.13")], "another lock starts again"


def test_other_bytes_than_those_of_the_lock_are_refused(registry: Path, tmp_path: Path):
    line = f"forged==1.0 {make_wheel(registry, 'forged', '1.0')}"
    make_wheel(registry, "forged", "1.0", forged_dot_py="something_else = 1\n")
    with pytest.raises(FetchError, match=r"registry's forged==1\.0 has another hash than the lock's"):
        fill(tmp_path / "stick", BOTH, write_lock(tmp_path, line))
    assert not (tmp_path / "stick" / "wheels").exists() or wheels(tmp_path / "stick") == []


def test_a_missing_network_is_named(registry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")  # nothing listens there
    monkeypatch.setenv("PIP_RETRIES", "1")
    absent = write_lock(tmp_path, f"absent==1.0 --hash=sha256:{'0' * 64}")
    with pytest.raises(FetchError, match=r"cannot reach its registry.*Connect to the network.*same command again"):
        fill(tmp_path / "stick", BOTH, absent)


@pytest.mark.parametrize(
    ("code", "message"),
    [(13, r"cannot be written .*Choose a folder"), (28, "Make room: .* 300 MB.*same command again")],
)
def test_errors_of_the_disk_say_what_to_do(code: int, message: str, tmp_path: Path):
    with pytest.raises(FetchError, match=message), script._raising_fetch_errors(tmp_path):
        raise OSError(code, os.strerror(code))


@pytest.mark.network
@pytest.mark.slow
def test_wheels_come_from_the_registry_of_the_user(tmp_path: Path):
    lines = (MATERIALS / "requirements-notebook.lock").read_text("utf-8").replace("\\\n", " ").splitlines()
    some = write_lock(tmp_path, *(line for line in lines if line.startswith(("colorama==", "markupsafe==", "six=="))))
    fill(tmp_path / "stick", [("windows", "3.13"), ("macos", "3.13")], some)
    names = [name.split("-")[0] for name in wheels(tmp_path / "stick")]
    assert names == ["colorama", *["markupsafe"] * 2, "six"]


# The installer


def install(folder: Path, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run install.py as a learner does, in a home of its own and without a network."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PYTHON"))}
    environment |= {"HOME": str(home), "USERPROFILE": str(home), "MLPLAB_CACHE": str(home / "cache")}
    environment |= dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    command = [sys.executable, "-B", str(folder / "install.py"), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_it_installs_into_an_empty_home_without_a_network(materials, registry: Path, tmp_path: Path):
    folder, home = tmp_path / "stick", tmp_path / "home"
    home.mkdir()
    lines = materials["lock"].read_text().replace("\\\n", " ").splitlines()
    script.fill(folder, [HERE], ["digits"], lambda line: None, **write_lock(tmp_path, lines[1], lines[-1]))
    done = install(folder, home)
    assert done.returncode == 0, done.stderr
    assert "mlplab is set up." in done.stdout
    assert (home / "mlplab" / "notebooks" / "one.ipynb").read_text() == "{}"
    assert next((home / "mlplab").glob("start.*")).is_file()
    assert list((home / "mlplab" / "venv").rglob("common-1.0.dist-info"))


@pytest.mark.slow
def test_the_installer_refuses_in_sentences(copy: Path, tmp_path: Path):
    if os.name != "nt":  # install.bat does it there
        path = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        assert subprocess.run(["sh", str(copy / "install.sh"), "--suits"], env=path, check=False).returncode == 0
    claim(copy, (HERE[0], "3.10"))
    done = install(copy, tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "is for Python 3.10; this is CPython 3." in done.stderr
    claim(copy, (OTHER, HERE[1]))
    assert f"is for {OTHER}; this machine (or its Python) is {HERE[0]}" in install(copy, tmp_path).stderr
    claim(copy, HERE)
    (tmp_path / "mlplab" / "venv").mkdir(parents=True)
    done = install(copy, tmp_path)
    assert done.returncode == 1
    assert "exists already, and this installer did not make it" in done.stderr
    assert list((tmp_path / "mlplab" / "venv").iterdir()) == []
    (copy / "wheels" / "common-1.0-py3-none-any.whl").write_bytes(b"cut short")
    (copy / "requirements.txt").write_text((copy / "requirements.txt").read_text().split("each==")[0])
    done = install(copy, tmp_path / "other")
    assert "common" in done.stderr
    assert "The packages could not be installed" in done.stderr
    (copy / "stick.json").unlink()
    assert "is not complete: it has no stick.json" in install(copy, tmp_path).stderr


def installer() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "install", next(path for path in script.INSTALLERS if path.suffix == ".py")
    )
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_notebook_of_the_learner_is_never_overwritten(tmp_path: Path, monkeypatch, capsys):
    install = installer()
    monkeypatch.setattr(install, "HERE", str(tmp_path))
    write_lock(tmp_path)
    install.copy_notebooks(str(tmp_path / "mine"))
    kept = tmp_path / "mine" / "one.ipynb"
    assert kept.read_text() == "{}"
    kept.write_text("my work")
    install.copy_notebooks(str(tmp_path / "mine"))
    assert kept.read_text() == "my work"
    assert "one.ipynb exists already and differs: yours is kept." in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.usefixtures("fashion_mnist")
def test_data_sets_reach_the_cache_of_a_learner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    lines: list[str] = []
    monkeypatch.setenv("MLPLAB_DATA", str(cache_folder()))  # where the tests have it from
    entry, data = find_entry("fashion-mnist"), tmp_path / "stick" / "data"
    script.put_data([entry.name], data, tmp_path, lambda line: None)
    damaged = data / entry.name / "t10k-labels-idx1-ubyte.gz"
    damaged.write_bytes(damaged.read_bytes()[:-9])
    script.put_data([entry.name], data, tmp_path, lines.append)
    script.put_data([entry.name], data, tmp_path, lines.append)
    assert lines == ["fashion-mnist: t10k-labels-idx1-ubyte."]

    used = fetch_entry(entry, cache=tmp_path / "empty", own=data, quiet=True)  # as with MLPLAB_DATA
    assert {file.path.parent for file in used.values()} == {data / entry.name}

    (tmp_path / "stick" / "cache" / "course").mkdir(parents=True)
    (tmp_path / "stick" / "cache" / "course" / "measured.json").write_text("[]")
    install = installer()
    monkeypatch.setattr(install, "HERE", str(tmp_path / "stick"))
    monkeypatch.delenv("MLPLAB_DATA")
    monkeypatch.setenv("MLPLAB_CACHE", str(tmp_path / "learner"))
    install.copy_data([], sys.executable)
    cached = fetch_entry(entry, own=tmp_path / "none", quiet=True)
    assert {file.path.parent for file in cached.values()} == {tmp_path / "learner" / entry.name}
    assert (tmp_path / "learner" / "course" / "measured.json").read_text() == "[]"
