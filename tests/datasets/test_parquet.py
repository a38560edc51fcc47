"""Parquet files that pyarrow wrote, in the layouts of data hubs: equal to the arrays that went in."""

import contextlib
import io
import json

import numpy as np
import pytest
from PIL import Image

from mlplab.datasets import load
from mlplab.datasets.readers.parquet import read_parquet
from mlplab.datasets.readers.parquet_cells import Cells
from mlplab.datasets.readers.parquet_library import readable
from mlplab.datasets.reading import Reading
from mlplab.errors import DataError

pa = pytest.importorskip("pyarrow", reason='Parquet needs pyarrow: pip install "mlplab[data]"')
pq = pytest.importorskip("pyarrow.parquet")

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (20, 6, 5), dtype=np.uint8)
LABELS = np.tile([0, 1], 10)
FEATURES = RNG.normal(size=(20, 4)).astype(np.float32)


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("MLPLAB_CACHE", str(tmp_path_factory.mktemp("cache")))


def png(image):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def write(folder, rows=slice(None), name="train-00000-of-00001", metadata=None, **columns):
    """Write the same rows of columns for both parts, so that they keep their order."""
    folder.mkdir(exist_ok=True)
    table = pa.table({key: column[rows] for key, column in columns.items()}).replace_schema_metadata(metadata)
    pq.write_table(table, folder / f"{name}.parquet")
    pq.write_table(table, folder / "test-00000-of-00001.parquet")
    return folder


def hub_images(with_path=True):
    kind = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    return pa.array([{"bytes": png(x), "path": f"{i}.png" if with_path else None} for i, x in enumerate(IMAGES)], kind)


def test_images_of_a_data_hub(tmp_path):
    features = {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}, "image": {"_type": "Image"}}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    data = load(write(tmp_path / "hub", image=hub_images(), label=pa.array(LABELS), metadata=metadata))
    np.testing.assert_array_equal(data.train.images, IMAGES)
    np.testing.assert_array_equal(data.test.labels, LABELS)
    assert data.class_names == ("cat", "dog")
    assert data.train.files == tuple(f"{row}.png" for row in range(20))


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array([png(x) for x in IMAGES]), IMAGES),
        (hub_images(False), IMAGES),
        (pa.array(IMAGES.tolist(), pa.list_(pa.list_(pa.uint8()))), IMAGES),
        (pa.array(IMAGES.reshape(20, 30).tolist(), pa.list_(pa.int64())), IMAGES.reshape(20, 30)),
        (pa.array(FEATURES.tolist(), pa.list_(pa.float32(), 4)), FEATURES),
        (pa.array(FEATURES.tolist(), pa.large_list(pa.float64())), FEATURES),
    ],
    ids=["bytes", "no paths", "lists of lists", "lists", "fixed lists", "large lists"],
)
@pytest.mark.parametrize("labels", [LABELS, np.where(LABELS, "b", "a")], ids=["numbers", "texts"])
def test_inputs_and_labels_of_any_type(column, expected, labels, tmp_path):
    texts = pa.array(labels.tolist())
    data = load(write(tmp_path / "d", input=column, kind=texts.dictionary_encode() if labels is not LABELS else texts))
    np.testing.assert_array_equal(data.train.inputs, expected)
    assert data.train.inputs.dtype == expected.dtype
    np.testing.assert_array_equal(data.train.labels, LABELS)


def test_several_files_of_a_part_and_one_file_that_is_split(tmp_path):
    folder = write(tmp_path / "d", slice(10), "train-00000-of-00002", image=hub_images(), label=pa.array(LABELS))
    write(folder, slice(10, 20), "train-00001-of-00002", image=hub_images(), label=pa.array(LABELS))
    np.testing.assert_array_equal(load(folder).train.images, IMAGES)
    alone = load(folder / "train-00000-of-00002.parquet")
    assert (len(alone.train), len(alone.test)) == (8, 2)
    (folder / "train-00001-of-00002.parquet").write_bytes(b"PAR1 bytes PAR1")
    with pytest.raises(DataError, match=r"train-00001-of-00002\.parquet is no readable Parquet file"):
        load(folder)


def test_columns_of_numbers_groups_and_parts(tmp_path):
    columns = {name: pa.array(FEATURES[:, i]) for i, name in enumerate("abcd")}
    split = pa.array(["train"] * 15 + ["test"] * 5)
    path = write(tmp_path / "d", label=pa.array(LABELS), split=split, **columns) / "train-00000-of-00001.parquet"
    data = load(path)
    np.testing.assert_array_equal(data.train.features, FEATURES[:15])
    np.testing.assert_array_equal(data.test.features, FEATURES[15:])
    who = pa.array([f"p{row // 4}" for row in range(20)])
    path = write(tmp_path / "e", label=pa.array(LABELS), who=who, **columns) / "train-00000-of-00001.parquet"
    data = load(path, group="who")
    assert {FEATURES[:, 0].tolist().index(x) // 4 for x in data.test.features[:, 0]} == {
        FEATURES[:, 0].tolist().index(data.test.features[0, 0]) // 4
    }
    with pytest.raises(DataError, match="column 'who' holds string; expected numbers"):
        load(path, label="label")
    pixels = {f"pixel{i}": pa.array(IMAGES.reshape(20, 30)[:, i]) for i in range(30)}
    path = write(tmp_path / "f", label=pa.array(LABELS), **pixels)
    np.testing.assert_array_equal(load(path, size="6x5").train.images, IMAGES)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"image": pa.array([b"no image"] * 20)}, "row 0 is no image"),
        ({"image": pa.array([b"x", None] * 10)}, "row 1: column 'image' is empty"),
        (
            {"image": pa.array([{"bytes": None, "path": "a"}] * 20, hub_images().type)},
            "row 0 has no image, only the name 'a'",
        ),
        ({"x": pa.array([[1, 2], [1]] * 10)}, "row 1: all lists of numbers must have one length"),
        ({"x": pa.array([[1, 2], [1, None]] * 10)}, "row 1 has an empty number"),
        ({"x": pa.array([[], []] * 10, pa.list_(pa.int8()))}, "one length, at least 1"),
        ({"x": pa.array([[[1], [2]], [[1]]] * 10)}, "row 1: all lists of numbers must have one length"),
        ({"x": pa.array([[[300]], [[1]]] * 10)}, "must be 8-bit, from 0 to 255. Those of .*, rows 0 to 19, go from 1"),
        ({"x": pa.array([1.0, None] * 10)}, "row 1: column 'x' is empty"),
        ({"x": pa.array([[1]] * 20), "y": pa.array([[1]] * 20)}, "must have one column of images or lists. Got x, y"),
        ({}, "no column of numbers, lists or images"),
    ],
)
def test_bad_columns_are_refused_with_their_row(columns, message, tmp_path):
    write(tmp_path / "d", label=pa.array(LABELS), **columns)
    with pytest.raises(DataError, match=message):
        load(tmp_path / "d" / "train-00000-of-00001.parquet")


def test_lists_of_other_lengths_in_later_batches_are_refused_with_their_row(tmp_path):
    lists = [[1]] * 2**14 + [[1, 2]] * 3
    pq.write_table(pa.table({"x": lists, "label": [0, 1] * 2**13 + [0, 1, 0]}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"row 16384: all lists .* Got 2, and 1 in the rows before"):
        load(tmp_path / "a.parquet")


def test_labels_in_lists_of_different_lengths_are_refused(tmp_path):
    write(tmp_path / "d", x=pa.array(FEATURES.tolist()), y=pa.array([[1], [1, 2]] * 10))
    with pytest.raises(DataError, match="a label must be one number or text"):
        load(tmp_path / "d", label="y")


@pytest.mark.parametrize("error", [TypeError("a bug"), MemoryError()])
def test_a_bug_and_want_of_memory_are_not_taken_for_a_damaged_file(error, tmp_path, monkeypatch):
    def fail(_: object) -> None:
        raise error

    path = write(tmp_path / "d", x=pa.array(FEATURES.tolist()), label=pa.array(LABELS)) / "train-00000-of-00001.parquet"
    monkeypatch.setattr(Cells, "others", fail)
    with pytest.raises(type(error)):
        read_parquet(path, Reading())
    with pytest.raises(MemoryError), readable(path):
        raise MemoryError


@pytest.mark.parametrize("content", [b"", b"PAR1", b"hello", b"PAR1" + bytes(100) + b"\xff\xff\xff\x7fPAR1"])
def test_other_bytes_are_refused(content, tmp_path):
    (tmp_path / "a.parquet").write_bytes(content)
    with pytest.raises(DataError, match="is no readable Parquet file"):
        load(tmp_path / "a.parquet")


def test_truncated_and_changed_files_are_refused_or_read(tmp_path):
    write(tmp_path / "d", image=hub_images(), label=pa.array(LABELS))
    path = tmp_path / "d" / "train-00000-of-00001.parquet"
    content = path.read_bytes()
    for cut in range(0, len(content), 501):
        path.write_bytes(content[:cut])
        with pytest.raises(DataError):
            load(path)
    for place in range(5, len(content), 301):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :])
        with contextlib.suppress(DataError):
            load(path)
