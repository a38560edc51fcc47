"""Predictions for images and files that a run has never seen: prepared as its own data was, and scored."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

import mlplab
from mlplab.errors import DataError, UsageError
from mlplab.inspection.calibration import at_temperature
from mlplab.inspection.predictions import files

SMALL = {"epochs": 2, "seed": 1, "verbose": 0}


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("MLPLAB_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Colour images of three classes and of many sizes, in class folders."""
    root, rng = tmp_path_factory.mktemp("own") / "photos", np.random.default_rng(0)
    for label, colour in (("bolt", 0), ("nut", 1), ("screw", 2)):
        (root / label).mkdir(parents=True)
        for row in range(12):
            image = rng.integers(0, 120, (10 + row, 20 - row % 5, 3), dtype=np.uint8)
            image[..., colour] += 100
            Image.fromarray(image).save(root / label / f"{row}.png")
    return root


@pytest.fixture(scope="module")
def photo_run(photos, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLPLAB_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        data = mlplab.load(photos, size="8x6", crop=True, invert=True, quiet=True)
        return mlplab.train(data, hidden=[4], **SMALL, out=photos.parent / "run")


@pytest.fixture(scope="module")
def mnist_run(mnist, once):
    """A network that is right for about nine of ten images."""
    arrays = tuple((part.inputs[:8000], part.labels[:8000]) for part in (mnist.train, mnist.test))
    options = {"hidden": [32], "epochs": 4, "batch_size": 64, "seed": 0, "verbose": 0}
    return mlplab.Run(once("some-mnist", lambda out: mlplab.train(arrays, **options, out=out)))


@pytest.fixture(scope="module")
def feature_run(tmp_path_factory):
    """Four features of two classes, whose labels are the texts yes and no, read from a table."""
    root, rng = tmp_path_factory.mktemp("features"), np.random.default_rng(0)
    rows = rng.normal(size=(60, 4)).astype(np.float32)
    words = np.where(rows[:, 0] > 0, "yes", "no")
    lines = [",".join([*map(str, row.tolist()), word]) for row, word in zip(rows, words, strict=True)]
    (root / "train.csv").write_text("\n".join(["a,b,c,d,answer", *lines]))
    data = mlplab.load(root / "train.csv", label="answer")
    return mlplab.train(data, hidden=[4], **SMALL, out=root / "run")


def write(folder, images, names):
    folder.mkdir(parents=True, exist_ok=True)
    for image, name in zip(images, names, strict=True):
        Image.fromarray(image).save(folder / name)
    return folder


def test_images_of_the_data_set_are_prepared_as_in_training_to_the_bit(photo_run, photos):
    data = mlplab.load(photos, size="8x6", crop=True, invert=True, quiet=True)
    predictions = mlplab.predict_files(photo_run, [photos / name for name in data.test.files], verbose=0)
    np.testing.assert_array_equal(predictions.inputs, data.test.images)
    np.testing.assert_array_equal(predictions.probabilities, photo_run.predictions("test").probabilities)
    assert set(predictions.prepared) == {"resized"}
    assert predictions.labels is None
    whole = mlplab.predict_files(photo_run, photos, verbose=0)
    assert whole.files[:3] == ("bolt/0.png", "bolt/1.png", "bolt/2.png")
    assert len(whole) == whole.accuracy["n"] == 36
    correct = whole.table["predicted"] == whole.table["true"]
    assert whole.accuracy["accuracy"] == correct.mean()


def test_drawings_and_photos_of_digits_are_read(mnist_run, mnist, tmp_path, rng):
    images, labels = mnist.test.inputs[-80:], mnist.test.labels[-80:]
    native = write(tmp_path / "native", images, [f"{row}.png" for row in range(80)])
    probabilities = mnist_run.predict(images)
    np.testing.assert_array_equal(mlplab.predict_files(mnist_run, native, verbose=0).probabilities, probabilities)
    inverted = write(tmp_path / "inverted", 255 - images, [f"{row}.png" for row in range(80)])
    found = mlplab.predict_files(mnist_run, inverted, verbose=0)
    assert set(found.prepared) == {"inverted"}
    np.testing.assert_array_equal(found.probabilities, probabilities)
    for row, (image, label) in enumerate(zip(images, labels, strict=True)):
        ink = np.asarray(Image.fromarray(image).resize((112, 112), Image.Resampling.BICUBIC)) / 255
        top, left = rng.integers(5, 60, 2)
        ink = np.pad(ink, ((top, 70 - top), (left, 90 - left)))
        rows, columns = np.indices(ink.shape)
        paper = 200 - 0.1 * rows + 0.1 * columns + rng.normal(0, 3, ink.shape)
        photo = (paper * (1 - ink) + 60 * ink).clip(0, 255).astype(np.uint8)
        write(tmp_path / "photos" / str(label), [photo], [f"{row}.jpg"])
    found = mlplab.predict_files(mnist_run, tmp_path / "photos", verbose=0)
    assert set(found.prepared) == {"framed"}
    right = (probabilities.argmax(1) == labels).mean()
    assert right > 0.85
    assert found.accuracy["accuracy"] > right - 0.06


def test_as_is_takes_pixels_as_they_are(mnist_run, mnist, tmp_path):
    folder = write(tmp_path / "a", [255 - mnist.test.inputs[0], np.zeros((30, 28), np.uint8)], ["1.png", "2.png"])
    found = mlplab.predict_files(mnist_run, folder, as_is=True, verbose=0)
    np.testing.assert_array_equal(found.inputs, 255 - mnist.test.inputs[:1])
    assert found.prepared == ("as it is",)
    assert str(found.unreadable[0][1]) == (
        f"{folder}/2.png has 30×28 pixels; expected 28×28, since it goes in unchanged. Give an image of that size, or "
        "leave as_is out."
    )
    assert found.index.tolist() == [0]


def test_white_is_the_largest_number_of_the_data(digits_run, digits, tmp_path):
    """Images of digits go from 0 to 16: written as they are, or from 0 to 255."""
    images = digits.test.images[:6]
    write(tmp_path / "a", images, [f"{row}.png" for row in range(6)])
    write(tmp_path / "b", np.rint(images * (255 / 16)).astype(np.uint8), [f"{row}.png" for row in range(6)])
    for folder in ("a", "b"):
        found = mlplab.predict_files(digits_run, tmp_path / folder, verbose=0)
        np.testing.assert_array_equal(found.probabilities, digits_run.predict(images))


def test_rows_of_a_table_with_ids_and_labels(feature_run, tmp_path, rng):
    rows = rng.normal(size=(5, 4)).astype(np.float32)
    cells = [[f"r{number}", *map(str, row.tolist()), "yes"] for number, row in enumerate(rows)]
    cells[3][-1] = "maybe"
    cells[4][-1] = ""
    path = tmp_path / "test.csv"
    path.write_text("\n".join(map(",".join, [["id", *"abcd", "answer"], *cells])))
    found = mlplab.predict_files(feature_run, path, verbose=0)
    probabilities = feature_run.predict(rows)
    np.testing.assert_array_equal(found.probabilities, probabilities)
    answers = np.array(["no", "yes"])[probabilities.argmax(1)]
    assert found.accuracy["n"] == 3
    assert found.accuracy["accuracy"] == (answers[:3] == "yes").mean()
    assert found.strange == ("maybe",)
    assert list(found.table["true"]) == ["yes"] * 3 + [None] * 2
    order = np.sort(probabilities, axis=1)
    np.testing.assert_array_equal(found.table["confidence"], order[:, -1])
    np.testing.assert_array_equal(found.table["runner_up_probability"], order[:, -2])
    assert found.submission().to_csv().splitlines() == ["id,answer", *(f"r{n},{a}" for n, a in enumerate(answers))]
    assert list(found.full_table().columns)[-2:] == ["p_no", "p_yes"]
    saved = json.loads(found.save(tmp_path / "a.json").read_text())
    assert [row["id"] for row in saved["predictions"]] == ["r0", "r1", "r2", "r3", "r4"]
    np.testing.assert_array_equal(np.float32([row["probabilities"] for row in saved["predictions"]]), probabilities)
    np.save(tmp_path / "rows.npy", rows)
    assert mlplab.predict_files(feature_run, tmp_path / "rows.npy", verbose=0).submission().to_csv().split() == [
        "ImageId,Label",
        *(f"{n},{a}" for n, a in enumerate(answers, 1)),
    ]


def test_a_competition(mnist_run, mnist, tmp_path):
    """The digit recogniser's test.csv: pixels without labels and ids."""
    images = mnist.test.images[:20]
    lines = [",".join(f"pixel{number}" for number in range(784)), *(",".join(map(str, row.ravel())) for row in images)]
    (tmp_path / "test.csv").write_text("\n".join(lines))
    found = mlplab.predict_files(mnist_run, tmp_path / "test.csv", verbose=0)
    rows = [f"{number},{label}" for number, label in enumerate(mnist_run.predict(images).argmax(1), 1)]
    assert found.submission().to_csv().split() == ["ImageId,Label", *rows]
    assert found.accuracy is None
    assert found.prepared is None


def test_batches_change_nothing(photo_run, photos, monkeypatch):
    whole = mlplab.predict_files(photo_run, photos, verbose=0)
    monkeypatch.setattr(files, "_AT_ONCE", 7 * 8 * 6 * 3)
    parts = mlplab.predict_files(photo_run, photos, verbose=0)
    np.testing.assert_allclose(parts.probabilities, whole.probabilities, rtol=1e-6)
    np.testing.assert_array_equal(parts.inputs, whole.inputs)
    assert parts.files == whole.files


def test_probabilities_at_the_temperature(digits_run, digits, tmp_path):
    run = mlplab.Run(shutil.copytree(digits_run.path, tmp_path / "run"))
    np.save(tmp_path / "a.npy", digits.test.images[:9])
    found = mlplab.predict_files(run, tmp_path / "a.npy", calibrated=True, verbose=0)
    assert found.temperature == mlplab.calibrate(run)["temperature"]
    expected = at_temperature(run.predict(digits.test.images[:9]), found.temperature)
    np.testing.assert_allclose(found.probabilities, expected)


def test_unreadable_images_are_named_and_the_rest_goes_on(photo_run, photos, tmp_path):
    folder = tmp_path / "some"
    shutil.copytree(photos / "nut", folder)
    (folder / "3.png").write_bytes(b"nothing")
    (folder / "7.png").write_bytes((folder / "7.png").read_bytes()[:100])
    found = mlplab.predict_files(photo_run, folder, verbose=0)
    assert found.index.tolist() == [0, 1, 2, 4, 5, 6, 8, 9, 10, 11]
    assert found.files[3] == "4.png"
    assert [name for name, _ in found.unreadable] == [f"{folder}/3.png", f"{folder}/7.png"]
    with pytest.raises(DataError, match=r"needs a label for every row, and 2 could not be read, such as .*3\.png"):
        found.submission()
    with pytest.raises(DataError, match=r"None of 1 images can be predicted\. .*3\.png is no image"):
        mlplab.predict_files(photo_run, folder / "3.png", verbose=0)


def test_what_does_not_fit_the_run_is_refused(photo_run, feature_run, photos, tmp_path):
    with pytest.raises(
        DataError,
        match=r"bolt/0\.png is a picture, .* and the run was trained on rows of the shape 4",
    ):
        mlplab.predict_files(feature_run, photos, verbose=0)
    np.save(tmp_path / "a.npy", np.zeros((3, 5)))
    with pytest.raises(
        DataError, match=r"rows of the shape 4, as the run was trained on\. Got float64 of shape \(3, 5\)"
    ):
        mlplab.predict_files(feature_run, tmp_path / "a.npy", verbose=0)
    np.save(tmp_path / "b.npy", np.full((3, 4), np.nan))
    with pytest.raises(DataError, match="must be finite float32 numbers"):
        mlplab.predict_files(feature_run, tmp_path / "b.npy", verbose=0)
    with pytest.raises(UsageError, match=r"a\.npy is a file with rows: give it alone"):
        mlplab.predict_files(photo_run, [photos, tmp_path / "a.npy"], verbose=0)
    with pytest.raises(UsageError, match="Give an image, a folder or a file"):
        mlplab.predict_files(photo_run, [], verbose=0)


def test_no_progress_bar_of_a_large_file(feature_run, tmp_path, monkeypatch, capsys, rng):
    monkeypatch.setenv("FORCE_COLOR", "1")  # to Rich, a terminal
    monkeypatch.setenv("MLPLAB_CHUNK_BYTES", "30")
    np.savetxt(tmp_path / "a.csv", rng.normal(size=(60, 4)), delimiter=",")
    mlplab.predict_files(feature_run, tmp_path / "a.csv", verbose=0)
    assert capsys.readouterr().err == ""


def test_pictures_of_a_table_are_submitted_by_its_names_and_never_replaced(photo_run, photos, tmp_path):
    shutil.copytree(photos / "nut", tmp_path / "test_images")
    (tmp_path / "test.csv").write_text("picture\n2.png\n10.png\n")
    found = mlplab.predict_files(photo_run, tmp_path / "test.csv", verbose=0)
    lines = found.submission().to_csv().split()
    assert [line.split(",")[0] for line in lines] == ["picture", "2.png", "10.png"]
    read = [tmp_path / "test.csv", *(tmp_path / "test_images" / name for name in ("2.png", "10.png"))]
    assert found.sources == {path.resolve() for path in read}
    before = read[1].read_bytes()
    for path in read[:2]:
        with pytest.raises(UsageError, match=r"was read to be predicted, and would be overwritten: name another file"):
            found.save(path)
    assert read[1].read_bytes() == before
