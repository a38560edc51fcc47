"""`mlplab predict`, as a person and as a script use it."""

import csv
import io
import json
import shutil

import numpy as np
import pytest
from command_line import mlplab, refused
from PIL import Image

from mlplab import Run, calibrate


@pytest.fixture(scope="module")
def images(digits, tmp_path_factory):
    """Ten images of digits in folders named by their classes, enlarged, dark on light."""
    root = tmp_path_factory.mktemp("predict") / "drawings"
    for row, label in enumerate(digits.test.labels[:10]):
        large = np.kron(digits.test.images[row] * 15, np.ones((5, 5), np.uint8))
        (root / str(label)).mkdir(parents=True, exist_ok=True)
        Image.fromarray(255 - np.pad(large, 20)).save(root / str(label) / f"{row}.png")
    return root


def test_a_table_for_people_and_one_object_for_programs(trained, images):
    done = mlplab("predict", trained[1], images, "--json")
    assert done.returncode == 0
    said = json.loads(done.stdout)
    assert said["run"] == str(trained[1].resolve())
    assert len(said["predictions"]) == said["accuracy"]["n"] == 10
    assert {row["prepared"] for row in said["predictions"]} == {"framed"}
    for row in said["predictions"]:
        assert row["confidence"] == max(row["probabilities"])
        assert row["predicted"] == said["classes"][int(np.argmax(row["probabilities"]))]
        assert row["true"] == row["file"].split("/")[0]
    assert "10 images predicted; 10 framed as the run's images are" in done.stderr
    assert f"Accuracy {said['accuracy']['accuracy']:.4f} (" in done.stderr
    assert "of 10 rows whose class is known" in done.stderr


def test_csv_for_pipes_and_files_agree(trained, images, tmp_path):
    piped = mlplab("predict", trained[1], images, "--quiet", "--out", "-")
    assert mlplab("predict", trained[1], images, "--out", tmp_path / "a.csv", "--show").returncode == 0
    assert (tmp_path / "a.csv").read_text().splitlines() == piped.stdout.splitlines()
    assert piped.stderr == ""
    rows = list(csv.DictReader(io.StringIO(piped.stdout)))
    assert [sum(float(row[f"p_{digit}"]) for digit in range(10)) for row in rows] == pytest.approx([1] * 10)
    assert mlplab("predict", trained[1], images, "--out", tmp_path / "a.png").returncode == 0
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.width > 500


def test_seeds_are_averaged_and_their_agreement_is_counted(trained_seeds, digits, tmp_path):
    np.savez(tmp_path / "a.npz", x_test=digits.test.images, y_test=digits.test.labels)
    done = mlplab("predict", trained_seeds[1], tmp_path / "a.npz", "--json")
    said, run = json.loads(done.stdout), Run(trained_seeds[1])
    each = np.stack([member.predictions().probabilities for member in run.members])
    probabilities = each.mean(0)
    rows = said["predictions"]
    np.testing.assert_allclose([row["probabilities"] for row in rows], probabilities, atol=1e-6)
    agreeing = (each.argmax(2) == probabilities.argmax(1)).sum(0)
    assert [row["seeds_agreeing"] for row in rows] == agreeing.tolist()
    assert said["networks"] == 3
    assert said["accuracy"]["accuracy"] == pytest.approx(run.result["ensemble"]["accuracy"])
    agree = (agreeing == 3).sum()
    assert f"355 rows predicted; by the mean of 3 networks, which all agree on {agree}" in done.stderr
    assert "… 325 more rows: --out FILE.csv has all" in done.stderr
    assert refused(mlplab("predict", trained_seeds[1], tmp_path / "a.npz", "--calibrated"), 1, "is a population")


def test_a_temperature_of_too_few_rows_is_called_so(trained, images, tmp_path):
    run = Run(shutil.copytree(trained[1], tmp_path / "run"))
    image = next(images.rglob("*.png"))
    for high, is_vague in ((2.0, True), (1.2, False)):
        run.directory.keep("calibration.json", calibrate(run) | {"temperature": 1.1, "low": 1.0, "high": high})
        done = mlplab("predict", run.path, image, "--calibrated", "--json")
        assert ("Too few validation rows" in done.stderr) is is_vague
        assert json.loads(done.stdout)["temperature_is_vague"] is is_vague


def test_a_submission(trained, digits, tmp_path):
    np.savez(tmp_path / "a.npz", x_test=digits.test.images)
    done = mlplab("predict", trained[1], tmp_path / "a.npz", "--submission", tmp_path / "submission.csv")
    assert done.returncode == 0
    predicted = Run(trained[1]).predictions().probabilities.argmax(1)
    rows = [f"{number},{label}" for number, label in enumerate(predicted, 1)]
    assert (tmp_path / "submission.csv").read_text().split() == ["ImageId,Label", *rows]


def test_labels_that_are_no_class_are_named_or_counted(trained, digits, tmp_path):
    for count in (5, 8):
        labels = [*map(str, digits.test.labels[:10]), *(f"none-{number}" for number in range(count))]
        inputs = digits.test.images[: len(labels)].reshape(len(labels), -1)
        rows = [",".join([label, *map(str, row)]) for label, row in zip(labels, inputs.tolist(), strict=True)]
        (tmp_path / "a.csv").write_text("\n".join([",".join(["label", *(f"p{i}" for i in range(64))]), *rows]))
        done = mlplab("predict", trained[1], tmp_path / "a.csv", "--json")
        more = "" if count == 5 else " and 3 more (--json lists all)"
        assert f"not counted: none-0, none-1, none-2, none-3, none-4{more}\n" in done.stderr
        assert json.loads(done.stdout)["strange_labels"] == labels[10:]


def test_unreadable_images_are_named_and_the_exit_code_is_1(trained, images, tmp_path):
    (tmp_path / "bad.png").write_text("no image")
    good = next(images.rglob("*.png"))
    done = mlplab("predict", trained[1], good, tmp_path / "bad.png", "--json")
    assert done.returncode == 1
    assert "Not predicted: " in done.stderr
    assert "bad.png is no image" in done.stderr
    said = json.loads(done.stdout)
    assert [row["file"] for row in said["predictions"]] == [str(good)]
    assert [row["file"] for row in said["unreadable"]] == [str(tmp_path / "bad.png")]


def test_wrong_use_is_refused_before_anything_is_predicted(trained, images, tmp_path):
    run, table = trained[1], tmp_path / "test.csv"
    table.write_text("label,a\n1,2\n")
    assert refused(
        mlplab("predict", run, table, "--out", table), 2, "is among what is predicted, and would be overwritten"
    )
    assert refused(mlplab("predict", images, run), 1, "is no run, or a damaged one: it has no config.json")
    picture = next(images.rglob("*.png"))
    before = picture.read_bytes()
    new = images / "new.csv"
    for file in (picture, new):
        assert refused(mlplab("predict", run, images, "--out", file), 2, "is in a folder that is predicted")
    assert not new.exists()
    (images.parent / "named.csv").write_text(f"file\n{picture.relative_to(images.parent)}\n")
    named = mlplab("predict", run, images.parent / "named.csv", "--out", picture, "--submission", tmp_path / "a.csv")
    assert refused(named, 2, "was read to be predicted, and would be overwritten")
    assert picture.read_bytes() == before
    assert not (tmp_path / "a.csv").exists()
    twice = mlplab("predict", run, images, "--out", tmp_path / "a.csv", "--submission", tmp_path / "a.csv")
    assert refused(twice, 2, "--out and --submission both name")
    assert refused(mlplab("predict", run, images, "--out", "-", "--json"), 2, "both print to standard output")
    assert refused(mlplab("predict", run, images, "--out", "a.txt"), 2, "--out names a file: .csv")
    assert refused(mlplab("predict", run, images, "--submission", "a.json"), 2, "--submission names a .csv file")
    assert refused(mlplab("predict", tmp_path / "no", images), 1, "There is no run at")
    assert refused(mlplab("predict", run, tmp_path / "no.png"), 1, "no.png is not there")
    assert refused(mlplab("predict", run, table), 1, "must have rows of the shape 8×8")
    assert refused(mlplab("predict", run, images, "--as-is"), 1, "or leave --as-is out.")
