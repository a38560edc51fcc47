"""`mlplab labels` as a person or a script meets it, up to the training on what was corrected."""

import csv
import json
import shutil

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

import mlplab
from mlplab.cli import labels
from mlplab.errors import DataError, RunError, UsageError
from mlplab.experiments.label_errors import find_label_errors
from mlplab.runs.dataset_ref import data_of

NAMES = ("<b>bold</b>", 'a, "b"', "two\nlines")

app = typer.Typer()
app.command("labels")(labels.labels)


def call(*arguments):
    """The verb, in this process. Errors that `mlplab.cli.main` tells a person come out as they are."""
    done = CliRunner().invoke(app, [*map(str, arguments)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


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
        folder / "mine.npz", hidden=[8], epochs=3, batch_size=20, validation=0, verbose=0, out=folder / "my run"
    )
    call(run.path, "--folds", 2, "--quiet")
    return run


def test_it_tells_writes_and_says_what_comes_next(run, monkeypatch):
    monkeypatch.chdir(run.path.parent)
    done = call("my run", "--folds", 2, "--json")
    assert done.exit_code == 0
    told, printed = done.stderr, json.loads(done.stdout)
    assert f"{printed['flagged']} of 120 labels may be wrong: mine, training set, my run" in told
    source = run.config.data["source"]
    assert f"mlplab train '{source}' --corrected-labels 'my run/label-errors.csv'" in told
    assert "<b>bold</b>" in told
    rows = rows_of("my run/label-errors.csv")
    assert len(rows) == 120
    assert [row["label"] for row in rows] == [row["given"] for row in rows]
    assert [printed[name] for name in ("schema", "split", "folds", "rows", "written")] == [1, "train", 2, 120, True]
    assert printed["run"] == str(run.path)
    assert printed["picture"] is None  # features are no images
    assert [str(label["index"]) for label in printed["labels"]] == [row["index"] for row in rows[:20]]


def test_quiet_says_nothing(run):
    done = call(run.path, "--folds", 2, "--quiet")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")


def test_what_is_accepted_and_corrected_is_kept_and_trained_on(run, tmp_path):
    table = tmp_path / "corrected.csv"
    done = call(run.path, "--folds", 2, "--out", table, "--accept", 120, "--max", 3, "--json")
    assert len(json.loads(done.stdout)["labels"]) == 3
    before = table.read_bytes()
    done = call(run.path, "--folds", 2, "--out", table, "--json")
    assert "has labels that were corrected: it is left as it is" in done.stderr
    assert json.loads(done.stdout)["written"] is False
    assert table.read_bytes() == before
    source = run.config.data["source"]
    corrected = mlplab.train(source, hidden=[8], epochs=1, verbose=0, corrected_labels=table, out=tmp_path / "run")
    suggested = np.load(run.path / "predictions-crossvalidated.npz")["probabilities"].argmax(1)
    np.testing.assert_array_equal(data_of(corrected).train.labels, suggested)
    judged = find_label_errors(corrected, folds=2, verbose=0)
    np.testing.assert_array_equal(judged["label"][np.argsort(judged["index"])], suggested)
    assert corrected.config.corrected_labels == (suggested != data_of(run).train.labels).sum() > 0


def test_the_test_set_is_looked_at_and_not_corrected(run, tmp_path):
    done = call(run.path, "--split", "test", "--json")
    assert "test set" in done.stderr
    assert "--corrected-labels" not in done.stderr
    printed = json.loads(done.stdout)
    assert (printed["split"], printed["folds"], printed["rows"]) == ("test", None, 50)
    with pytest.raises(DataError, match="test labels are never changed"):
        mlplab.train(
            run.config.data["source"], corrected_labels=run.path / "label-errors-test.csv", out=tmp_path / "run"
        )


def test_images_are_drawn(digits_run, tmp_path):
    shutil.copytree(digits_run.path, tmp_path / "run")
    done = call(tmp_path / "run", "--split", "validation", "--picture", tmp_path / "worst.svg")
    assert str(tmp_path / "worst.svg") in done.stderr
    assert "<svg" in (tmp_path / "worst.svg").read_text()
    done = call(tmp_path / "run", "--folds", 2)
    assert "/label-errors.png" in done.stderr
    assert (tmp_path / "run" / "label-errors.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(UsageError, match=r"a\.png cannot be written"):
        call(tmp_path / "run", "--folds", 2, "--picture", tmp_path / "nowhere" / "a.png")


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        (["--split", "tset"], UsageError, "Did you mean 'test'"),
        (["--split", "validation"], RunError, "trained without that split"),
        (["--folds", "1"], UsageError, "folds must be a whole number from 2 to 120"),
        (["--out", "table.png"], UsageError, r"name one that ends in \.csv"),
        (["--folds", "2", "--accept", "-1"], UsageError, "accept must be"),
        (["--folds", "2", "--out", "no/such/folder/a.csv"], UsageError, r"a\.csv cannot be written: No such file"),
    ],
)
def test_wrong_use(arguments, kind, message, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(kind, match=message):
        call(run.path, *arguments)
    assert list(tmp_path.iterdir()) == []


def test_no_run(tmp_path):
    with pytest.raises(RunError, match="There is no run"):
        call(tmp_path / "nowhere")
