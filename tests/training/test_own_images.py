"""A run on a folder: its weights are those of the same arrays, and the folder is read again in the same way."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image
from small_runs import Interrupt, bytes_of

import mlplab
from mlplab.datasets.reading import Source
from mlplab.errors import DataError, Interrupted
from mlplab.runs.dataset_ref import command_for, data_of

SMALL = {"hidden": [4], "epochs": 2, "seed": 1, "verbose": 0}


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("MLPLAB_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(scope="module")
def parts(digits):
    """Images and labels of each part, sorted by class, as class folders have them."""
    parts = {}
    for name, part, rows in (("train", digits.train, 300), ("test", digits.test, 100)):
        order = np.argsort(part.labels[:rows], kind="stable")
        parts[name] = part.images[:rows][order], part.labels[:rows][order]
    return parts


@pytest.fixture(scope="module")
def folder(parts, tmp_path_factory):
    root = tmp_path_factory.mktemp("mine") / "photos"
    for part, (images, labels) in parts.items():
        for row, (image, label) in enumerate(zip(images, labels, strict=True)):
            inside = root / part / str(label)
            inside.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(inside / f"{row:04d}.png")
    return root


@pytest.fixture(scope="module")
def npz_run(parts, tmp_path_factory):
    path = tmp_path_factory.mktemp("npz") / "same.npz"
    (x_train, y_train), (x_test, y_test) = parts["train"], parts["test"]
    np.savez(path, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    return mlplab.train(path, **SMALL, out=path.parent / "run")


@pytest.fixture(scope="module")
def resumed(folder, tmp_path_factory):
    """A run on a folder, read in a way that is not the usual one, interrupted and resumed."""
    data = mlplab.load(folder, size=8, colour="grey", class_names=list("0123456789"))
    path = tmp_path_factory.mktemp("folder") / "run"
    with pytest.raises(Interrupted):
        mlplab.train(data, **SMALL, out=path, callbacks=[Interrupt(1)])
    return mlplab.resume(path, verbose=0)


def test_a_folder_trains_to_the_weights_of_the_npz_also_when_resumed(resumed, npz_run):
    assert bytes_of(resumed.path) == bytes_of(npz_run.path)


def test_a_run_keeps_how_its_data_was_read_and_types_it(resumed, folder):
    kept = json.loads((resumed.path / "config.json").read_text())["data"]
    assert kept["reading"] == {"size": [8, 8], "colour": "grey", "class_names": list("0123456789")}
    typed = ["--size", "8", "--colour", "grey", "--class-names", "0,1,2,3,4,5,6,7,8,9", "--epochs", "2"]
    assert command_for(resumed.config.data, {"epochs": 2}) == ["mlplab", "train", str(folder), *typed]


def test_a_folder_is_read_as_before_wherever_it_is_now(resumed, folder, tmp_path):
    moved = tmp_path / "photos"
    folder.rename(moved)
    try:
        with pytest.raises(DataError, match=f"it was begun with {folder}, and nothing is there now"):
            data_of(resumed)
        for given in (moved, str(moved), Source(moved)):
            assert data_of(resumed, given).origin.reading.size == (8, 8)
    finally:
        moved.rename(folder)
    copy = shutil.copytree(folder, tmp_path / "photos")
    next(iter((copy / "test" / "3").iterdir())).unlink()
    with pytest.raises(DataError, match="of other content"):
        data_of(resumed, copy)
