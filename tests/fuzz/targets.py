"""Every reader, as something that takes bytes of strangers and keeps its promise: data, or one clear message."""

import os
import re
import shutil
import struct
import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import seeds
from prepared import check_prepared, prepare

from mlplab.datasets import load
from mlplab.datasets.dataset import Data, Dataset, Provenance
from mlplab.datasets.unlabelled import read_unlabelled
from mlplab.errors import MlplabError

CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
LONGEST = 2_000
"""Characters of a message, at most."""


@dataclass(frozen=True)
class Target:
    """One reader.

    Attributes:
        seeds: returns inputs to start from.
        place: writes an input into a folder, and returns the source to read.
        file: what a message has to name.
        readings: the arguments with which the source is read; the length of the input says which.
        read: reads it.
        check_content: raises `AssertionError` if what was read breaks a promise; None: `check_data`.
    """

    seeds: Callable[[], list[bytes]]
    place: Callable[[Path, bytes], Path]
    file: str
    readings: tuple[dict[str, Any], ...] = ({},)
    read: Callable[..., Any] = load
    check_content: Callable[[Any], None] | None = None

    def check(self, folder: Path, content: bytes) -> None:
        """Read an input. Raises whatever the reader should not have raised, and `AssertionError` for broken promises.

        `folder`: an empty folder, or the one of a call before.
        """
        source = self.place(folder, content)
        reading = self.readings[len(content) % len(self.readings)]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                warnings.simplefilter("ignore", UserWarning)  # mlplab's own, which people are to see
                data = self.read(source, quiet=True, **reading)
        except MlplabError as error:
            check_message(str(error), self.file)
        else:
            (self.check_content or check_data)(data)


def check_message(message: str, file: str) -> None:
    """Check that a message is one line of text that every terminal takes, and names the file."""
    assert not CONTROL.search(message), repr(message)
    assert message.encode()
    assert file in message, message
    assert len(message) < LONGEST, message


def check_data(data: Data) -> None:
    for part in (data.train, data.test):
        assert len(part) > 0
        assert part.inputs.dtype in (np.uint8, np.float32)
        assert np.isfinite(part.inputs).all()
        assert part.labels.min() >= 0
        assert part.labels.max() < len(part.class_names)
    for text in (*data.class_names, *(data.train.files or ()), *(data.test.files or ())):
        assert not CONTROL.search(text), repr(text)
        assert text.encode() or not text


def _of_file(name: str) -> Callable[[Path, bytes], Path]:
    def place(folder: Path, content: bytes) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    return place


def _image(folder: Path, content: bytes) -> Path:
    """Put an image into a folder of class folders."""
    if not (folder / "b").exists():
        for name in ("a/1.png", "a/2.png", "b/1.png"):
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(GOOD)
    (folder / "b" / "hostile.png").write_bytes(_with_sums(content))
    return folder


def _with_sums(content: bytes) -> bytes:
    """Return a PNG file with right check sums, so that what they protect is read; other content unchanged."""
    if not content.startswith(b"\x89PNG\r\n\x1a\n"):
        return content
    fixed, place = bytearray(content), 8
    while place + 12 <= len(fixed):
        end = place + 8 + struct.unpack_from(">I", fixed, place)[0]
        if end + 4 > len(fixed):
            break
        struct.pack_into(">I", fixed, end, zlib.crc32(fixed[place + 4 : end]))
        place = end + 4
    return bytes(fixed)


def _member(folder: Path, content: bytes) -> Path:
    """Put an array into an NPZ file with right check sums: the first byte says which one."""
    names = ("x", "y", "class_names", "g")
    members = dict(MEMBERS)
    members[names[content[0] % len(names)] if content else "x"] = content[1:]
    return _of_file("hostile.npz")(folder, seeds.zipped(**members))


def _table(folder: Path, content: bytes) -> Path:
    if not (folder / "sub").exists():
        (folder / "sub").mkdir()
        for name in ("a.png", "sub/b.png"):
            (folder / name).write_bytes(GOOD)
    return _of_file("hostile.csv")(folder, content)


def _pair(end: str) -> Callable[[Path, bytes], Path]:
    """Put an IDX file into a folder: images, or where the last byte is odd, labels."""

    def place(folder: Path, content: bytes) -> Path:
        hostile = content[-1] % 2 if content else 0
        pair = [seeds.idx_bytes(seeds.GREY), seeds.idx_bytes(seeds.LABELS)]
        pair[hostile] = content
        (folder / "hostile").mkdir(exist_ok=True)
        for kind, each in zip(("images-idx3", "labels-idx1"), pair, strict=True):
            (folder / "hostile" / f"train-{kind}-ubyte{end}").write_bytes(each)
        return folder / "hostile"

    return place


def _read_unlabelled(path: Path, quiet: bool) -> Data:
    images = read_unlabelled(path, _TRAIN)
    part = Dataset(images.inputs, np.zeros(len(images), np.int32), ("a",), Provenance("hostile", "train"))
    return Data("hostile", part, part)


def _named(folder: Path, content: bytes) -> Path:
    """Put an image below a name of any bytes beside other images: the first byte says how long the name is."""
    root = folder / "hostile"
    shutil.rmtree(root, ignore_errors=True)
    (root / "a").mkdir(parents=True)
    for name in ("1.png", "a/10.png"):
        (root / name).write_bytes(GOOD)
    length = content[0] % 32 if content else 0
    words = [word for word in content[1 : 1 + length].replace(b"\0", b"").split(b"/") if word.strip(b".")]
    path = Path(os.fsdecode(b"/".join([os.fsencode(root), *words]) + b".png"))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_with_sums(content[1 + length :]))
    return root


def _names() -> list[bytes]:
    names = ["٣abc", "a/2", "a\n\x1b[31m", "test/²", "١٢/10", "0" * 20, "é"]
    return [bytes([len(os.fsencode(name))]) + os.fsencode(name) + GOOD for name in names]


def _to_predict(seeds: Callable[[], list[bytes]], place: Callable[[Path, bytes], Path], *readings: dict) -> Target:
    """Return the target of a format, with rows for a network. `readings`: the shape of its inputs, and how they are
    read."""
    return Target(seeds, place, "hostile", readings, prepare, check_prepared)


GOOD = seeds.images()[0]
MEMBERS = {"x": seeds.npy(seeds.GREY), "y": seeds.npy(seeds.LABELS), "g": seeds.npy(np.arange(6) // 2)}
_TRAIN = Dataset(seeds.GREY, seeds.LABELS, ("a", "b"), Provenance("digits", "train"))
TARGETS = {
    "images": Target(seeds.images, _image, "hostile", ({"size": 4, "colour": "rgb"}, {"size": 4}, {})),
    "npz": Target(seeds.npz, _of_file("hostile.npz"), "hostile", ({}, {"label": "y"})),
    "npy": Target(
        lambda: [bytes([row % 4]) + content for row, content in enumerate(seeds.arrays() * 3)],
        _member,
        "hostile",
        ({}, {"group": "g"}),
    ),
    "csv": Target(seeds.csv, _table, "hostile", ({}, {"size": 2, "label": "label"})),
    "idx": Target(seeds.idx, _pair(""), "hostile"),
    "idx-gzip": Target(seeds.gzipped, _pair(".gz"), "hostile"),
    "unlabelled": Target(
        lambda: [*seeds.arrays(), *seeds.npz(), *seeds.idx(), *seeds.gzipped()],
        _of_file("hostile"),
        "hostile",
        read=_read_unlabelled,
    ),
    "parquet": Target(seeds.parquet, _of_file("hostile.parquet"), "hostile", ({}, {"size": 4})),
    "predict-images": _to_predict(_names, _named, {"shape": (4, 5)}, {"shape": (6, 6, 3)}),
    "predict-csv": _to_predict(
        seeds.csv,
        _table,
        {"shape": (2, 2)},
        {"shape": (2,)},
        {"shape": (4, 4), "size": 4},
        {"shape": (1,), "group": "0"},
    ),
    "predict-npz": _to_predict(
        seeds.npz, _of_file("hostile.npz"), {"shape": (4, 5)}, {"shape": (3,), "label": "y"}, {"shape": (20,)}
    ),
    "predict-npy": _to_predict(
        seeds.arrays, _of_file("hostile.npy"), {"shape": (4, 5)}, {"shape": (3,)}, {"shape": (4, 5), "size": "4x5"}
    ),
    "predict-idx": _to_predict(lambda: [*seeds.idx(), *seeds.idx()], _pair(""), {"shape": (4, 5)}, {"shape": (20,)}),
    "predict-parquet": _to_predict(
        seeds.parquet, _of_file("hostile.parquet"), {"shape": (4, 5)}, {"shape": (3,)}, {"shape": (2,)}
    ),
}
"""All readers by name."""


def no_cache(set_variable: Callable[[str, str], Any] = os.environ.__setitem__) -> None:
    """Keep nothing of what is decoded: it would be a file for each input."""
    set_variable("MLPLAB_CACHE", os.devnull)
