"""The report as a file: its content compared with the run, and runs of every kind."""

import base64
import dataclasses
import json
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import typer
from sklearn import metrics
from typer.testing import CliRunner

import mlplab
from mlplab import recipes
from mlplab.cli.report import report as verb
from mlplab.datasets import Data, Dataset
from mlplab.datasets.dataset import Provenance
from mlplab.errors import RunError, UsageError
from mlplab.figures.canvas import new_axes, new_figure, svg
from mlplab.inspection.confusion import matrix_of_most_confused
from mlplab.inspection.examples import Examples
from mlplab.reports import report, settings_wording
from mlplab.reports.network_section import heat_image, weight_image
from mlplab.reports.rows import select_rows

HOSTILE = ("<script>alert(1)</script>", "</script><b>", "\"quoted\" & 'more'")


class Page(HTMLParser):
    """A parsed page: its tags, the addresses in them, its text, and the JSON for its script."""

    def __init__(self, path: Path):
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.text = ""
        self._inside = ""
        self._json = ""
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)
        self.data = json.loads(self._json)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [
            value or "" for name, value in attrs if name in ("src", "href", "action", "srcset", "poster")
        ]
        if tag in ("script", "style"):
            self._inside = "json" if ("type", "application/json") in attrs else tag

    def handle_endtag(self, tag):
        if tag in ("script", "style"):
            self._inside = ""

    def handle_data(self, data):
        if self._inside == "json":
            self._json += data
        elif not self._inside:
            self.text += data

    def column(self, name: str, dtype: str) -> np.ndarray:
        return np.frombuffer(base64.b64decode(self.data["rows"]["columns"][name]), dtype)


@pytest.fixture(scope="module")
def copied(digits_run, tmp_path_factory) -> mlplab.Run:
    folder = tmp_path_factory.mktemp("report") / "digits"
    shutil.copytree(digits_run.path, folder)
    return mlplab.Run(folder)


@pytest.fixture(scope="module")
def page(copied) -> Page:
    return Page(report(copied))


def small_run(
    folder: Path, classes=3, shape: tuple[int, ...] = (6, 6, 3), *, names=None, n=60, name="made-up", **settings
):
    """A run on made-up data, colour images by default, and the data."""
    rng = np.random.default_rng(0)
    labels = np.arange(n, dtype=np.int32) % classes
    inputs = rng.integers(0, 100, (n, *shape)) + 155 * (rng.random((classes, *shape)) > 0.5)[labels]
    inputs = (inputs / 255).astype(np.float32) if len(shape) == 1 else inputs.astype(np.uint8)
    names = tuple(names or map(str, range(classes)))
    data = Data(name, *(Dataset(inputs, labels, names, Provenance(name, split)) for split in ("train", "test")))
    settings = {"hidden": [4], "epochs": 1, "validation": 0.0, "verbose": 0} | settings
    return mlplab.train(data, out=folder / name, **settings), data


def test_it_is_written_into_the_run(copied, page):
    assert (copied.path / "report.html").exists()
    assert not list(copied.path.glob(".*.new"))


def test_it_has_no_address_of_another_file(page):
    assert page.addresses
    assert [address for address in page.addresses if not address.startswith(("#", "data:"))] == []
    assert "default-src 'none'" in page.source


def test_its_rows_are_the_runs_predictions(copied, page):
    kept = np.load(copied.path / "predictions-test.npz")
    p, label = kept["probabilities"], kept["label"]
    right = p.argmax(1) == label
    order = np.concatenate([np.flatnonzero(~right), np.flatnonzero(right)])
    assert np.array_equal(page.column("index", "<u4"), kept["index"][order])
    assert np.array_equal(page.column("label", "<u2"), label[order])
    assert np.array_equal(page.column("given", "<f4"), p[order, label[order]])
    top = page.column("top_class", "<u2").reshape(-1, 5)
    assert np.array_equal(top, np.argsort(-p[order], axis=1, kind="stable")[:, :5])
    assert np.array_equal(page.column("top_probability", "<f4").reshape(-1, 5), -np.sort(-p[order], 1)[:, :5])


def test_its_scores_are_scikit_learns(copied, page):
    kept = np.load(copied.path / "predictions-test.npz")
    predicted = kept["probabilities"].argmax(1)
    accuracy = metrics.accuracy_score(kept["label"], predicted)
    assert f"{100 * accuracy:.1f}\u00a0%" in page.text
    p = kept["probabilities"].astype(float)
    assert f"{metrics.log_loss(kept['label'], p / p.sum(1, keepdims=True)):.4f}" in page.text
    recall = metrics.recall_score(kept["label"], predicted, average=None)
    assert all(f"{100 * value:.1f}\u00a0%" in page.text for value in recall)


@pytest.fixture(scope="module")
def arrays_run(tmp_path_factory):
    """A run on arrays, and the arrays."""
    return small_run(tmp_path_factory.mktemp("arrays"))


@pytest.fixture(scope="module")
def with_images(without_images, arrays_run) -> Page:
    """The second report, written with the arrays."""
    run, data = arrays_run
    return Page(report(run, data=data))


@pytest.fixture(scope="module")
def without_images(arrays_run) -> Page:
    """The first report, written without the arrays."""
    return Page(report(arrays_run[0]))


@pytest.mark.slow
def test_names_are_text_and_the_kept_epoch_is_reported(with_images, tmp_path):
    run, data = small_run(
        tmp_path, names=HOSTILE, name="<script>alert(2)<", epochs=20, validation=0.3, early_stopping=2
    )
    page = Page(report(run, data=data))
    assert page.tags.count("script") == with_images.tags.count("script")
    assert page.tags.count("b") == with_images.tags.count("b")
    assert page.data["classes"] == list(HOSTILE)
    assert all(name in page.text for name in HOSTILE)
    assert "<script>alert(2)<" in page.text
    best, last = 1 + int(np.argmax(run.history["val_accuracy"])), len(run.epochs)
    assert best < last
    assert f"The weights of epoch {best} of {last} were kept, the best on the validation rows." in page.text


@pytest.mark.slow
def test_a_second_report_needs_neither_keras_nor_jax(copied, page):
    code = (
        "import sys, mlplab; from mlplab.reports import report; report(mlplab.Run(sys.argv[1]));"
        "print([name for name in ('keras', 'jax') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, copied.path], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_runs_and_files_are_refused_and_an_old_report_stays(copied, page, tmp_path):
    with pytest.raises(UsageError, match=r"mlplab\.Run"):
        report(3)  # pyright: ignore[reportArgumentType] - the mistake
    with pytest.raises(UsageError, match="is a folder"):
        report(copied, tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        report(copied, tmp_path / "file" / "report.html")
    for missing, message in (("result.json", "not finished"), ("predictions-test.npz", "predictions")):
        folder = tmp_path / missing
        shutil.copytree(copied.path, folder)
        (folder / missing).unlink()
        with pytest.raises(RunError, match=message):
            report(mlplab.Run(folder))
        assert (folder / "report.html").read_bytes() == (copied.path / "report.html").read_bytes()


def test_a_report_has_images_if_the_arrays_are_given(arrays_run, without_images, with_images):
    assert without_images.data["rows"]["images"] is None
    assert "trained on arrays" in without_images.text
    assert "data=((x_train, y_train), (x_test, y_test))" in without_images.text
    assert "held no rows out for validation" in without_images.text
    assert with_images.data["rows"]["images"]["count"] == 60
    assert with_images.tags.count("img") == 4  # one for each unit
    third = Page(report(arrays_run[0]))  # uses the internals that the second report has kept
    assert third.tags.count("img") == 4
    assert third.data["rows"]["images"] is None


@pytest.mark.slow
def test_features_and_many_classes(tmp_path):
    run, data = small_run(tmp_path, 100, (5,), n=300, name="many")
    many = Page(report(run, data=data))
    assert many.data["rows"]["images"] is None
    assert len(many.data["matrix"]["classes"]) == 25
    assert many.data["rows"]["top"] == 5
    assert len(many.source) < 6_000_000
    assert "features" in many.text


@pytest.mark.slow
def test_no_failure(tmp_path):
    run, data = small_run(tmp_path, 2, name="easy", hidden=[32], epochs=60, learning_rate=0.01)
    easy = Page(report(run, data=data))
    assert "No failures: all 60 test images were predicted right." in easy.text
    assert "Nothing was confused." in easy.text


def test_judged_labels_are_shown_with_the_most_doubtful_first(copied, digits, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(copied.path, folder)
    labels = digits.train.labels
    probabilities = np.random.default_rng(0).dirichlet(np.ones(10), len(labels)).astype(np.float32)
    np.savez(
        folder / "predictions-crossvalidated.npz",
        index=np.arange(len(labels)),
        label=labels,
        probabilities=probabilities,
    )
    page = Page(report(mlplab.Run(folder)))
    right = (probabilities.argmax(1) == labels).sum()
    assert f"got {right} of {len(labels):,} rows right, less than 70 %: most labels that look wrong" in page.text
    assert "Hardly learned: " in page.text
    got = page.data["labels"]
    given = np.where(probabilities.argmax(1) == labels, 2, probabilities[np.arange(len(labels)), labels])
    assert [row["index"] for row in got["rows"]] == np.argsort(given, kind="stable")[:48].tolist()
    assert got["images"]["count"] == 48


def test_charts_keep_their_texts_and_use_the_colours_of_the_page():
    figure = new_figure(3, 2)
    axes = new_axes(figure)
    axes.plot([0, 1], [0, 1], color="black", label='#000000 id="x 1.23456')
    axes.legend()
    drawn = svg(figure, "some")
    root = ElementTree.fromstring(drawn)
    texts = ["".join(node.itertext()) for node in root.iter() if node.tag.endswith("text")]
    assert '#000000 id="x 1.23456' in texts
    assert "stroke: currentColor" in drawn
    assert "font-family" not in drawn
    ids = [node.get("id") for node in root.iter() if node.get("id")]
    assert all(name.startswith("some-") for name in ids if name)
    used = {node.get("href") for node in root.iter() if node.get("href")}
    assert {name.removeprefix("#") for name in used if name} <= set(ids)


def made_up(n: int, classes: int, accuracy: float) -> Examples:
    """Examples with failures at random places."""
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(classes), n).astype(np.float32)
    wrong = rng.random(n) > accuracy
    labels = np.where(wrong, (probabilities.argmax(1) + rng.integers(1, classes, n)) % classes, probabilities.argmax(1))
    names = tuple(f"class {i}" for i in range(classes))
    return Examples("made-up", np.arange(n), labels, probabilities, names, rng.integers(0, 256, (n, 9, 9), np.uint8))


def test_too_many_rows_keep_all_failures_and_some_others():
    examples = made_up(1500, 4, 0.9)
    failures = np.flatnonzero(~examples.correct)
    rows = select_rows(examples, most_rows=500)
    assert np.array_equal(rows.positions[: len(failures)], failures)
    others = rows.positions[len(failures) :]
    assert len(rows.positions) == 500
    assert (np.diff(others) > 0).all()
    assert abs(others.mean() - 750) < 75  # from all over the data set
    assert f"all {len(failures)} failures" in rows.note
    assert rows.images is not None
    assert rows.images.count == 500
    few = select_rows(examples, most_rows=50)
    assert not examples.correct[few.positions].any()
    assert f"50 of {len(failures)} failures" in few.note
    assert select_rows(examples).note == ""


def test_rows_are_left_out_if_their_images_do_not_fit():
    rows = select_rows(made_up(1500, 4, 0.9), most_bytes=30_000)
    assert rows.images is not None
    assert rows.images.bytes <= 30_000
    assert len(rows.positions) == rows.images.count < 1500


def test_the_matrix_of_many_classes_has_the_most_confused():
    examples = made_up(5000, 60, 0.5)
    whole = metrics.confusion_matrix(examples.labels, examples.predicted, labels=range(60))
    part = matrix_of_most_confused(examples)
    classes = part["classes"]
    assert len(classes) == 25
    assert np.array_equal(part["counts"], whole[np.ix_(classes, classes)])
    assert np.array_equal(part["of_true"], whole.sum(1)[classes])
    np.fill_diagonal(whole, 0)
    worst = np.unravel_index(whole.argmax(), whole.shape)
    assert set(map(int, worst)) <= set(classes.tolist())
    assert len(matrix_of_most_confused(made_up(500, 25, 0.5))["classes"]) == 25


def test_weights_are_red_above_zero_blue_below_and_transparent_at_it():
    image = weight_image(np.array([[1.0, -1.0], [0.0, 0.5]], np.float32))
    (r1, _, b1, a1), (r2, _, b2, a2) = image[0].astype(int)
    assert (r1 > b1, r2 < b2, a1, a2) == (True, True, 255, 255)
    assert image[1, 0, 3] == 0
    assert 100 < image[1, 1, 3] < 160


def test_saliency_is_the_size_of_the_gradient_over_all_channels():
    gradient = np.zeros((2, 2, 3))
    gradient[0, 0] = (-3, 0, 0)
    gradient[1, 1] = (1, 1, 1)
    heat = heat_image(gradient).astype(int).sum(-1)
    assert heat[0, 0] == heat[1, 1] == heat.max() > 0
    assert heat[0, 1] == 0
    assert heat_image(np.zeros((2, 2))).max() == 0


def test_the_command_writes_the_same_report(copied, page, tmp_path):
    app = typer.Typer()
    app.command()(verb)
    out = tmp_path / "page.html"
    done = CliRunner().invoke(app, [str(copied.path), "--out", str(out), "--json"])
    assert done.exit_code == 0
    printed = json.loads(done.stdout)
    assert printed == {"schema": 1, "run": str(copied.path), "report": str(out), "bytes": out.stat().st_size}
    assert str(out) in done.stderr
    again = Page(out)
    assert (again.data, again.tags) == (page.data, page.tags)
    quiet = CliRunner().invoke(app, [str(copied.path), "--out", str(out), "--quiet"])
    assert (quiet.stdout, quiet.stderr) == ("", "")


def test_the_report_names_recipes_that_are_clearly_better_each_quicker_than_a_better_one(digits_run):
    config = dataclasses.replace(digits_run.config, data={"name": "fashion-mnist", "source": "fashion-mnist"})
    stated = {row["recipe"]: row for row in recipes.table() if row["data"] == "fashion-mnist" and row["seconds"]}
    for high in (0.0, 0.865, 0.9, 1.0):
        said = [command.split()[-1] for _, command in settings_wording.recipes(config, high)]
        better = {name for name, row in stated.items() if row["accuracy"] > high}
        assert set(said) <= better
        for name in better - set(said):  # one that is left out is slower and worse than one that is said
            row = stated[name]
            assert any(
                stated[each]["accuracy"] >= row["accuracy"] and stated[each]["seconds"] <= row["seconds"]
                for each in said
            )
        assert said == sorted(said, key=lambda name: -stated[name]["accuracy"])
    text, command = settings_wording.recipes(config, 0.0)[0]
    best = command.split()[-1]
    row = recipes.measured(best)
    mean = f" (mean of {row.n} trainings)" if row.n > 1 else ""
    reached = f"{100 * row.accuracy:.1f}\N{NO-BREAK SPACE}%{mean} in {row.cost}"
    assert (text, command) == (f"{best} reaches {reached}", f"mlplab train fashion-mnist --recipe {best}")
    by_recipe = dataclasses.replace(config, recipe={"name": best, "changed": []})
    assert all(not command.endswith(best) for _, command in settings_wording.recipes(by_recipe, 0.0))
    changed = dataclasses.replace(config, recipe={"name": best, "changed": ["epochs"]})
    assert settings_wording.recipes(changed, 0.0)[0] == (text, command)
    assert settings_wording.recipes(digits_run.config, 0.0) == [], "no recipe is measured on digits"
