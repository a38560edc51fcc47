"""Training on a file gives the bits of training on the NPZ file of the same samples, in each lossless format.

Each file is written by the tool that people have for it: Pillow, pandas, pyarrow, NumPy.
"""

import gzip
import io

import numpy as np
import pandas
import pytest
from PIL import Image
from small_runs import bytes_of

import mlplab

pytestmark = pytest.mark.slow  # together half a minute; test_own_images.py trains on a folder and an NPZ file

SETTINGS = {"hidden": [16], "epochs": 2, "seed": 0, "verbose": 0}
LOSSLESS = {"png": {}, "bmp": {}, "tiff": {}, "webp": {"lossless": True}}


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("MLPLAB_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


def parts_of(data, train, test):
    """The first images and labels of each part, sorted by class, as class folders have them."""
    parts = {}
    for name, part, rows in (("train", data.train, train), ("test", data.test, test)):
        order = np.argsort(part.labels[:rows], kind="stable")
        parts[name] = part.images[:rows][order], part.labels[:rows][order]
    return parts


def write_npz(parts, path, save=np.savez_compressed):
    (x_train, y_train), (x_test, y_test) = parts["train"], parts["test"]
    save(path, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    return path


def write_folder(parts, root, suffix, **options):
    for part, (images, labels) in parts.items():
        for row, (image, label) in enumerate(zip(images, labels, strict=True)):
            inside = root / part / str(label)
            inside.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(inside / f"{row:04d}.{suffix}", **options)
    return root


def write_csv(parts, root):
    for part, (images, labels) in parts.items():
        pixels = {f"pixel{column}": values for column, values in enumerate(images.reshape(len(images), -1).T)}
        pandas.DataFrame({"label": labels, **pixels}).to_csv(root / f"{part}.csv", index=False)
    return root


def write_names(parts, root):
    """Write images into a folder, and a table with their names beside it."""
    (root / "images").mkdir()
    rows = []
    for part, (images, labels) in parts.items():
        for row, (image, label) in enumerate(zip(images, labels, strict=True)):
            Image.fromarray(image).save(root / "images" / f"{part}{row}.png")
            rows.append({"file": f"{part}{row}.png", "label": label, "split": part})
    pandas.DataFrame(rows).to_csv(root / "labels.csv", index=False)
    return root / "labels.csv"


def write_idx(parts, root, end=""):
    for part, arrays in parts.items():
        for kind, array in zip(("images-idx3", "labels-idx1"), arrays, strict=True):
            header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
            content = header + array.astype(np.uint8).tobytes()
            path = root / f"{'t10k' if part == 'test' else part}-{kind}-ubyte{end}"
            path.write_bytes(gzip.compress(content) if end else content)
    return root


def write_parquet(parts, root, column):
    """Write both parts. `column` returns the images as a column."""
    pyarrow = pytest.importorskip("pyarrow", reason='Parquet needs pyarrow: pip install "mlplab[data]"')
    parquet = pytest.importorskip("pyarrow.parquet")
    for part, (images, labels) in parts.items():
        table = pyarrow.table({"image": column(pyarrow, images), "label": labels})
        parquet.write_table(table, root / f"{part}-00000-of-00001.parquet")
    return root


def as_bytes(pyarrow, images):
    files = [io.BytesIO() for _ in images]
    for file, image in zip(files, images, strict=True):
        Image.fromarray(image).save(file, "PNG")
    kind = pyarrow.struct({"bytes": pyarrow.binary(), "path": pyarrow.string()})
    return pyarrow.array([{"bytes": file.getvalue(), "path": None} for file in files], kind)


def as_lists(pyarrow, images):
    return pyarrow.array(images.tolist(), pyarrow.list_(pyarrow.list_(pyarrow.uint8())))


WRITERS = {
    **{
        f"folder of {suffix}": lambda parts, root, suffix=suffix: write_folder(parts, root, suffix, **LOSSLESS[suffix])
        for suffix in LOSSLESS
    },
    "csv": write_csv,
    "csv of names": write_names,
    "idx": write_idx,
    "idx gzipped": lambda parts, root: write_idx(parts, root, ".gz"),
    "parquet of bytes": lambda parts, root: write_parquet(parts, root, as_bytes),
    "parquet of lists": lambda parts, root: write_parquet(parts, root, as_lists),
    "npz of floats": lambda parts, root: write_npz(
        {part: (images.astype("f4"), labels) for part, (images, labels) in parts.items()}, root / "a.npz", np.savez
    ),
}


@pytest.fixture(scope="module")
def few(mnist):
    return parts_of(mnist, 300, 100)


@pytest.fixture(scope="module")
def expected(few, once):
    """The files of the run on the NPZ file."""

    def train(root):
        root.mkdir()
        mlplab.train(write_npz(few, root / "a.npz"), **SETTINGS, out=root / "run")

    return bytes_of(once("formats", train) / "run")


@pytest.mark.parametrize("kind", WRITERS)
def test_a_lossless_format_trains_to_the_bits_of_the_npz(kind, few, expected, tmp_path):
    (tmp_path / "data").mkdir()
    source = WRITERS[kind](few, tmp_path / "data")
    run = mlplab.train(source, **SETTINGS, out=tmp_path / "run")
    assert "model.safetensors" in expected
    assert bytes_of(run.path) == expected


def test_jpeg_comes_within_half_a_point_of_accuracy(mnist, tmp_path):
    """The mean of three seeds: that of one, which also differs by its path, has a standard deviation of 0.25 points."""
    parts = parts_of(mnist, 2000, 4000)
    lossy = mlplab.load(write_folder(parts, tmp_path / "folder", "jpg", quality=95))
    assert (lossy.train.images != parts["train"][0]).any()
    settings = SETTINGS | {"hidden": [100], "epochs": 6, "learning_rate": 0.003, "seeds": 3}
    scores = []
    for name, source in (("lossless", write_npz(parts, tmp_path / "a.npz")), ("jpeg", lossy)):
        run = mlplab.train(source, **settings, out=tmp_path / name)
        scores.append(np.mean([member.result["test"]["accuracy"] for member in run.members]))
    assert scores[0] > 0.8
    assert abs(scores[0] - scores[1]) <= 0.005
