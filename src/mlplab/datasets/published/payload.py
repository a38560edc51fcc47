"""A file of a data set, with the hash that it must have."""

import gzip
import hashlib
import io
import os
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, NamedTuple

import numpy as np

from mlplab.errors import DataError
from mlplab.memory import ALIGNMENT, aligned_empty

_GZIP_MAGIC, _ZIP_MAGIC = b"\x1f\x8b", b"PK"
_AT_ONCE = 2**20
"""Bytes that are read at a time."""
_PADDING = ALIGNMENT - 16
"""Bytes before a file in memory, so that the images behind the 16 bytes of its header lie as JAX takes them."""


class Verified(NamedTuple):
    """The content of a file that has the right hash.

    Attributes:
        content: decompressed; writable.
        sha256: hexadecimal SHA-256 of the content.
        kept: what a cache keeps: bytes that have the hash of the payload.
    """

    content: memoryview
    sha256: str
    kept: bytes | memoryview


@dataclass(frozen=True)
class Archive:
    """A ZIP archive in which files are published: its name, and its size in bytes."""

    name: str
    size: int


@dataclass(frozen=True)
class Payload:
    """One file of a data set, and the hash by which it is known.

    Attributes:
        file: its name, without `.gz`.
        size: of the decompressed content, in bytes.
        sha256: hexadecimal SHA-256 of the decompressed content. No other content is accepted.
        md5: hexadecimal MD5 of the gzipped file as it is published, for a file of which no other hash is known. No
            other file is accepted, so it stays gzipped.
        archive: the archive in which the gzipped file is published; None: it is published by itself.
    """

    file: str
    size: int
    sha256: str = ""
    md5: str = ""
    archive: Archive | None = None

    @property
    def kept_name(self) -> str:
        """The name under which a cache keeps the file."""
        return f"{self.file}.gz" if self.md5 else self.file

    def found_in(self, folder: Path) -> list[Path]:
        """Return the paths in `folder` at which the file exists, plain, gzipped, or in its archive."""
        names = [f"{self.file}.gz"] if self.md5 else [self.file, f"{self.file}.gz"]
        names += [self.archive.name] if self.archive else []
        return [folder / name for name in names if os.path.isfile(folder / name)]

    def read(self, path: Path) -> Verified:
        """Return the verified content of the file at `path`, which may be gzipped, or a ZIP archive with the file.

        Raises:
            DataError: if it has another size or hash.
            OSError: if the file cannot be read.
        """
        with path.open("rb") as file:
            start = file.peek(2)[:2]
            if start != _ZIP_MAGIC:
                return self._verified(file, start == _GZIP_MAGIC, str(path))
            with self._member(file, path) as member:
                return self._verified(member, True, f"{self.file}.gz in {path}")

    @contextmanager
    def _member(self, archive: IO[bytes], path: Path) -> Iterator[IO[bytes]]:
        """Open the gzipped file in a ZIP archive, in any folder of it."""
        try:
            with zipfile.ZipFile(archive) as members:
                names = [name for name in members.namelist() if PurePosixPath(name).name == f"{self.file}.gz"]
                if not names:
                    raise DataError(f"{path} has no {self.file}.gz")
                with members.open(names[0]) as member:
                    yield member
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, zlib.error, EOFError) as error:
            raise DataError(f"{path} is a damaged ZIP archive ({error})") from error

    def _verified(self, file: IO[bytes], is_gzipped: bool, name: str) -> Verified:
        if not self.md5:
            content = self._read(gzip.GzipFile(fileobj=file) if is_gzipped else file, name)
            _require("SHA-256", hashlib.sha256(content).hexdigest(), self.sha256, name)
            return Verified(content, self.sha256, content)
        most = self.size + self.size // 1000 + 2**12  # gzip makes nothing longer than this
        kept = file.read(most + 1)
        _require("MD5", hashlib.md5(kept, usedforsecurity=False).hexdigest(), self.md5, name)
        content = self._read(gzip.GzipFile(fileobj=io.BytesIO(kept)), name)
        return Verified(content, hashlib.sha256(content).hexdigest(), kept)

    def _read(self, stream: Any, name: str) -> memoryview:
        """Return the content of a binary stream, of which one byte more than `size` is read at most.

        So a wrong file cannot fill the memory.
        """
        content = memoryview(aligned_empty((_PADDING + self.size,), np.dtype(np.uint8))[_PADDING:])
        filled = 0
        try:
            while count := stream.readinto(content[filled : filled + _AT_ONCE]):
                filled += count
            more = bool(stream.read(1))
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise DataError(f"{name} is a damaged gzip file ({error})") from error
        if filled < self.size or more:
            raise DataError(f"{name} has {'more than ' if more else ''}{filled} bytes, not {self.size}")
        return content


def _require(kind: str, digest: str, expected: str, name: str) -> None:
    if digest != expected:
        raise DataError(f"{name} has the {kind} {digest[:16]}…, not {expected[:16]}…")
