"""Data sets too large for memory: decoded once, then mapped, with the rows that they have in memory."""

import gzip
import resource
import struct
import zipfile

import numpy as np
import pytest
from made_data import idx_bytes

from mlplab import mapped
from mlplab.datasets import decoded, decoding, load
from mlplab.errors import DataError

ROWS = np.random.default_rng(0).integers(0, 256, (120, 8, 8), dtype=np.uint8)
LABELS = np.arange(120) % 3


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MLPLAB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def tiny_chunks(monkeypatch):
    monkeypatch.setenv("MLPLAB_CHUNK_BYTES", "300")


def csv(rows, labels=LABELS, extra=None) -> str:
    lines = [
        f"{label},{','.join(map(str, row))}" for label, row in zip(labels, rows.reshape(len(rows), -1), strict=True)
    ]
    names = ",".join(f"pixel{i}" for i in range(rows[0].size))
    if extra is not None:
        lines = [f"{part},{line}" for part, line in zip(extra, lines, strict=True)]
    return "\n".join([("split," if extra else "") + f"label,{names}", *lines]) + "\n"


def write_parquet(path, rows, features=False):
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    flat = rows.reshape(len(rows), -1)
    table = {"label": LABELS, "x": flat.tolist()} if not features else {"label": LABELS, **dict(enumerate(flat.T))}
    table = {str(name): values for name, values in table.items()}
    parquet.write_table(pyarrow.table(table), path)


def write(kind: str, root):
    """Write the rows in a format, and return the path, and arguments of `load`."""
    path = root / kind
    if kind in ("stored.npz", "packed.npz"):
        save = np.savez if kind == "stored.npz" else np.savez_compressed
        save(path, x_train=ROWS[:90], y_train=LABELS[:90], x_test=ROWS[90:], y_test=LABELS[90:])
    elif kind == "float64.npz":
        np.savez(path, x=ROWS / 7, y=LABELS)
    elif kind == "whole-floats.npz":
        np.savez(path, x=ROWS.astype("f4"), y=LABELS)
    elif kind == "validation.npz":
        parts = {"x_val": ROWS[60:90], "y_val": LABELS[60:90], "x_test": ROWS[90:], "y_test": LABELS[90:]}
        np.savez(path, x_train=ROWS[:60], y_train=LABELS[:60], **parts)
    elif kind in ("idx", "idx.gz"):
        path.mkdir()
        for part, rows in (("train", slice(0, 90)), ("t10k", slice(90, None))):
            for name, array in (("images-idx3", ROWS[rows]), ("labels-idx1", LABELS[rows])):
                content = idx_bytes(array)
                name = f"{part}-{name}-ubyte" + (".gz" if kind == "idx.gz" else "")
                (path / name).write_bytes(gzip.compress(content) if kind == "idx.gz" else content)
    elif kind == "pixels.csv":
        path.write_text(csv(ROWS))
    elif kind == "parts.csv":
        path.write_text(csv(ROWS, extra=["train"] * 90 + ["test"] * 30))
    elif kind == "late-floats.csv":
        path.write_text(csv(np.where(np.arange(120)[:, None, None] == 110, ROWS + 0.5, ROWS)))
    elif kind == "lists.parquet":
        write_parquet(path, ROWS)
    elif kind == "columns.parquet":
        write_parquet(path, ROWS / 3, features=True)
    else:
        from PIL import Image

        rgb = np.stack([ROWS, ROWS if kind == "grey-as-rgb" else ROWS[::-1], ROWS], -1)
        for number, (image, label) in enumerate(zip(rgb, LABELS, strict=True)):
            place = path / f"class{label}"
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(place / f"{number:03}.png")
    return path


KINDS = (
    *("stored.npz", "packed.npz", "float64.npz", "whole-floats.npz", "validation.npz"),
    *("idx", "idx.gz", "pixels.csv", "parts.csv"),
    *("late-floats.csv", "lists.parquet", "columns.parquet", "folder", "grey-as-rgb"),
)


NO_IMAGES = ("float64.npz", "whole-floats.npz", "late-floats.csv", "lists.parquet", "columns.parquet")


@pytest.mark.parametrize(
    ("kind", "reading"),
    [(kind, {}) for kind in KINDS] + [(kind, {"size": 6}) for kind in KINDS if kind not in NO_IMAGES],
)
def test_rows_are_those_that_are_read_into_memory(kind, reading, tmp_path, monkeypatch):
    path = write(kind, tmp_path)
    in_memory = load(path, quiet=True, **reading)
    monkeypatch.setenv("MLPLAB_CHUNK_BYTES", "300")
    for _ in range(2):
        in_file = load(path, quiet=True, **reading)
        assert mapped.map_of(in_file.train.inputs) is not None
        for part, expected in ((in_file.train, in_memory.train), (in_file.test, in_memory.test)):
            assert part.inputs.dtype == expected.inputs.dtype
            np.testing.assert_array_equal(part.inputs, expected.inputs)
            np.testing.assert_array_equal(part.labels, expected.labels)
            assert part.provenance == expected.provenance
            assert part.files == expected.files
            assert part.content_hash() == expected.content_hash()


@pytest.mark.parametrize("kind", ["packed.npz", "whole-floats.npz", "pixels.csv", "lists.parquet", "folder", "idx.gz"])
def test_the_second_load_decodes_nothing(kind, tmp_path, tiny_chunks):
    path = write(kind, tmp_path)
    load(path, quiet=True)
    before = {each: each.stat().st_ino for each in decoded.folder().iterdir()}
    load(path, quiet=True)
    assert {each: each.stat().st_ino for each in decoded.folder().iterdir()} == before


def test_other_content_is_decoded_anew(tmp_path, tiny_chunks):
    path = tmp_path / "pixels.csv"
    path.write_text(csv(ROWS))
    first = load(path)
    path.write_text(csv(ROWS[::-1]))
    assert load(path).train.content_hash() != first.train.content_hash()
    assert load(path, group="pixel0").train.content_hash() != load(path).train.content_hash()


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path, tiny_chunks):
    path = write("pixels.csv", tmp_path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, before[1]))
    try:
        with pytest.raises(
            DataError, match=r"cannot be written \(File too large\) after .* rows\. Free some space, or set"
        ):
            load(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(decoded.folder().iterdir()) == []
    load(path)


def test_a_disk_without_room_is_said(tiny_chunks):
    with pytest.raises(DataError, match=r"takes 2,251,799\.8 GB, and the disk .* has .* GB free"):
        decoding.Writer("name", "unpacking", expected=2**51)


def test_a_gzip_file_that_cannot_have_what_its_header_announces(tmp_path, tiny_chunks):
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(idx_bytes(LABELS))
    huge = struct.pack(">4B3I", 0, 0, 8, 3, 2**31, 2**10, 2**10)
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(huge))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx_bytes(LABELS))
    message = r"train-images-idx3-ubyte\.gz is damaged: its header announces 2,251,799,813,685,248 bytes, and its \d+"
    with pytest.raises(DataError, match=message):
        load(tmp_path)


def test_a_folder_that_cannot_be_written_is_said(tmp_path, tiny_chunks, monkeypatch):
    path = write("packed.npz", tmp_path)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MLPLAB_CACHE", str(tmp_path / "file"))
    with pytest.raises(DataError, match=r"which cannot be written \(Not a directory\).*set MLPLAB_CACHE"):
        load(path)


def test_a_damaged_archive_is_refused(tmp_path, tiny_chunks):
    path = write("packed.npz", tmp_path)
    with zipfile.ZipFile(path) as archive:
        place = archive.getinfo("x_train.npy").header_offset + 400
    content = bytearray(path.read_bytes())
    content[place] ^= 255
    path.write_bytes(content)
    with pytest.raises(DataError, match="is not a readable NPZ file"):
        load(path)
    assert not list(decoded.folder().glob("*.npy"))
