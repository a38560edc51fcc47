"""Data that people bring, from `mlplab train` to the report, `labels` and `compare`: colour photos, and embeddings."""

import csv
import json
import re
import shutil

import made_data
import numpy as np
import pytest
from command_line import mlplab as command
from PIL import Image
from sklearn import metrics

from mlplab import Run

QUICK = ("--hidden", 8, "--epochs", 3, "--batch-size", 64)


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("MLPLAB_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


def script_of(page):
    """The JSON for the script of a report."""
    return json.loads(re.search(r'<script type="application/json" id="report-data">(.*?)</script>', page, re.S)[1])


def scores_of(run):
    """Accuracy, balanced accuracy and macro F1 of a run's test predictions, by scikit-learn."""
    test = run.predictions("test")
    pair = test.label, test.probabilities.argmax(1)
    return (
        metrics.accuracy_score(*pair),
        metrics.balanced_accuracy_score(*pair),
        metrics.f1_score(*pair, average="macro"),
    )


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A run on 48×32 colour images in three classes of different sizes, and what training it printed."""
    folder = tmp_path_factory.mktemp("photos")
    made_data.colour_folder(folder / "hardware", {"bolt": 40, "nut": 20, "washer": 10})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLPLAB_CACHE", str(folder / "cache"))
        done = command("train", "hardware", *QUICK, "--report", "--out", "plain", cwd=folder)
        command("train", "hardware", *QUICK, "--class-weight", "balanced", "--quiet", "--out", "weighted", cwd=folder)
    return Run(folder / "plain"), done.stderr


def test_training_on_a_folder_of_colour_images(photos):
    run, printed = photos
    assert run.config.input_shape == (48, 32, 3)
    accuracy, balanced, f1 = scores_of(run)
    assert f"Test accuracy {accuracy:.4f} (95 % interval" in printed
    assert f"balanced accuracy, the mean over classes, is {balanced:.4f}, and macro F1 {f1:.4f}" in printed
    assert "always naming the most frequent class, bolt, is right for 0.5714 of the rows" in printed
    test = json.loads((run.path / "result.json").read_text())["test"]
    assert (test["balanced_accuracy"], test["macro_f1"]) == (pytest.approx(balanced), pytest.approx(f1))


def test_its_report_names_the_files_and_the_baseline(photos):
    run, _ = photos
    page = (run.path / "report.html").read_text()
    script = script_of(page)
    assert sorted(script["rows"]["files"])[0].startswith("bolt/")
    assert len(script["rows"]["files"]) == script["rows"]["count"] == 14
    assert (script["rows"]["images"]["height"], script["rows"]["images"]["width"]) == (48, 32)
    assert "always naming the most frequent class, bolt, is right for 57.1\u00a0%" in page
    assert "balanced accuracy</th>" in page
    assert len(page) < 1_000_000


def test_predicting_the_rows_that_it_learned_from_is_called_so(photos):
    run, _ = photos
    own = command("predict", run.path, run.path.parent / "hardware", "--json")
    assert json.loads(own.stdout)["is_own_data"]
    assert f"that it learned from. Of rows that it has not seen: mlplab scores {run.path}" in own.stderr.replace(
        "\n", " "
    )
    copy = shutil.copytree(run.path.parent / "hardware" / "bolt", run.path.parent / "new" / "bolt")
    other = command("predict", run.path, copy.parent, "--json")
    assert not json.loads(other.stdout)["is_own_data"]
    assert "learned from" not in other.stderr


def test_its_labels_are_files_too(photos, tmp_path):
    run, _ = photos
    done = command("labels", run.path, "--folds", 2, "--out", tmp_path / "labels.csv")
    assert done.returncode == 0
    assert "Hardly learned: " in done.stderr
    with open(tmp_path / "labels.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert all(row["file"].startswith(f"{row['given']}/") for row in rows)
    with Image.open(tmp_path / "labels.png") as picture:
        hue, saturation, _ = picture.convert("HSV").split()
    assert np.asarray(saturation).max() > 100
    assert len(np.unique(np.asarray(hue))) > 50


def test_comparing_it_shows_what_the_accuracy_hides(photos, tmp_path):
    run, _ = photos
    other = run.path.parent / "weighted"
    done = command("compare", run.path, other, "--out", tmp_path / "page.html", "--json")
    printed = json.loads(done.stdout)
    shown = {row["run"]: row for row in printed["scores"]}
    for one in (run, Run(other)):
        row = shown[one.path.name]
        assert (row["accuracy"], row["balanced_accuracy"], row["macro_f1"]) == pytest.approx(scores_of(one))
    assert printed["cautions"][-1].startswith("Classes are unbalanced")
    assert "Classes are unbalanced" in (tmp_path / "page.html").read_text()
    assert {row["file"].split("/")[0] for row in printed["disagreements"]} <= {"bolt", "nut", "washer"}
    failures = json.loads(command("failures", run.path, "--json", "--quiet").stdout)["failures"]
    assert all(row["file"].startswith(f"{row['true']}/") for row in failures)


@pytest.fixture(scope="module")
def penguins(tmp_path_factory):
    """A run on a Parquet file of embeddings, and what training it printed."""
    pytest.importorskip("pyarrow")
    folder = tmp_path_factory.mktemp("penguins")
    made_data.embeddings(folder / "penguins.parquet")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLPLAB_CACHE", str(folder / "cache"))
        done = command("train", "penguins.parquet", *QUICK, "--report", "--out", "run", cwd=folder)
        command("train", "penguins.parquet", *QUICK, "--seed", 1, "--quiet", "--out", "again", cwd=folder)
    return Run(folder / "run"), done.stderr


def test_embeddings_from_training_to_the_report(penguins):
    run, printed = penguins
    assert run.config.input_shape == (24,)
    assert "54 rows)" in printed
    assert "images" not in printed
    assert "ヒゲペンギン" in printed
    page = (run.path / "report.html").read_text(encoding="utf-8")
    assert set(script_of(page)["classes"]) == set(made_data.SPECIES)
    assert "The rows, one by one" in page
    assert script_of(page)["rows"]["images"] is None


def test_embeddings_from_labels_to_a_comparison_and_figures(penguins, tmp_path):
    run, _ = penguins
    labels = json.loads(command("labels", run.path, "--folds", 2, "--json", "--quiet").stdout)
    assert labels["rows"] == 216
    assert labels["picture"] is None
    done = command("compare", run.path, run.path.parent / "again", "--out", tmp_path / "page.html")
    assert (done.returncode, "ヒゲペンギン" in (tmp_path / "page.html").read_text(encoding="utf-8")) == (0, True)
    for name in ("confusion", "units"):
        done = command("figure", run.path, name, "--out", tmp_path / f"{name}.png")
        assert (done.returncode, (tmp_path / f"{name}.png").stat().st_size > 5000) == (0, True)
