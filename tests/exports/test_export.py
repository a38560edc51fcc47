"""`mlplab.export`: what is refused, and that nothing is left behind then."""

import json
import re
import shutil
import sys

import numpy as np
import pytest

import mlplab
from mlplab import Run, keras
from mlplab.errors import DataError, MissingPackageError, ModelError, RunError, UsageError

FORMATS = ["onnx", "keras", "safetensors", "triton"]


@pytest.fixture
def copy(digits_run, tmp_path):
    return shutil.copytree(digits_run.path, tmp_path / "run")


def refused(error, message, run, folder, **arguments):
    """Whether an export is refused with a message, and leaves its folder as it was."""
    before = sorted(path.name for path in folder.iterdir())
    with pytest.raises(error, match=message):
        mlplab.export(run, **arguments)
    return sorted(path.name for path in folder.iterdir()) == before


@pytest.mark.parametrize("format", FORMATS)
def test_a_path_that_exists_is_left_alone(format, copy, tmp_path):
    out = tmp_path / "there"
    out.write_text("mine")
    assert refused(RunError, "there exists already. Give another out", copy, tmp_path, format=format, out=out)
    assert out.read_text() == "mine"
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "nowhere")
    assert refused(RunError, "link exists already", copy, tmp_path, format=format, out=link)
    assert refused(UsageError, "Not a directory", copy, tmp_path, format=format, out=out / "file")
    too_long = tmp_path / f"{'n' * 256}{'' if format == 'triton' else f'.{format}'}"
    assert refused(UsageError, "cannot be written: File name too long", copy, tmp_path, format=format, out=too_long)


def test_formats(copy, tmp_path, monkeypatch):
    assert refused(UsageError, "Unknown format 'onx'. Did you mean 'onnx'", copy, tmp_path, format="onx")
    assert refused(
        UsageError, "Give a format: onnx, html, .*or out with one of", copy, tmp_path, out=tmp_path / "a.zip"
    )
    assert refused(UsageError, "Give a format", copy, tmp_path)
    page = tmp_path / "page.html"
    assert refused(UsageError, "page.html has the ending of html", copy, tmp_path, format="onnx", out=page)
    assert refused(UsageError, "page.html has the ending of html", copy, tmp_path, format="triton", out=page)
    monkeypatch.chdir(tmp_path)
    assert mlplab.export(copy, "onnx").path == tmp_path / "run.onnx"
    assert mlplab.export(str(copy), "triton").path == tmp_path / "run-triton"
    assert mlplab.export(copy, out="new/folder/a.safetensors").path.parent == tmp_path / "new" / "folder"
    exported = mlplab.export(copy, out="other.ONNX")
    assert (exported.format, exported.path.name) == ("onnx", "other.ONNX")
    assert json.loads(json.dumps(exported.to_json()))["check"]["real"] is True


@pytest.mark.parametrize("format", FORMATS)
def test_the_run_is_only_read(format, copy, tmp_path):
    def contents():
        return {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}

    before = contents()
    mlplab.export(copy, format, tmp_path / f"out.{format}")
    assert contents() == before


def test_runs_that_are_not_finished_or_damaged(copy, tmp_path):
    (copy / "result.json").unlink()
    assert refused(RunError, "not finished", copy, tmp_path, format="onnx")
    shutil.copyfile(copy / "model.json", copy / "result.json")
    assert refused(RunError, "damaged", copy, tmp_path, format="onnx")
    assert refused(RunError, "There is no run at", tmp_path / "none", tmp_path, format="onnx")


@pytest.mark.parametrize("format", FORMATS)
def test_damaged_weights(format, copy, tmp_path):
    weights = copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"\0\0\0\0")
    assert refused(RunError, "damaged: expected the SHA-256", copy, tmp_path, format=format, out=tmp_path / "out")


@pytest.mark.parametrize("format", ["onnx", "safetensors", "triton"])
def test_a_layer_without_a_form_is_named(format, tmp_path, digits):
    layers = keras.layers
    parts = [keras.Input((8, 8)), layers.Reshape((8, 8, 1)), layers.Conv2D(2, 3, name="looks"), layers.Flatten()]
    model = keras.Sequential([*parts, layers.Dense(10, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    run = mlplab.save_run(model, "digits", out=tmp_path / "run", scale=1)
    assert refused(ModelError, r"The layer looks \(Conv2D", run, tmp_path, format=format, out=tmp_path / "out")


def test_a_model_that_takes_whole_numbers(tmp_path):
    """One that scales 8-bit pixels itself is exported; one that cuts off the fractions of scaled ones is refused."""

    def run_with(scale):
        inputs = keras.Input((8, 8), dtype="uint8")
        x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 16)(inputs))
        model = keras.Model(inputs, keras.layers.Dense(10, "softmax")(x))
        model.compile("adam", "sparse_categorical_crossentropy")
        return mlplab.save_run(model, "digits", out=tmp_path / f"run{scale}", scale=scale)

    assert mlplab.export(run_with(1), out=tmp_path / "a.onnx").check.other_classes == 0
    assert refused(ModelError, "takes inputs as uint8, which cuts off", run_with(16), tmp_path, out=tmp_path / "b.onnx")


@pytest.mark.parametrize("missing", ["onnx", "onnxruntime"])
@pytest.mark.parametrize("format", ["onnx", "triton"])
def test_a_missing_package_has_its_command(format, missing, copy, tmp_path, monkeypatch):
    for name in list(sys.modules):
        if name.partition(".")[0] == missing or name.startswith(("mlplab.exports.onnx", "mlplab.exports.triton")):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    message = rf'needs {missing}, which is not installed \(.*\): pip install "mlplab\[export\]"'
    assert refused(MissingPackageError, message, copy, tmp_path, format=format, out=tmp_path / "out")


def test_a_run_on_arrays_is_compared_on_random_numbers_unless_they_are_given(any_run, tmp_path):
    run, data = any_run("embeddings")
    exported = mlplab.export(run, out=tmp_path / "a.onnx")
    check = exported.check
    assert (check.rows, check.real, check.accuracy) == (1000, False, None)
    assert "1,000 rows of random numbers" in check.in_words()
    assert re.match(r"Random numbers took the place of its data\. .* was begun with arrays", exported.notes[0])
    assert not mlplab.export(run, out=tmp_path / "own.onnx", data=data).notes
    other = [(x + 1, y) for x, y in data]
    assert refused(DataError, "of other content", run, tmp_path, out=tmp_path / "b.onnx", data=other)


def test_large_offsets_are_subtracted_before_they_are_scaled(tmp_path, rng):
    """Standardised features far from 0, such as years or heights above the sea."""
    y = np.arange(300) % 3
    x = (1e5 + rng.normal(size=(300, 4)) + y[:, None]).astype(np.float32)
    data = (x[:200], y[:200]), (x[200:], y[200:])
    run = mlplab.train(data, hidden=[8], epochs=2, standardize=True, out=tmp_path / "run", verbose=0)
    for format in FORMATS:
        check = mlplab.export(run, format, tmp_path / f"out.{format}", data=data).check
        assert check.largest_difference < 1e-5


def test_a_member_that_diverged_is_left_out(any_run, tmp_path, digits):
    copy = Run(shutil.copytree(any_run("population")[0].path, tmp_path / "run"))
    (copy.members[0].path / "result.json").unlink()
    run = Run(copy.path)
    network = keras.models.load_model(mlplab.export(run, out=tmp_path / "network.keras").path)
    x = digits.test.inputs
    np.testing.assert_allclose(network.predict(x, verbose=0), run.members[1].predict(x), atol=1e-5)


def test_it_says_why_data_that_changed_is_not_used(tmp_path, digits):
    def write(images):
        np.savez(tmp_path / "mine.npz", x_train=images, y_train=labels, x_test=images[:50], y_test=labels[:50])

    images, labels = digits.train.inputs[:200], digits.train.labels[:200]
    write(images)
    run = mlplab.train(tmp_path / "mine.npz", hidden=[4], epochs=1, seed=0, out=tmp_path / "run", verbose=0)
    write(images[::-1])
    note = mlplab.export(run, out=tmp_path / "a.onnx").notes[0]
    assert note.endswith("was begun with mine of other content.")
    (tmp_path / "mine.npz").unlink()
    assert "is gone" in mlplab.export(run, out=tmp_path / "b.onnx").notes[0]
