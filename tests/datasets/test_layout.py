"""Folders with several files: read by the same ones in training and predicting, and joined only if they are alike."""

import numpy as np
import pytest
from PIL import Image

from mlplab.datasets.readers import reader_of
from mlplab.datasets.readers.to_predict import read_rows_to_predict
from mlplab.datasets.reading import Reading
from mlplab.errors import DataError

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 8, 8), dtype=np.uint8)
LABELS = np.array([3, 5, 3, 3, 5, 5])
FOLDERS = {
    "an image beside a table": (["logo.png", "test.csv"], "test.csv"),
    "a word within another": (["latest.csv", "numbers.csv"], None),
    "parts by their words": (["data_Train.csv", "data-test2.csv", "latest.csv"], "data-test2.csv"),
    "no part for testing": (["train.csv", "val.csv"], "val.csv"),
    "two tables of a part": (["test.csv", "test_labels.csv", "train.csv"], None),
    "class folders beside a table": (["a/1.png", "b/1.png", "labels.csv"], "a/1.png b/1.png"),
}


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_is_read_by_the_same_files_as_in_training(name, tmp_path):
    """Each table has one row, with its position in the list as the number, and a label."""
    files, expected = FOLDERS[name]
    for row, file in enumerate(files):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        if file.endswith("png"):
            Image.fromarray(IMAGES[0]).save(tmp_path / file)
        else:
            (tmp_path / file).write_text(f"label,x\nkind,{row}\n")
    if expected is None:
        with pytest.raises(DataError, match="has several tables: "):
            read_rows_to_predict(tmp_path, Reading(), (1,))
        return
    rows = read_rows_to_predict(tmp_path, Reading(), (1,))
    found = reader_of(tmp_path)(tmp_path, Reading())
    if isinstance(rows.inputs, list):
        assert rows.files == found.train.files == tuple(expected.split())
    else:
        assert rows.inputs.tolist() == [[files.index(expected)]] == (found.test or found.train).inputs.tolist()


def test_a_table_of_a_part_has_no_parts_itself(tmp_path):
    (tmp_path / "train.csv").write_text("label,split,x\n1,train,1\n2,test,2\n")
    (tmp_path / "test.csv").write_text("label,x\n1,1\n")
    with pytest.raises(DataError, match=r"train\.csv has parts of its own: give that file alone"):
        reader_of(tmp_path)(tmp_path, Reading())


@pytest.mark.parametrize("is_large", [False, True])
def test_parts_that_cannot_be_joined_are_refused_by_their_names(is_large, tmp_path, monkeypatch):
    if is_large:
        monkeypatch.setenv("MLPLAB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setenv("MLPLAB_CHUNK_BYTES", "30")
    path = tmp_path / "a.npz"
    whole = {"x_train": IMAGES, "y_train": LABELS, "x_test": IMAGES, "y_test": LABELS, "x_val": IMAGES, "y_val": LABELS}
    for changed, message in (
        ({"x_val": IMAGES[:, 1:]}, r"inputs of .*a\.npz train and .*a\.npz validation .* Got \(n, 8, 8\) and \(n, 7"),
        ({"y_val": LABELS[:, None]}, r"labels of .* Got \(n,\) and \(n, 1\)"),
        ({"thumbnails_train": IMAGES, "thumbnails_val": IMAGES[:, 1:]}, r"thumbnails of .* Got \(n, 8, 8\) and \(n, 7"),
    ):
        np.savez(path, **whole | changed)
        with pytest.raises(DataError, match=message):
            reader_of(path)(path, Reading())


def test_files_of_a_parquet_folder_that_cannot_be_joined(tmp_path):
    pyarrow, parquet = (pytest.importorskip(name) for name in ("pyarrow", "pyarrow.parquet"))
    for name, column in (("a", [[1, 2]]), ("b", [[1, 2, 3]])):
        parquet.write_table(pyarrow.table({"x": column, "label": [1]}), tmp_path / f"{name}.parquet")
    message = r"inputs of .*a\.parquet and .*b\.parquet are joined.* Got \(n, 2\) and \(n, 3\)"
    with pytest.raises(DataError, match=message):
        reader_of(tmp_path)(tmp_path, Reading())
    with pytest.raises(DataError, match=message):
        read_rows_to_predict(tmp_path, Reading(), (2,))
    parquet.write_table(pyarrow.table({"x": [b"no image"], "label": [1]}), tmp_path / "b.parquet")
    with pytest.raises(DataError, match=r"Got \(n, 2\) and pictures"):
        read_rows_to_predict(tmp_path, Reading(), (2,))
