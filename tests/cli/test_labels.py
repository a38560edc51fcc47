"""`mlplab labels`, as a person or a script meets it, up to training on the corrected labels."""

import csv
import json
import shlex
import shutil

import numpy as np
import pytest
from command_line import mlplab as command
from command_line import refused

import mlplab
from mlplab.errors import DataError
from mlplab.experiments.label_errors import find_label_errors
from mlplab.runs.dataset_ref import data_of

NAMES = ("<b>bold</b>", 'a, "b"', "two\nlines")


def call(*arguments):
    return command("labels", *arguments)


def rows_of(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run on a file with features, three classes, and cross-validated predictions of two folds."""
    folder = tmp_path_factory.mktemp("my files")
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 120)
    features = (rng.normal(size=(120, 4)) + 2 * labels[:, None]).astype("float32")
    arrays = {"x_train": features, "y_train": labels, "x_test": features[:50], "y_test": labels[:50]}
    np.savez(folder / "mine.npz", **arrays, class_names=NAMES)
    run = mlplab.train(
        folder / "mine.npz", hidden=[4], epochs=2, batch_size=20, validation=0, verbose=0, out=folder / "my run"
    )
    call(run.path, "--folds", 2, "--quiet")
    return run


def test_it_writes_a_table_and_prints_the_next_command(run, monkeypatch):
    monkeypatch.chdir(run.path.parent)
    done = call("my run", "--folds", 2, "--json")
    assert done.returncode == 0
    printed = json.loads(done.stdout)
    assert f"{printed['flagged']} of 120 labels may be wrong: mine, training set, my run" in done.stderr
    source = run.config.data["source"]
    command = shlex.split(done.stderr.splitlines()[-1].partition("then: ")[2])
    assert command[:5] == ["mlplab", "train", source, "--hidden", "4"]
    assert command[-4:] == ["--seed", "0", "--corrected-labels", "my run/label-errors.csv"]
    assert "<b>bold</b>" in done.stderr
    rows = rows_of("my run/label-errors.csv")
    assert len(rows) == 120
    assert [row["label"] for row in rows] == [row["given"] for row in rows]
    assert [printed[name] for name in ("schema", "split", "folds", "rows", "written")] == [1, "train", 2, 120, True]
    assert printed["run"] == str(run.path)
    assert printed["picture"] is None  # features are no images
    assert [str(label["index"]) for label in printed["labels"]] == [row["index"] for row in rows[:20]]


def test_it_says_that_most_suspects_are_errors_of_a_weak_network(run):
    with np.load(run.path / "predictions-crossvalidated.npz") as kept:
        right = (kept["probabilities"].argmax(1) == kept["label"]).sum()
    assert right < 0.7 * 120
    done = call(run.path, "--folds", 2, "--json")
    sentence = f"got {right} of 120 rows right, less than 70 %: most labels that look wrong are then the networks' own"
    assert sentence in done.stderr
    assert sentence in json.loads(done.stdout)["cautions"][0]


def test_quiet_prints_nothing(run):
    done = call(run.path, "--folds", 2, "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.slow
def test_accepted_labels_are_kept_and_trained_on(run, tmp_path):
    table = tmp_path / "corrected.csv"
    done = call(run.path, "--folds", 2, "--out", table, "--accept", 120, "--max", 3, "--json")
    assert len(json.loads(done.stdout)["labels"]) == 3
    before = table.read_bytes()
    done = call(run.path, "--folds", 2, "--out", table, "--json")
    assert "has labels that were corrected: it is not overwritten" in done.stderr
    assert json.loads(done.stdout)["written"] is False
    assert table.read_bytes() == before
    source = run.config.data["source"]
    corrected = mlplab.train(source, hidden=[8], epochs=1, verbose=0, corrected_labels=table, out=tmp_path / "run")
    suggested = np.load(run.path / "predictions-crossvalidated.npz")["probabilities"].argmax(1)
    np.testing.assert_array_equal(data_of(corrected).train.labels, suggested)
    judged = find_label_errors(corrected, folds=2, verbose=0)
    np.testing.assert_array_equal(judged["label"][np.argsort(judged["index"])], suggested)
    assert corrected.config.corrected_labels == (suggested != data_of(run).train.labels).sum() > 0


def test_labels_of_the_test_set_are_judged_and_not_corrected(run, tmp_path):
    done = call(run.path, "--split", "test", "--json")
    assert "test set" in done.stderr
    assert "--corrected-labels" not in done.stderr
    printed = json.loads(done.stdout)
    assert (printed["split"], printed["folds"], printed["rows"]) == ("test", None, 50)
    with pytest.raises(DataError, match="test labels are never changed"):
        mlplab.train(
            run.config.data["source"], corrected_labels=run.path / "label-errors-test.csv", out=tmp_path / "run"
        )


@pytest.mark.slow
def test_images_are_drawn(digits_run, tmp_path):
    shutil.copytree(digits_run.path, tmp_path / "run")
    done = call(tmp_path / "run", "--split", "validation", "--picture", tmp_path / "worst.svg")
    assert str(tmp_path / "worst.svg") in done.stderr
    assert "<svg" in (tmp_path / "worst.svg").read_text()
    done = call(tmp_path / "run", "--folds", 2)
    assert "/label-errors.png" in done.stderr
    assert (tmp_path / "run" / "label-errors.png").read_bytes().startswith(b"\x89PNG")
    assert call(tmp_path / "run", "--folds", 2, "--picture", tmp_path / "new" / "folder" / "a.png").returncode == 0
    assert (tmp_path / "new" / "folder" / "a.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--split", "tset"], 2, "Did you mean 'test'"),
        (["--split", "validation"], 1, "trained without that split"),
        (["--split", "test", "--ray", "local"], 2, "--ray is for cross-validation"),
        (["--folds", "1"], 2, "--folds must be a whole number from 2 to 120"),
        (["--out", "table.png"], 2, "name one that ends in .csv"),
        (["--folds", "2", "--accept", "-1"], 2, "--accept must be a number of rows, at least 0"),
    ],
)
def test_wrong_use(arguments, code, message, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert refused(call(run.path, *arguments), code, message)
    assert list(tmp_path.iterdir()) == []
