"""Arrays too large for memory, decoded once into files of the cache folder, and mapped into memory from there."""

import contextlib
import contextvars
import io
import math
import os
import shutil
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, Self

import numpy as np
from numpy.lib import format as npy
from numpy.typing import DTypeLike

from mlplab import mapped
from mlplab.datasets.arrays import whole_bytes
from mlplab.datasets.decoded import find, folder, trim
from mlplab.errors import DataError
from mlplab.files.writing import remedy
from mlplab.progress import Progress, bar

_BLOCK_BYTES = 2**24
"""Bytes that are read of a file at a time."""

_quiet: contextvars.ContextVar[bool] = contextvars.ContextVar("quiet", default=False)


@contextlib.contextmanager
def quietly(quiet: bool) -> Iterator[None]:
    """Hide `Writer`'s progress bars in this block, if `quiet`."""
    token = _quiet.set(quiet)
    try:
        yield
    finally:
        _quiet.reset(token)


def blocks_of(file: IO[bytes], dtype: DTypeLike, shape: tuple[int, ...]) -> Iterator[np.ndarray]:
    """Yield the rows of an array (n, …) in C order, which an open file has from here on, in blocks of about 16 MB.

    Raises `EOFError` if the file ends before the array does.
    """
    row_bytes = np.dtype(dtype).itemsize * math.prod(shape[1:])
    at_once = max(1, _BLOCK_BYTES // row_bytes)
    for start in range(0, shape[0], at_once):
        rows = min(at_once, shape[0] - start)
        content = file.read(rows * row_bytes)
        if len(content) < rows * row_bytes:
            raise EOFError(f"it is truncated within row {start + len(content) // row_bytes:,}")
        yield np.frombuffer(content, dtype).reshape(rows, *shape[1:])


def stored(
    name: str, pieces: Iterable[np.ndarray], total: int, title: str, *, expected: int = 0, narrow: bool = False
) -> np.ndarray:
    """Return the array that was decoded under a name; where there is none, it is made of blocks of rows.

    `total`: number of rows. `title`, `expected`, `narrow`: see `Writer`.
    """
    kept = find(name)
    if kept is not None:
        return kept.array
    with Writer(name, title, total, expected=expected, narrow=narrow) as writer:
        for piece in pieces:
            writer.add(piece)
        return writer.finish()


class Writer:
    """Collects the blocks of an array: in memory while they are few, then in a file of the cache folder.

    A file has uint8 or float32.

    Args:
        name: of the file; see `key`.
        title: of the progress bar that is shown while a file is written; None: no bar.
        total: rows, or another measure of the work, see `add`; None: not known.
        expected: bytes of the whole array, at least, if they are known.
        narrow: make uint8 of whole numbers from 0 to 255 in a file, whatever their dtype.
        always: write a file also of a small array, if the cache folder can be written.

    Raises:
        DataError: if the disk is full, or the cache folder cannot be written.
    """

    def __init__(
        self,
        name: str,
        title: str | None,
        total: float | None = None,
        *,
        expected: int = 0,
        narrow: bool = True,
        always: bool = False,
    ):
        self._name, self._total, self._narrow, self._always = name, total, narrow, always
        self._blocks: list[np.ndarray] = []
        self._bytes = self._rows = self._crc = 0
        self._row_shape: tuple[int, ...] = ()
        self._dtype = np.dtype(np.uint8)
        self._stack = contextlib.ExitStack()
        self._title = title
        self._file: IO[bytes] | None = None
        self._progress: Any = None
        if expected > mapped.chunk_bytes():
            _require_space(expected)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def add(self, block: np.ndarray, done: float | None = None) -> None:
        """Add rows (k, …). `done`: how much of the total is done with them; None: the rows so far."""
        self._rows += len(block)
        if self._file is None:
            self._blocks.append(block)
            self._bytes += block.nbytes
            if self._bytes <= mapped.chunk_bytes():
                return
            self._begin()
        else:
            self._write(block)
        self._progress(Progress(self._rows if done is None else done, self._total))

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield the rows that were added, in order."""
        if self._file is None:
            yield from self._blocks
            return
        self._file.seek(len(self._header()))
        yield from blocks_of(self._file, self._dtype, (self._rows, *self._row_shape))

    def finish(self, **columns: np.ndarray) -> np.ndarray:
        """Return the array, read-only if it is in a file. `columns`: small arrays to keep beside one in a file."""
        if self._file is None:
            array = self._blocks[0] if len(self._blocks) == 1 else np.concatenate(self._blocks)
            if not self._always:
                return array
            with contextlib.suppress(DataError):  # it only saves time later
                self._begin()
                self._keep(columns)
            return array
        return self._keep(columns)

    def _keep(self, columns: dict[str, np.ndarray]) -> np.ndarray:
        """Give the file its name, the columns before it."""
        assert self._file is not None
        place = folder() / f"{self._name}.npy"
        with self._disk():
            self._file.seek(0)
            self._file.write(self._header())
            self._file.flush()
            os.fsync(self._file.fileno())
            written = Path(self._file.name)
            with open(written.with_suffix(".npz"), "wb") as beside:
                np.savez(beside, crc=np.array(self._crc), **columns)  # pyright: ignore[reportArgumentType]
            os.replace(beside.name, place.with_suffix(".npz"))
            os.replace(written, place)
        self._stack.close()
        kept = find(self._name)
        if kept is None:
            raise DataError(f"{place} was written and cannot be read. Set MLPLAB_CACHE to another folder.")
        trim(keep=self._name)
        return kept.array

    def _begin(self) -> None:
        """Open the file, and write what is in memory."""
        with self._disk():
            folder().mkdir(parents=True, exist_ok=True)
            scratch = self._stack.enter_context(tempfile.TemporaryDirectory(prefix=".new-", dir=folder()))
            self._file = self._stack.enter_context(_created(Path(scratch) / "array.npy"))
            self._row_shape = self._blocks[0].shape[1:]
            self._file.write(self._header())
        is_quiet = self._title is None or _quiet.get()
        self._progress = self._stack.enter_context(bar(0 if is_quiet else "auto", self._title or ""))
        for number, block in enumerate(self._blocks):
            self._blocks[number] = block if self._always else np.empty(0)  # freed as it is written
            self._write(block)

    def _write(self, block: np.ndarray) -> None:
        assert self._file is not None
        if self._dtype == np.uint8:
            whole = whole_bytes(block) if self._narrow or block.dtype == np.uint8 else None
            if whole is None:
                self._become_floats()
            else:
                block = whole
        with np.errstate(over="ignore"):  # inf is refused later, with its row
            content = np.ascontiguousarray(block, self._dtype).data
        self._crc = zlib.crc32(content, self._crc)
        with self._disk():
            self._file.write(content)

    def _become_floats(self) -> None:
        """Write the file again as float32, since a block has other numbers than whole ones from 0 to 255."""
        assert self._file is not None
        old, self._dtype, self._crc = self._file, np.dtype(np.float32), 0
        with self._disk():
            old.seek(len(self._header()))
            self._file = self._stack.enter_context(_created(Path(old.name).with_stem("array-float32")))
            self._file.write(self._header())
            while part := old.read(_BLOCK_BYTES):
                content = np.frombuffer(part, np.uint8).astype(np.float32).data
                self._crc = zlib.crc32(content, self._crc)
                self._file.write(content)
            old.close()
            os.unlink(old.name)

    def _header(self) -> bytes:
        """Return the header of the file, of the same length whatever the number of rows."""
        header = {"descr": self._dtype.str, "fortran_order": False, "shape": (self._rows, *self._row_shape)}
        file = io.BytesIO()
        npy.write_array_header_1_0(file, header)
        return file.getvalue()

    @contextlib.contextmanager
    def _disk(self) -> Iterator[None]:
        """Raise a `DataError` with what to do where the disk is full, or the folder cannot be written."""
        try:
            yield
        except OSError as error:
            raise DataError(
                f"The data is decoded into the cache folder {folder()}, which cannot be written ({error.strerror}) "
                f"after {self._rows:,} rows. {remedy(error)}, or set MLPLAB_CACHE to a folder on another disk."
            ) from error


def _created(path: Path) -> IO[bytes]:
    """Return a new file, open to write and to read."""
    return open(path, "w+b")


def _require_space(size: int) -> None:
    """Raise `DataError` if the disk of the cache folder has no room for an array of this many bytes."""
    place = next(each for each in (folder(), *folder().absolute().parents) if each.exists())
    free = shutil.disk_usage(place).free
    if size > free:
        raise DataError(
            f"The decoded data takes {size / 1e9:,.1f} GB, and the disk of the cache folder {folder()} has "
            f"{free / 1e9:,.1f} GB free. Free some space, or set MLPLAB_CACHE to a folder on another disk. Images take "
            "less with a smaller size: size=28, or --size 28."
        )
