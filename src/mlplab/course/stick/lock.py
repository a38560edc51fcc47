"""A lock file with hashes → the packages that a target needs.

pip evaluates markers for the Python that runs it, even where it is told to fetch for another one. So we evaluate them.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.markers import Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from mlplab.course.stick.systems import Target
from mlplab.errors import DataError

_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True)
class Pin:
    """A package in one version.

    Attributes:
        name: normalised.
        version: the only one that will do.
        marker: where it is needed; everywhere, if None.
        hashes: hexadecimal SHA-256 of its files.
    """

    name: NormalizedName
    version: Version
    marker: Marker | None
    hashes: frozenset[str]

    @property
    def line(self) -> str:
        """As pip reads it, without the marker."""
        return f"{self.name}=={self.version} " + " ".join(f"--hash=sha256:{digest}" for digest in sorted(self.hashes))


def read_lock(path: Path) -> tuple[Pin, ...]:
    """The pins of a lock file, as `make lock` writes it. DataError if it is none."""
    lines = path.read_text("utf-8").replace("\\\n", " ").splitlines()
    return tuple(_pin(line, path) for line in lines if line.strip() and not line.startswith("#"))


def _pin(line: str, path: Path) -> Pin:
    text = line.partition(" --hash=")[0].strip()
    try:
        requirement = Requirement(text)
        version = Version(str(requirement.specifier).removeprefix("=="))
    except (InvalidRequirement, InvalidVersion) as error:
        raise DataError(f"{path} is damaged: {text!r} is no package in one version. Run 'make lock'.") from error
    hashes = frozenset(_HASH.findall(line))
    if not hashes:
        raise DataError(f"{path} is damaged: {text!r} has no hashes. Run 'make lock'.")
    return Pin(canonicalize_name(requirement.name), version, requirement.marker, hashes)


def needed_in(pins: Iterable[Pin], environment: Mapping[str, str]) -> tuple[Pin, ...]:
    """The pins whose markers hold in one environment of a target."""
    return tuple(pin for pin in pins if pin.marker is None or pin.marker.evaluate(dict(environment)))


def needed_for(pins: Iterable[Pin], target: Target) -> tuple[Pin, ...]:
    """The pins that any patch release of the target's Python needs."""
    pins = tuple(pins)
    wanted = {pin for environment in target.environments() for pin in needed_in(pins, environment)}
    return tuple(pin for pin in pins if pin in wanted)
