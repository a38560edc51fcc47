"""Changed labels are found by networks that were not trained on them."""

import csv
import subprocess
import sys

import numpy as np
import pytest

import mlplab
from mlplab.datasets import Data, Dataset
from mlplab.errors import DataError, MissingPackageError, RunError, UsageError
from mlplab.experiments import label_cautions, label_errors
from mlplab.experiments.cross_validation import cross_validate
from mlplab.experiments.label_errors import find_label_errors, label_quality, write_correctable
from mlplab.figures import png
from mlplab.inspection.examples import Examples, examples_of

pytestmark = pytest.mark.slow

FLIPPED = 40
COLUMNS = [
    *("index", "label", "given", "suggested", "quality", "given_probability", "suggested_probability", "flagged"),
    "split",
]


def flip(data: Data, count: int, seed: int = 0) -> tuple[Data, np.ndarray]:
    """Return `data` with `count` training labels changed to another class, and the rows of these labels."""
    rng = np.random.default_rng(seed)
    labels, rows = data.train.labels.copy(), rng.choice(len(data.train), count, replace=False)
    labels[rows] = (labels[rows] + rng.integers(1, len(data.class_names), count)) % len(data.class_names)
    train = Dataset(data.train.inputs, labels, data.class_names, data.train.provenance)
    return Data("flipped", train, data.test), rows


@pytest.fixture(scope="module")
def flipped(digits) -> tuple[Data, np.ndarray]:
    return flip(digits, FLIPPED)


@pytest.fixture(scope="module")
def run(flipped, tmp_path_factory) -> mlplab.Run:
    out = tmp_path_factory.mktemp("runs") / "run"
    return mlplab.train(flipped[0], hidden=[32], epochs=8, learning_rate=0.01, verbose=0, out=out)


@pytest.fixture(scope="module")
def table(run, flipped):
    return find_label_errors(run, data=flipped[0], folds=3, verbose=0)


def test_changed_labels_come_first(table, flipped):
    data, rows = flipped
    assert list(table.columns) == COLUMNS
    np.testing.assert_array_equal(np.sort(table["index"]), np.arange(len(data.train)))
    first = table["index"][: 2 * FLIPPED]
    assert len(set(first) & set(rows)) >= 0.9 * FLIPPED
    flagged = set(table["index"][table["flagged"]])
    assert 0.7 * FLIPPED <= len(flagged & set(rows)) <= len(flagged) < 2 * FLIPPED


def test_most_suggestions_are_the_original_labels(table, flipped, digits):
    rows = np.isin(table["index"], flipped[1])
    names = np.array(digits.class_names)
    right = table["suggested"][rows] == names[digits.train.labels[table["index"][rows]]]
    assert right.mean() >= 0.9
    np.testing.assert_array_equal(table["given"], names[table["label"]])
    np.testing.assert_array_equal(table["label"], flipped[0].train.labels[table["index"]])


def test_the_training_set_is_judged_by_cross_validation_and_kept(table, run, flipped):
    kept = run.path / "predictions-crossvalidated.npz"
    arrays, before = np.load(kept), kept.stat().st_mtime_ns
    np.testing.assert_array_equal(arrays["probabilities"], cross_validate(run, flipped[0], folds=3))
    np.testing.assert_array_equal(arrays["label"], flipped[0].train.labels)
    again = find_label_errors(mlplab.Run(run.path), folds=3)  # without data: the probabilities are kept
    assert kept.stat().st_mtime_ns == before
    for name, column in table.columns.items():
        np.testing.assert_array_equal(again[name], column)
    with pytest.raises(DataError, match="with arrays"):
        find_label_errors(run, folds=4)


@pytest.mark.slow
def test_a_second_call_imports_neither_keras_nor_jax(table, run):
    code = (
        "import sys, mlplab\n"
        "from mlplab.experiments.label_errors import find_label_errors\n"
        f"find_label_errors(mlplab.Run({str(run.path)!r}), folds=3)\n"
        "print({'keras', 'jax', 'matplotlib'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("set()\n", "")


def test_the_test_and_validation_sets_are_judged_by_the_run(run, flipped):
    for split in ("test", "validation"):
        judged = find_label_errors(run, split=split, data=flipped[0])
        kept = run.predictions(split)
        assert set(judged["split"]) == {split}
        assert set(judged["index"]) == set(kept.index)
        order = np.argsort(kept.probabilities[np.arange(len(kept.label)), kept.label], kind="stable")
        np.testing.assert_array_equal(judged["index"], kept.index[order])


def confident_joint_issues(labels: np.ndarray, probabilities: np.ndarray) -> int:
    """Return the number of wrong labels by Northcutt et al. (2021), section 3.1: off the confident joint's diagonal.

    A row counts for the class whose probability reaches the mean probability of this class in its rows; of several, for
    the most probable. A row whose label is the most probable class does not count.
    """
    classes = np.arange(probabilities.shape[1])
    thresholds = np.array([probabilities[labels == c, c].mean() if (labels == c).any() else np.inf for c in classes])
    sure = np.where(probabilities >= thresholds - 1e-6, probabilities, -1)
    counted = np.where(sure.max(1) >= 0, sure.argmax(1), labels)
    return int(((counted != labels) & (probabilities.argmax(1) != labels)).sum())


def test_quality_and_flags_against_the_paper(table, run):
    arrays = np.load(run.path / "predictions-crossvalidated.npz")
    labels, probabilities = arrays["label"], arrays["probabilities"]
    given = probabilities[np.arange(len(labels)), labels]
    flags = label_quality(examples_of(probabilities, labels))
    np.testing.assert_array_equal(flags["quality"], np.sort(given))
    np.testing.assert_array_equal(flags["given_probability"], np.sort(given))
    issues = confident_joint_issues(labels, probabilities)
    assert issues > 0
    differs = flags["given"] != flags["suggested"]
    np.testing.assert_array_equal(flags["flagged"], differs & (np.arange(len(labels)) < issues))


def test_the_figure_shows_the_first_as_images(run, flipped):
    drawn = find_label_errors(run, split="test", data=flipped[0])
    axes = drawn.figure.axes
    assert len(axes) == label_errors.SHOWN_IMAGES
    assert axes[0].get_title() == f"{drawn['index'][0]}: {drawn['given'][0]}\n→ {drawn['suggested'][0]}"
    image = flipped[0].test.images[drawn["index"][0]].astype(np.float32)
    np.testing.assert_allclose(axes[0].get_images()[0].get_array(), (image - image.min()) / np.ptp(image), rtol=1e-5)
    assert png(drawn.figure).startswith(b"\x89PNG")


@pytest.mark.parametrize(("right", "is_weak"), [(69, True), (70, False)])
def test_of_weak_networks_most_suspects_are_their_own_errors(right, is_weak):
    given = np.array(["cat"] * 50 + ["dog"] * 50)
    suggested = given.copy()
    suggested[:15], suggested[50 : 135 - right] = "dog", "cat"
    assert (given == suggested).sum() == right
    said = label_cautions.cautions(given, suggested)
    sentence = "got 69 of 100 rows right, less than 70 %: most labels that look wrong are then the networks' own errors"
    assert [sentence in text for text in said] == [True] * is_weak
    suggested[50:] = "cat"
    assert "Hardly learned: dog (0 of 50 rows right)" in label_cautions.cautions(given, suggested)[1]


def test_plain_arrays(digits):
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(10), 355)
    given = find_label_errors(probabilities, digits.test.labels, digits.test.images, class_names=list("abcdefghij"))
    assert set(given["given"]) == set("abcdefghij")
    assert given.draw is not None
    assert find_label_errors(probabilities, digits.test.labels).draw is None


def of_arrays(labels, classes, seed=0, dtype=np.float32) -> Examples:
    probabilities = np.random.default_rng(seed).dirichlet(np.full(classes, 0.3), len(labels)).astype(dtype)
    return examples_of(probabilities, labels)


@pytest.mark.parametrize(("classes", "dtype"), [(2, np.float16), (3, np.float64), (200, np.float32)])
def test_two_classes_many_classes_and_classes_without_rows(classes, dtype):
    labels = np.random.default_rng(1).integers(0, min(classes, 700), 800) // 2 * (2 if classes > 2 else 1)
    labels[:2] = 0, classes - 1
    ranked = label_quality(of_arrays(labels, classes, dtype=dtype))
    assert len(ranked) == 800
    assert (np.diff(ranked["quality"]) >= 0).all()


def test_probabilities_above_one_from_rounding_are_accepted():
    probabilities = np.array([[1.00002, 0.0], [0.0, 1.00002], [0.9, 0.1], [0.2, 0.8]])
    ranked = label_quality(examples_of(probabilities, [0, 1, 1, 1]))
    assert ranked["index"][0] == 2
    assert ranked["quality"].max() == 1


def test_labels_of_a_single_class_are_refused():
    with pytest.raises(DataError, match="all 3 labels of predictions are '1'"):
        label_quality(of_arrays(np.array([1, 1, 1]), 3))


def test_wrong_arguments_are_refused(run, flipped):
    with pytest.raises(UsageError, match=r"Unknown split 'tset'. Did you mean 'test'"):
        find_label_errors(run, split="tset")
    with pytest.raises(UsageError, match="leave out y, X and class_names"):
        find_label_errors(run, y=flipped[0].train.labels)
    with pytest.raises(UsageError, match="judges the training set only: leave it out for test"):
        find_label_errors(run, split="test", ray="local")
    with pytest.raises(UsageError, match="folds must be"):
        find_label_errors(run, folds=1, data=flipped[0], verbose=0)
    unfinished = mlplab.Run(run.path)
    unfinished.result = None
    with pytest.raises(RunError, match="is not finished"):
        find_label_errors(unfinished)


def test_without_cleanlab_the_message_has_the_command_that_installs_it(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "cleanlab", None)
    with pytest.raises(MissingPackageError, match=r'not installed .*: pip install "mlplab\[labels\]"'):
        find_label_errors(run)


def test_a_table_to_correct(table, flipped, tmp_path):
    path = write_correctable(table, tmp_path / "labels.csv", accept=3)
    assert path == tmp_path / "labels.csv"
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0])[:4] == ["index", "given", "suggested", "label"]
    assert len(rows) == len(flipped[0].train)
    assert [row["label"] for row in rows[:3]] == table["suggested"][:3].tolist()
    assert [row["label"] for row in rows[3:]] == table["given"][3:].tolist()
    with pytest.raises(UsageError, match="at least 0; got -1"):
        write_correctable(table, path, accept=-1)


@pytest.mark.parametrize("split", ["train", "test"])
def test_corrections_are_not_overwritten(split, run, flipped, tmp_path):
    ranked = find_label_errors(run, split=split, folds=3, data=flipped[0], verbose=0)
    path = tmp_path / "labels.csv"
    assert write_correctable(ranked, path) == write_correctable(ranked, path) == path  # it has no corrections
    lines = path.read_text().splitlines()
    index, given, suggested, _, *rest = lines[1].split(",")
    path.write_text("\n".join([lines[0], ",".join([index, given, suggested, suggested, *rest]), *lines[2:]]))
    corrected = path.read_bytes()
    assert write_correctable(ranked, path) is None
    assert path.read_bytes() == corrected
    path.write_text("my shopping list")
    assert write_correctable(ranked, path) is None


@pytest.mark.slow
def test_of_1000_flipped_labels_of_fashion_mnist_700_are_among_the_first_1500(fashion_mnist, tmp_path):
    data, rows = flip(fashion_mnist, 1000)
    run = mlplab.train(data, hidden=[20], epochs=2, batch_size=64, validation=0, verbose=0, out=tmp_path / "run")
    ranked = find_label_errors(run, data=data, folds=3, verbose=0)
    assert np.isin(ranked["index"][:1500], rows).sum() >= 700
