"""Files that somebody made to do harm, or that fuzzing found: one message each, in less than a gigabyte of memory."""

import gzip
import io
import json
import os
import re
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import seeds
from npz_files import header
from PIL import Image
from targets import LONGEST

LABELS = seeds.npy(seeds.LABELS)
INPUTS = seeds.npy(seeds.FEATURES)


def npz(**arrays: np.ndarray | bytes) -> bytes:
    kept = {"x": INPUTS, "y": LABELS} | {
        name: array if isinstance(array, bytes) else seeds.npy(array) for name, array in arrays.items()
    }
    return seeds.zipped(**kept)


def many_arrays() -> bytes:
    """A zip file with 200,000 entries in its directory, all of one array."""
    entry = struct.pack("<4s4B4HL2L5H2L", b"PK\1\2", 20, 3, 20, *[0] * 8, 1, *[0] * 6) + b"a"
    entries = entry * 200_000
    return entries + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 3392, 3392, len(entries), 0, 0)


def overlapping() -> bytes:
    """A zip file of which two entries are the same bytes."""
    content = bytearray(npz())
    first, second = (place.start() for place in re.finditer(b"PK\1\2", bytes(content)))
    content[second + 42 : second + 46] = content[first + 42 : first + 46]
    return bytes(content)


def compressed_otherwise() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_BZIP2) as archive:
        for name, content in (("x.npy", INPUTS), ("y.npy", LABELS)):
            archive.writestr(name, content)
    return file.getvalue()


def parquet(**columns: object) -> bytes:
    import pyarrow as pa

    return seeds.written(pa.table({"label": pa.array(seeds.LABELS)} | columns), "zstd")


def repeated_label() -> bytes:
    """A megabyte of text, once in the file, as the label of 20,000 rows."""
    import pyarrow as pa

    rows = np.zeros(20_000, np.int32)
    label = pa.DictionaryArray.from_arrays(pa.array(rows), pa.array(["a" * 10**6]))
    return seeds.written(pa.table({"label": label, "x": rows}), "zstd")


def joined(kind: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(seeds.RGB).save(file, kind)
    return 2 * file.getvalue()


def scans() -> bytes:
    """A progressive JPEG image of 65 million pixels whose last scan comes a thousand times."""
    file = io.BytesIO()
    Image.new("L", (1024, 1024)).save(file, "JPEG", progressive=True)
    content = file.getvalue()
    place = content.index(b"\xff\xc2") + 5
    content = content[:place] + struct.pack(">HH", 8064, 8064) + content[place + 4 :]
    last = content.rindex(b"\xff\xda")
    return content[:last] + 1000 * content[last:-2] + b"\xff\xd9"


def no_character(code: int) -> np.ndarray:
    return np.full(6, code, np.uint32).view("U1")


FILES: dict[str, tuple[str, bytes | Callable[[], bytes], str]] = {
    "ten terabytes": ("a.npz", lambda: npz(x=header((10**13,))), "a.npz .* claims 10,000,000,000,000 bytes"),
    "many arrays": ("a.npz", many_arrays, "a.npz .* has 200,000 arrays"),
    "overlapping arrays": ("a.npz", overlapping, "a.npz is not a readable NPZ file"),
    "bzip2": ("a.npz", compressed_otherwise, "x.npy is compressed by another method"),
    "joined arrays": ("a.npz", lambda: 2 * npz(), "bytes before its arrays, as if two files were joined"),
    "elements of no bytes": ("a.npz", lambda: npz(y=header((10**12,), "|S0")), "has elements of no bytes"),
    "no columns": ("a.npz", lambda: npz(y=header((10**12, 0))), "labels of a.npz must be"),
    "pickled": ("a.npz", lambda: npz(x=np.array([{}], object)), "holds Python objects, which are not loaded"),
    "fewer labels": ("a.npz", lambda: npz(y=seeds.LABELS[:4]), "a.npz has 6 inputs, and 4 labels"),
    "more labels": ("a.npz", lambda: npz(y=np.tile(seeds.LABELS, 2)), "a.npz has 6 inputs, and 12 labels"),
    "a number": ("a.npz", lambda: npz(y=np.array(1)), r"Got the shapes \(6, 3\) and \(\)"),
    "labels in latin-1": ("a.npz", lambda: npz(y=np.array([b"\xe9"] * 6)), r"labels of a.npz .* UTF-8. Got b'\\xe9'"),
    "no character": ("a.npz", lambda: npz(y=no_character(0x110000)), "0x110000, which is no character"),
    "half a character": ("a.npz", lambda: npz(class_names=no_character(0xD800)), "class names of .*0xd800"),
    "a large label": ("a.npz", lambda: npz(y=np.full(6, 1e300)), r"Got the number 1e\+300 in row 0"),
    "not finite": ("a.npz", lambda: npz(x=np.where(np.eye(6) == 1, np.nan, 0.5)), "of a.npz .* Got nan in row 0"),
    "groups of groups": ("a.npz", lambda: npz(g=np.zeros((6, 2))), r"one group for each of its 6 rows.*\(6, 2\)"),
    "two groups": ("a.npz", lambda: npz(g=np.arange(2)), r"one group for each of its 6 rows.*\(2,\)"),
    "a long label": ("a.csv", b"label,a\n" + b"b" * 10**5 + b",1\n" + b"c,1\n" * 20_000, "line 2: a label must have"),
    "a row of many lines": ("a.csv", lambda: b'label,a\n1,2\n"' + (1000 * b"x" + b'\n","') * 2**15, "bytes in one row"),
    "a control character": ("a.csv", b'label\ta\n"1"\x07\t2\n', r"a.csv, line 2 is no line of a table: .*\\x09"),
    "a large number": ("a.csv", b"label,a\n1e300,1\n1e300,2\n", r"a.csv must be classes. Got the number 1e\+300"),
    "a long name": ("a.csv", b"label,file\n1," + b"a" * 5000 + b".png\n", "line 2: there is no file 'aaa"),
    "joined tables": ("a.parquet", lambda: 2 * parquet(x=seeds.FEATURES[:, 0]), "a.parquet is several Parquet files"),
    "a repeated label": ("a.parquet", repeated_label, "a.parquet, row 0: a label must have at most 256 characters"),
    "binary labels": ("a.parquet", lambda: parquet(label=[b"\xe9"] * 6, x=[1, 2] * 3), "labels of a.parquet .* UTF-8"),
    "a large value": ("a.parquet", lambda: parquet(x=[1e300] * 6), "a.parquet must be finite .* Got inf in row 0"),
    "joined BMP": ("f/b/3", lambda: joined("BMP"), "b/3 holds several BMP images"),
    "joined WebP": ("f/b/3", lambda: joined("WEBP"), "b/3 holds several WebP images"),
    "scans": ("f/b/3", scans, r"b/3 claims to be too large .8064×8064 pixels in 1,00\d scans"),
    "ten terabytes of images": ("f/train-images-idx3-ubyte", b"\0\0\x08\x03" + b"\xff" * 12, "truncated: its header"),
    "eight gigabytes": ("f/train-images-idx3-ubyte", struct.pack(">4B3I", 0, 0, 8, 3, 2**23, 32, 32), "truncated|take"),
    "255 axes": ("f/train-images-idx3-ubyte", b"\0\0\x08\xff" + b"\xff" * 1020, "axes up to 8, got 00 00 08 ff"),
    "gzip": (
        "f/train-images-idx3-ubyte.gz",
        lambda: gzip.compress(seeds.idx_bytes(seeds.GREY) + bytes(2**26), 1),
        "has trailing bytes",
    ),
}  # fmt: skip


def link(path: Path, target: str) -> Path:
    path.symlink_to(target)
    return path


def pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


def places(folder: Path) -> dict[str, tuple[Path, str]]:
    """Sources that are no files, or lie elsewhere."""
    (folder / "secret.csv").write_bytes(seeds.csv()[0])
    for name, file in (("table", "train.csv"), ("digits", "train-images-idx3-ubyte")):
        (folder / name).mkdir()
        link(folder / name / file, "../secret.csv")
    (folder / "digits" / "train-labels-idx1-ubyte").write_bytes(seeds.idx_bytes(seeds.LABELS))
    (folder / "names" / "a\n\x1b[31m\xff").mkdir(parents=True)
    outside, irregular = (
        "is a link that leads out of the folder",
        "is no regular file, but a folder, a device or a pipe",
    )
    kept = {
        "a link to a table": (folder / "table", outside),
        "a link to images": (folder / "digits", outside),
        "escapes": (folder / "names", r"a\\x0a\\x1b\[31mÿ holds no image"),
        "a long path": (Path("/a" * 3000 + ".npz"), "cannot be read: File name too long"),
        "a zero in a path": (Path("a\0.npz"), r"a\\x00.npz cannot be read: .*null"),
    }
    for end in ("npz", "csv", "parquet"):
        kept[f"pipe {end}"] = (pipe(folder / f"pipe.{end}"), irregular)
        kept[f"device {end}"] = (link(folder / f"device.{end}", "/dev/zero"), irregular)
    return kept


@pytest.fixture(scope="module")
def sources(tmp_path_factory) -> dict[str, tuple[Path, str]]:
    """Each source, and the message that is expected of it."""
    pytest.importorskip("pyarrow", reason='Parquet needs pyarrow: pip install "mlplab[data]"')
    sources = {}
    for name, (file, content, message) in FILES.items():
        path = tmp_path_factory.mktemp("source") / file
        path.parent.mkdir(parents=True, exist_ok=True)
        if file.startswith("f/b/"):
            (path.parent.parent / "a").mkdir()
            (path.parent.parent / "a" / "1").write_bytes(seeds.images()[0])
        if file.startswith("f/train"):
            labels = path.with_name(path.name.replace("images-idx3", "labels-idx1").removesuffix(".gz"))
            labels.write_bytes(seeds.idx_bytes(seeds.LABELS))
        path.write_bytes(content if isinstance(content, bytes) else content())
        source = next(parent for parent in (path, *path.parents) if parent.name in ("f", file))
        sources[name] = (source, message)
    return sources | places(tmp_path_factory.mktemp("places"))


@pytest.fixture(scope="module")
def outcomes(sources) -> dict[str, tuple[Path, str, list]]:
    """The path of each source, the message that is expected of it, and what came of it: all are read in one process."""
    arguments = {"groups of groups": {"group": "g"}, "two groups": {"group": "g"}, "binary labels": {"label": "label"}}
    results = measured([[os.fspath(path), arguments.get(name, {})] for name, (path, _) in sources.items()])
    return {name: (*sources[name], result) for name, result in zip(sources, results, strict=True)}


def measured(lines: list) -> list:
    """Return what comes of lines for `measure.py`."""
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("measure.py"))],
        input="\n".join(map(json.dumps, lines)), capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip
    return list(map(json.loads, done.stdout.splitlines()))


NAMES = [*FILES, "a link to a table", "a link to images", "escapes", "a long path", "a zero in a path"]
NAMES += [f"{kind} {end}" for kind in ("pipe", "device") for end in ("npz", "csv", "parquet")]


@pytest.mark.skipif(sys.platform != "linux", reason="limits memory as Linux does")
@pytest.mark.parametrize("name", NAMES)
def test_hostile_sources_are_refused_with_one_message(name, outcomes):
    path, expected, (kind, message, _, peak) = outcomes[name]
    assert kind == "DataError", message
    assert re.search(expected, message), message
    assert "\n" not in message
    assert len(message) < LONGEST + len(os.fspath(path))  # one source has a long path
    assert peak < 1024


@pytest.mark.skipif(sys.platform != "linux", reason="limits memory as Linux does")
def test_hostile_sources_are_predicted_or_refused_with_one_message(sources):
    images = [(path / "b" / "3", path) for path, _ in sources.values()]
    paths = [image if os.path.isfile(image) else path for image, path in images]
    results = measured([[os.fspath(path), [4, 5]] for path in paths])
    assert len(results) == len(sources)
    for path, name, (kind, message, _, peak) in zip(paths, sources, results, strict=True):
        assert kind == "DataError", (name, message)
        assert "\n" not in message
        assert len(message) < LONGEST + len(os.fspath(path))
        assert peak < 1024
