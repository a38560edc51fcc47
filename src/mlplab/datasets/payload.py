"""A file of a data set: what it is called, and the hash that says whether bytes are that file."""

import gzip
import hashlib
import io
import os
import zlib
from dataclasses import dataclass
from pathlib import Path

from mlplab.errors import DataError

_GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True)
class Payload:
    """The decompressed content of one file.

    Attributes:
        file: its name, without `.gz`.
        sha256: hexadecimal SHA-256 of the content; nothing else is accepted as this file.
        size: in bytes.
    """

    file: str
    sha256: str
    size: int

    def found_in(self, folder: Path) -> list[Path]:
        """Where the file may lie in `folder`, plain or gzipped, as far as there is such a file."""
        return [path for path in (folder / self.file, folder / f"{self.file}.gz") if os.path.isfile(path)]

    def read(self, path: Path) -> bytearray:
        """The content of the file at `path`, which may be gzipped, once its hash has been found right.

        Raises:
            DataError: if these are other bytes; the message says which.
            OSError: if the file cannot be read.
        """
        content = self._decompressed(path)
        if len(content) != self.size:
            more = "more than " if len(content) > self.size else ""
            raise DataError(f"{path} has {more}{min(len(content), self.size)} bytes, not {self.size}")
        digest = hashlib.sha256(content).hexdigest()
        if digest != self.sha256:
            raise DataError(f"{path} has the SHA-256 {digest[:16]}…, not {self.sha256[:16]}…")
        return content

    def _decompressed(self, path: Path) -> bytearray:
        """At most one byte more than there should be, so that a wrong file cannot fill the memory."""
        with path.open("rb") as file:
            zipped = file.read(2) == _GZIP_MAGIC
            file.seek(0)
            try:
                return _read_at_most(gzip.GzipFile(fileobj=file) if zipped else file, self.size + 1)
            except (EOFError, gzip.BadGzipFile, zlib.error) as error:
                raise DataError(f"{path} is a damaged gzip file ({error})") from error


def _read_at_most(stream: io.BufferedIOBase, limit: int) -> bytearray:
    """Into a bytearray, which makes NumPy's views of it writable without a copy."""
    content = bytearray(limit)
    view, length = memoryview(content), 0
    while length < limit and (count := stream.readinto(view[length:])):
        length += count
    view.release()
    del content[length:]
    return content
