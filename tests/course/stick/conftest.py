"""A stick of small wheels. pip is the real one, with a folder for its registry."""

import ensurepip
import shutil
from pathlib import Path

import pytest
from small_wheels import COMMON, claim, hush, let_pip_find, lock_of, small_wheel

from mlplab.course.stick import SYSTEMS, Materials, Stick, make_stick
from mlplab.course.stick.systems import this_python, this_system


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of wheels; pip's own is in it."""
    folder = tmp_path_factory.mktemp("packages")
    for wheel in (Path(ensurepip.__file__).parent / "_bundled").glob("pip-*.whl"):
        shutil.copy(wheel, folder)
    return folder


@pytest.fixture
def registry(packages: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What pip asks for packages."""
    let_pip_find(packages, monkeypatch)
    return packages


@pytest.fixture(scope="session")
def small(packages: Path, tmp_path_factory: pytest.TempPathFactory) -> Materials:
    """A lock: one for all, one for each system, two versions by Python's patch release, one for Windows alone."""
    each = [small_wheel(packages, "each", "2.0", f"cp312-cp312-{system.platforms[-1]}") for system in SYSTEMS.values()]
    old, new = (small_wheel(packages, "patched", version, COMMON) for version in ("1.0", "2.0"))
    return lock_of(
        tmp_path_factory.mktemp("materials"),
        f"common==1.0 \\\n    {small_wheel(packages, 'common', '1.0', COMMON)}",
        f"each==2.0 {' '.join(each)}",
        f"patched==1.0 ; python_full_version < '3.12.5' \\\n    {old}",
        f"patched==2.0 ; python_full_version >= '3.12.5' \\\n    {new}",
        f"winning==1.0 ; sys_platform == 'win32' {small_wheel(packages, 'winning', '1.0', COMMON)}",
    )


@pytest.fixture(scope="session")
def stick(small: Materials, packages: Path, tmp_path_factory: pytest.TempPathFactory) -> Stick:
    """For two systems, by two calls; without data sets. Not to be written into: copy it first."""
    folder, cache = tmp_path_factory.mktemp("usb") / "a stick", tmp_path_factory.mktemp("cache")
    (cache / "course").mkdir()
    (cache / "course" / "measured.json").write_text("[]")
    with pytest.MonkeyPatch.context() as patch:
        let_pip_find(packages, patch)
        patch.setenv("MLPLAB_CACHE", str(cache))
        make_stick(folder, ["windows"], ["3.12"], ["digits"], hush, source=small)
        return make_stick(folder, ["linux"], ["3.12"], ["digits"], hush, source=small)


@pytest.fixture
def copy(stick: Stick, tmp_path: Path) -> Path:
    """A stick of one's own, that says it is for this machine."""
    shutil.copytree(stick.folder, tmp_path / "copy")
    claim(tmp_path / "copy", [[this_system().name, this_python()]])
    return tmp_path / "copy"
