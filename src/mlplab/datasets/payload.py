"""A file of a data set, with the hash that its content must have."""

import gzip
import hashlib
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
        sha256: hexadecimal SHA-256 of the content. No other content is accepted.
        size: in bytes.
    """

    file: str
    sha256: str
    size: int

    def found_in(self, folder: Path) -> list[Path]:
        """Return the paths in `folder` at which the file exists, plain or gzipped."""
        return [path for path in (folder / self.file, folder / f"{self.file}.gz") if os.path.isfile(path)]

    def read(self, path: Path) -> bytearray:
        """Return the verified content of the file at `path`, which may be gzipped.

        Raises:
            DataError: if it has another size or hash.
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
        """Read at most one byte more than `size`, so that a wrong file cannot fill the memory."""
        with path.open("rb") as file:
            stream = gzip.GzipFile(fileobj=file) if file.peek(2)[:2] == _GZIP_MAGIC else file
            try:
                return bytearray(stream.read(self.size + 1))  # NumPy's views of a bytearray are writable
            except (EOFError, gzip.BadGzipFile, zlib.error) as error:
                raise DataError(f"{path} is a damaged gzip file ({error})") from error
