"""The folder of wheels: which of them are there, whole and genuine."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from packaging.tags import Tag
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import Version

from mlplab.course.stick.lock import Pin
from mlplab.datasets.cache import store


@dataclass
class Shelf:
    """A folder of wheels for all targets. What is on it has its name only once it is complete.

    Attributes:
        folder: where the wheels lie.
        digests: SHA-256 of the files read so far, by name, as several targets ask for the same ones.
    """

    folder: Path
    digests: dict[str, str] = field(default_factory=dict)

    def find(self, pin: Pin, tags: frozenset[Tag]) -> Path | None:
        """A wheel of that package that can be installed where `tags` can, and has one of the lock's hashes."""
        for path in self.wheels(pin.name):
            _, version, _, its_tags = parse_wheel_filename(path.name)
            if version == pin.version and not tags.isdisjoint(its_tags) and self._digest(path) in pin.hashes:
                return path
        return None

    def missing(self, pins: Iterable[Pin], tags: frozenset[Tag]) -> list[Pin]:
        return [pin for pin in pins if self.find(pin, tags) is None]

    def wheels(self, name: str) -> list[Path]:
        """The wheels of a package, oldest version first; files with other names are left alone."""
        found: list[tuple[Version, Path]] = []
        for path in self.folder.glob("*.whl"):
            try:
                its_name, version, _, _ = parse_wheel_filename(path.name)
            except InvalidWheelFilename:
                continue
            if its_name == canonicalize_name(name):
                found.append((version, path))
        return [path for _, path in sorted(found)]

    def put(self, wheel: Path, scratch: Path) -> Path:
        """Takes a copy of a complete wheel. OSError if there is no room."""
        content = wheel.read_bytes()
        path = self.folder / wheel.name
        store(content, path, scratch)
        self.digests[path.name] = hashlib.sha256(content).hexdigest()
        return path

    def _digest(self, path: Path) -> str:
        if path.name not in self.digests:
            with path.open("rb") as file:
                self.digests[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
        return self.digests[path.name]
