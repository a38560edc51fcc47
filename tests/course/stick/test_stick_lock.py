"""The lock, and the targets that it is read for."""

import sys
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.tags import sys_tags
from small_wheels import lock_of

from mlplab.course.stick import SYSTEMS, materials
from mlplab.course.stick.lock import needed_for, needed_in, read_lock
from mlplab.course.stick.systems import Target, find_system, this_python, this_system
from mlplab.errors import DataError

PYTHONS = ("3.11", "3.12", "3.13", "3.14")


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("python", PYTHONS)
def test_a_target_needs_each_package_once(system: str, python: str):
    pins = read_lock(materials().lock)
    for environment in Target(find_system(system), python).environments():
        names = [str(pin.name) for pin in needed_in(pins, environment)]
        assert len(names) == len(set(names))
        assert {"jax", "keras", "jupyterlab", "cleanlab"} <= set(names)
        assert ("colorama" in names, "pywinpty" in names) == (system == "windows",) * 2
        assert ("appnope" in names) == (system == "macos")
        assert ("pexpect" in names) == (system != "windows")


def test_this_machine_needs_what_its_own_python_says():
    pins = read_lock(materials().lock)
    here = {
        pin
        for pin in pins
        if pin.marker is None or pin.marker.evaluate({k: str(v) for k, v in default_environment().items()})
    }
    target = Target(this_system(), this_python())
    assert here <= set(needed_for(pins, target))
    assert any(here == set(needed_in(pins, environment)) for environment in target.environments())


@pytest.mark.skipif(sys.platform != "linux", reason="a Mac or a Windows need not be new enough for all the wheels")
def test_wheels_for_this_machine_are_ones_it_installs():
    assert Target(this_system(), this_python()).tags() <= set(sys_tags())


@pytest.mark.parametrize("line", ["numpy==2.4.6", "numpy>=2 --hash=sha256:" + "0" * 64, "--index-url x"])
def test_a_damaged_lock(line: str, tmp_path: Path):
    with pytest.raises(DataError, match="is damaged"):
        read_lock(lock_of(tmp_path, line).lock)
