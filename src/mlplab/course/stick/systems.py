"""What a stick can be made for: a system and a Python version, as markers and wheel tags know them."""

import platform
import re
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass

from packaging.tags import Tag, compatible_tags, cpython_tags, mac_platforms

from mlplab.errors import UsageError, unknown_name

OLDEST_PYTHON = (3, 11)
_PATCHES = 40  # no Python version has had as many patch releases


@dataclass(frozen=True)
class System:
    """A kind of machine.

    Attributes:
        name: as a person types it.
        title: as a person reads it.
        os_name, sys_platform, platform_system, machine: what Python says there, which markers ask for.
        platforms: platform tags of wheels that run there, those for older systems first: they run on more machines.
    """

    name: str
    title: str
    os_name: str
    sys_platform: str
    platform_system: str
    machine: str
    platforms: tuple[str, ...]


def _linux(machine: str) -> tuple[str, ...]:
    old = {"x86_64": ("manylinux1", "manylinux2010", "manylinux2014"), "aarch64": ("manylinux2014",)}[machine]
    first = {"x86_64": 5, "aarch64": 17}[machine]
    return tuple(f"{tag}_{machine}" for tag in (*old, *(f"manylinux_2_{minor}" for minor in range(first, 29))))


_MACOS = tuple(reversed(list(mac_platforms((14, 0), "arm64"))))

SYSTEMS: dict[str, System] = {
    system.name: system
    for system in (
        System("windows", "Windows (x86-64)", "nt", "win32", "Windows", "AMD64", ("win_amd64",)),
        System("macos", "macOS (Apple silicon)", "posix", "darwin", "Darwin", "arm64", _MACOS),
        System("linux", "Linux (x86-64)", "posix", "linux", "Linux", "x86_64", _linux("x86_64")),
        System("linux-arm", "Linux (ARM, 64 bits)", "posix", "linux", "Linux", "aarch64", _linux("aarch64")),
    )
}


@dataclass(frozen=True)
class Target:
    """A system with a Python version, such as 3.12."""

    system: System
    python: str

    def __str__(self) -> str:
        return f"{self.system.title}, Python {self.python}"

    @property
    def minor(self) -> int:
        return int(self.python.partition(".")[2])

    def environments(self) -> Iterator[dict[str, str]]:
        """What markers are evaluated in, for each patch release: some packages differ between 3.11.2 and 3.11.9."""
        for patch in range(_PATCHES):
            full = f"{self.python}.{patch}"
            yield {
                "implementation_name": "cpython",
                "implementation_version": full,
                "os_name": self.system.os_name,
                "platform_machine": self.system.machine,
                "platform_python_implementation": "CPython",
                "platform_release": "",
                "platform_system": self.system.platform_system,
                "platform_version": "",
                "python_full_version": full,
                "python_version": self.python,
                "sys_platform": self.system.sys_platform,
            }

    def tags(self) -> frozenset[Tag]:
        """The tags of wheels that can be installed."""
        version, platforms = (3, self.minor), self.system.platforms
        interpreter = f"cp3{self.minor}"
        return frozenset(
            [
                *cpython_tags(version, abis=[interpreter], platforms=platforms),
                *compatible_tags(version, interpreter=interpreter, platforms=platforms),
            ]
        )

    def pip_arguments(self) -> list[str]:
        """What makes pip take wheels for this target. Python's patch release counts where a package asks for one."""
        arguments = ["--implementation", "cp", "--python-version", f"{self.python}.{_PATCHES - 1}"]
        arguments += ["--abi", f"cp3{self.minor}"]
        for name in self.system.platforms:
            arguments += ["--platform", name]
        return arguments


def find_system(name: str) -> System:
    """The system of that name. UsageError, with the nearest names, if there is none."""
    if name not in SYSTEMS:
        raise UsageError(unknown_name("system", name, SYSTEMS))
    return SYSTEMS[name]


def check_python(version: str) -> str:
    """The version, if it is one like 3.12 that mlplab runs on. UsageError if it is not."""
    found = re.fullmatch(r"(\d+)\.(\d+)", version)
    if not found:
        raise UsageError(f"A Python version is two numbers, such as 3.12; {version!r} is not.")
    if int(found[1]) != 3 or (3, int(found[2])) < OLDEST_PYTHON:
        raise UsageError(f"mlplab needs Python 3.{OLDEST_PYTHON[1]} or a newer 3.x; {version} was asked for.")
    return version


def this_system() -> System:
    """The system that we run on. UsageError where JAX has no wheels for it."""
    machine = platform.machine().lower()
    for system in SYSTEMS.values():
        if system.sys_platform == sys.platform and system.machine.lower() == machine:
            return system
    raise UsageError(
        f"This machine ({sysconfig.get_platform()}) is none that JAX has wheels for. Choose the systems of the class: "
        f"{', '.join(SYSTEMS)}."
    )


def this_python() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"
