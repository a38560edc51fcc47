"""The exported page as a file: what is in it, what it refuses; tests/browser/test_drawing_page.py opens it."""

import json
import re

import numpy as np
import pytest

import mlplab
from mlplab.errors import ModelError, RunError
from mlplab.exports import export
from mlplab.exports.checking import compare, rows_to_check
from mlplab.exports.page.images import images_of
from mlplab.exports.page.packing import pack, unpacked
from mlplab.exports.page.sketches import sketch_accuracies
from mlplab.exports.reading import graph_of


@pytest.fixture(scope="module")
def digits_page(digits_run, tmp_path_factory):
    return export(digits_run, out=tmp_path_factory.mktemp("page") / "digits.html")


def test_it_holds_the_runs_weights_and_test_images(digits_page, digits_run, digits):
    text = digits_page.path.read_text("utf-8")
    [page] = re.findall(r'<script type="application/json" id="page">(.*?)</script>', text)
    [payload] = re.findall(r'<script type="text/plain" id="payload">(.*?)</script>', text)
    spec = json.loads(page)
    numbers = unpacked(payload, spec["network"]["numbers"])
    at = 0
    for weights in digits_run.model.get_weights():
        found = np.flatnonzero(numbers[at:] == weights.reshape(-1)[0])
        at += int(found[0])
        assert np.array_equal(numbers[at : at + weights.size], weights.reshape(-1))
    assert spec["network"]["layers"][0]["units"] == 16
    assert spec["preparation"]["framing"]["background"] == "dark"
    assert [digits.test.labels[k] for k in spec["strip"]["index"]] == spec["strip"]["labels"]
    assert sorted(np.bincount(spec["strip"]["labels"])) == [4] * 10
    assert digits_page.check.accuracy == digits_run.result.test.accuracy
    assert digits_page.check.largest_difference <= 1e-5


def test_it_asks_nothing_of_any_other_place(digits_page):
    text = digits_page.path.read_text("utf-8")
    assert "default-src 'none'" in text
    assert not re.findall(r'(?:src|href)="(?!#|data:)', text)
    assert not re.findall(r"url\((?!data:)", text)


def test_other_numbers_are_refused(digits_run):
    rows = rows_to_check(digits_run)
    packed = pack(graph_of(digits_run))
    payload = packed.payload(b"images")
    numbers = unpacked(payload, packed.spec["numbers"])
    assert np.array_equal(numbers, packed.numbers)
    assert compare(rows, packed.probabilities(numbers, rows.inputs)).other_classes == 0
    numbers = numbers.copy()
    numbers[np.abs(numbers).argmax()] *= 1.01
    with pytest.raises(ModelError, match="differs from the run"):
        compare(rows, packed.probabilities(numbers, rows.inputs))


def test_a_network_of_features_has_no_page(tmp_path, rng):
    rows, labels = rng.normal(size=(60, 12)).astype(np.float32), np.arange(60) % 3
    data = (rows[:40], labels[:40]), (rows[40:], labels[40:])
    run = mlplab.train(data, hidden=[3], epochs=1, validation=0, verbose=0, out=tmp_path / "features")
    with pytest.raises(ModelError, match=r"rows of 12 numbers\. Export it as onnx, keras or safetensors\."):
        export(run, out=tmp_path / "features.html", data=data)
    with pytest.raises(ModelError, match="takes 8-bit pixels"):
        export(run, out=tmp_path / "features.h", data=data)
    data = tuple((np.clip(128 + 40 * inputs, 0, 255).astype(np.uint8), targets) for inputs, targets in data)
    run = mlplab.train(data, hidden=[3], epochs=1, validation=0, verbose=0, out=tmp_path / "bytes")
    with pytest.raises(ModelError, match=r"Export it as onnx, keras, safetensors or c\."):
        export(run, out=tmp_path / "bytes.html", data=data)
    export(run, out=tmp_path / "bytes.h", data=data)
    images = rng.normal(size=(60, 5, 4)).astype(np.float32)
    data = (images[:40], labels[:40]), (images[40:], labels[40:])
    run = mlplab.train(data, hidden=[3], epochs=1, validation=0, verbose=0, out=tmp_path / "negative")
    with pytest.raises(ModelError, match="numbers below 0 or above 255"):
        export(run, out=tmp_path / "negative.html", data=data)
    assert not list(tmp_path.glob("*.html"))


def test_an_existing_file_stays(digits_page, digits_run):
    before = digits_page.path.read_bytes()
    with pytest.raises(RunError, match=r"exists already\. Give another out"):
        export(digits_run, out=digits_page.path)
    assert digits_page.path.read_bytes() == before


def test_sketches_are_scored_as_they_are_described(fashion_run, fashion_mnist):
    """Silhouettes and outlines, made pixel by pixel, score what the page says."""
    rows = rows_to_check(fashion_run)
    images = images_of(fashion_run, rows)
    assert images.thick
    assert not images.characters
    photos, labels = fashion_mnist.test.inputs[:1000], fashion_mnist.test.labels[:1000]
    filled = photos > 25.5
    inner = filled.copy()
    for _ in range(2):
        padded = np.pad(inner, ((0, 0), (1, 1), (1, 1)))
        inner = np.all([padded[:, i : i + 28, j : j + 28] for i in range(3) for j in range(3)], axis=0)
    accuracies = sketch_accuracies(fashion_run, rows, images)
    for drawn, accuracy in zip((filled, filled & ~inner), accuracies, strict=True):
        predicted = fashion_run.predict((255 * drawn).astype(np.uint8)).argmax(1)
        assert (predicted == labels).mean() == pytest.approx(accuracy)
