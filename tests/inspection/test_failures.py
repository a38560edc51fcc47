"""Rows predicted wrong: as the notebook shows them, and with more options."""

import shutil

import numpy as np
import pytest
from small_networks import run_of

import mlplab
from mlplab.errors import DataError, UsageError
from mlplab.inspection.examples import examples_of

NAMES = ("Zero", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine")


@pytest.fixture(scope="module")
def arrays(drawn_run, digits):
    return drawn_run.predictions("test").probabilities, digits.test.labels, digits.test.images


def notebook(predictions, y_test, trueclass=None, predictedclass=None, maxtoshow=10):
    """Rows that the notebook's function shows: the first failures in the order of the data set."""
    wrong = predictions.argmax(1) != y_test
    true = trueclass is None or y_test == trueclass
    predicted = predictedclass is None or predictions.argmax(1) == predictedclass
    return np.flatnonzero(wrong & true & predicted)[:maxtoshow].tolist()


@pytest.mark.parametrize(
    "chosen",
    [{}, {"trueclass": 6}, {"predictedclass": 0}, {"trueclass": 6, "predictedclass": 0, "maxtoshow": 5}],
)
def test_it_shows_what_the_notebook_shows(arrays, chosen):
    predictions, labels, images = arrays
    table = mlplab.show_failures(predictions, labels, images, **chosen)
    assert table["index"].tolist() == notebook(predictions, labels, **chosen)
    assert (table["true"] != table["predicted"]).all()
    one_hot = mlplab.show_failures(predictions, np.eye(10)[labels], images, **chosen)
    assert one_hot["index"].tolist() == table["index"].tolist()


def test_class_names_in_any_case_and_numbers(arrays):
    predictions, labels, _ = arrays
    by_name = mlplab.show_failures(predictions, labels, trueclass="six", predictedclass="Zero", class_names=NAMES)
    by_number = mlplab.show_failures(predictions, labels, trueclass=6, predictedclass=0)
    assert by_name["index"].tolist() == by_number["index"].tolist()
    assert set(by_name["true"]) == {"Six"}


def test_orders_and_limits(arrays):
    predictions, labels, _ = arrays
    wrong = np.flatnonzero(predictions.argmax(1) != labels)
    given, confidence = predictions[wrong, labels[wrong]], predictions[wrong].max(1)
    worst = mlplab.show_failures(predictions, labels, order="loss", maxtoshow=30)
    surest = mlplab.show_failures(predictions, labels, order="confidence", maxtoshow=30)
    np.testing.assert_array_equal(worst["true_probability"], np.sort(given)[:30])
    np.testing.assert_array_equal(surest["confidence"], np.sort(confidence)[::-1][:30])
    np.testing.assert_allclose(worst["loss"], -np.log(worst["true_probability"].clip(1e-7)), rtol=1e-6)
    some = mlplab.show_failures(predictions, labels, least_confidence=0.5, most_confidence=0.6, maxtoshow=10**6)
    np.testing.assert_array_equal(some["index"], wrong[(confidence >= 0.5) & (confidence <= 0.6)])


def test_the_figure_has_an_image_for_each_failure(drawn_run, digits):
    table = mlplab.show_failures(drawn_run, maxtoshow=12)
    axes = table.figure.axes
    assert len(axes) == 12
    row = table.rows()[3]
    title = f"{row['predicted']} ({row['true']})\n{row['confidence']:.2f} ({row['true_probability']:.2f})"
    assert axes[3].get_title() == f"{title}\n#{row['index']}"
    drawn = axes[3].images[0].get_array()
    original = digits.test.images[row["index"]].astype(np.float32)
    np.testing.assert_allclose(drawn, (original - original.min()) / np.ptp(original), atol=1e-6)


def test_on_the_training_data(drawn_run, digits, tmp_path):
    run = mlplab.Run(shutil.copytree(drawn_run.path, tmp_path / "copy"))
    table = mlplab.show_failures(run, split="train", maxtoshow=10**6)
    assert (run.path / "predictions-train.npz").exists()
    rows = np.load(run.path / "split.npz")["train"]
    wrong = run.predict(digits.train.images[rows]).argmax(1) != digits.train.labels[rows]
    assert table["index"].tolist() == rows[wrong].tolist()
    assert mlplab.show_failures(run, split="train", maxtoshow=10**6)["index"].tolist() == rows[wrong].tolist()


@pytest.mark.parametrize("shape", [(6, 9), (5, 5, 3), (5, 5, 1), (4, 4, 4), (7,)])
def test_images_of_any_shape_are_drawn_and_features_are_not(shape):
    rng = np.random.default_rng(0)
    inputs = rng.integers(0, 256, (40, *shape)).astype(np.uint8)
    table = mlplab.show_failures(rng.dirichlet(np.ones(4), 40), rng.integers(4, size=40), inputs, maxtoshow=2)
    assert len(shape) == 1 if table.draw is None else len(table.figure.axes) == 2


def test_no_failures_and_a_probability_rounded_to_more_than_1():
    assert repr(mlplab.show_failures(np.eye(3), [0, 1, 2], np.zeros((3, 4, 4)))).splitlines()[0] == "No failures."
    assert mlplab.show_failures(np.array([[1.00001, 0.0], [0.0, 1.0]]), [1, 1])["index"].tolist() == [0]


def test_one_sigmoid_unit_is_two_classes():
    p = np.array([[0.9], [0.2], [0.6]], np.float32)
    table = mlplab.show_failures(p, [1, 0, 0], class_names=("no", "yes"))
    assert (table["index"].tolist(), table["predicted"].tolist()) == ([2], ["yes"])


def test_predicted_classes_suffice(arrays):
    predictions, labels, images = arrays
    classes = predictions.argmax(1)
    expected = mlplab.show_failures(predictions, labels, images, trueclass=6, maxtoshow=5)
    for given in (classes, classes[:, None], classes.astype(np.uint8)):
        table = mlplab.show_failures(given, labels, images, trueclass=6, maxtoshow=5)
        assert list(table.columns) == ["index", "true", "predicted"]
        assert table.rows() == [{name: row[name] for name in table.columns} for row in expected]
    row = table.rows()[0]
    assert table.figure.axes[0].get_title() == f"{row['predicted']} ({row['true']})\n#{row['index']}"
    for function in (mlplab.classification_report, mlplab.show_confusion, mlplab.most_confused):
        assert function(classes, labels).rows() == function(predictions, labels).rows()
    assert mlplab.show_failures([True, False], [0, 0], class_names=("no", "yes"))["predicted"].tolist() == ["yes"]
    for options in ({"order": "loss"}, {"least_confidence": 0.5}):
        with pytest.raises(UsageError, match="Predicted classes have no confidence"):
            mlplab.show_failures(classes, labels, **options)
    with pytest.raises(DataError, match="must be probabilities"):
        mlplab.score(classes, labels)


def test_class_names_are_text(tmp_path):
    names = ("<script>alert(1)</script>", "$x_1$ & co")
    table = mlplab.show_failures(np.array([[0.9, 0.1], [0.2, 0.8]]), [1, 0], np.zeros((2, 4, 4)), class_names=names)
    assert "<script>" not in table._repr_html_()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in table._repr_html_()
    picture = table.save(tmp_path / "picture.svg").read_text()
    assert "<script>" not in picture
    assert table.figure.axes[0].get_title().startswith("<script>alert(1)<…\n(")


def test_wrong_arguments_are_refused(arrays, drawn_run):
    predictions, labels, images = arrays
    for source, options, message in (
        ((predictions, labels), {"class_names": NAMES, "trueclass": "sevne"}, "Did you mean 'Seven'"),
        ((drawn_run,), {"trueclass": 10}, "numbered from 0 to 9; got 10"),
        ((drawn_run,), {"order": "worst"}, "Unknown order 'worst'"),
        ((drawn_run,), {"split": "tests"}, "Unknown split 'tests'. Did you mean 'test'"),
        ((drawn_run,), {"least_confidence": 80}, "fractions, the least first"),
        ((drawn_run,), {"least_confidence": "0.5"}, "fractions, the least first"),
        ((drawn_run,), {"least_confidence": 0.9, "most_confidence": 0.1}, "fractions, the least first"),
        ((drawn_run, labels), {}, "leave out y, X"),
        ((predictions,), {}, "Give a run, or probabilities"),
    ):
        with pytest.raises(UsageError, match=message):
            mlplab.show_failures(*source, **options)
    for source, message in (
        ((predictions, labels, images[:-1]), f"Expected {len(labels)} inputs"),
        ((predictions, labels[:-1]), f"Expected {len(labels)} labels"),
        ((np.log(predictions.clip(1e-9)), labels), "must lie between 0 and 1"),
        ((predictions, 10 - (labels == 9)), "their numbers from 0 to 9, or 10 different ones. Got 2, 9, 10"),
        ((predictions.argmax(1) - 5, labels), "Predicted classes must be numbered from 0; got -5 to"),
        ((predictions.astype(int), labels), "must be probabilities"),
    ):
        with pytest.raises(DataError, match=message):
            mlplab.show_failures(*source)


def test_one_class_as_true_and_predicted_shows_rows_predicted_right(arrays):
    predictions, labels, _ = arrays
    right = np.flatnonzero((predictions.argmax(1) == labels) & (labels == 0))
    table = mlplab.show_failures(predictions, labels, trueclass=0, predictedclass="0", maxtoshow=1)
    assert table["index"].tolist() == right[:1].tolist()
    assert table.title.startswith(f"1 of {len(right)} rows predicted right")


def test_a_run_whose_data_set_is_gone_still_has_its_table(tmp_path):
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (60, 4, 4), dtype=np.uint8), np.arange(60) % 3
    file = tmp_path / "data.npz"
    np.savez(file, x_train=x, y_train=y, x_test=x, y_test=y)
    run = run_of(mlplab.mlp((4, 4), 3, []), file, tmp_path / "run", validation=10)
    pictured = mlplab.show_failures(run)
    assert pictured.draw is not None
    file.unlink()
    assert mlplab.show_failures(str(run.path)).draw is None
    assert mlplab.show_failures(run)["index"].tolist() == pictured["index"].tolist()
    with pytest.raises(DataError, match=r"The data of .* is gone: it was begun with .*data\.npz"):
        mlplab.show_failures(run, split="train")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (list("aba"), "or 3 different ones. Got 2, 'a', 'b': give class_names, in the order of the columns"),
        ([None, 1, 2], "Row 0 of the predictions has no label"),
        ([0.5, 1, 2], "Got the fraction 0.5 in row 0"),
        ([np.nan, 1, 2], "Row 0 of the predictions has no label"),
        ([[0], [1, 2], [2]], "lists of one length"),
    ],
)
def test_labels_must_be_classes(labels, message):
    with pytest.raises(DataError, match=message):
        mlplab.score(np.eye(3), labels)


@pytest.mark.parametrize(
    ("labels", "class_names", "names", "numbers"),
    [
        (["dog", "cat", "ant"], None, ("ant", "cat", "dog"), [2, 1, 0]),
        (["dog", "cat", "cat"], ("dog", "cat", "ant"), ("dog", "cat", "ant"), [0, 1, 1]),
        ([3, 2, 1], None, ("1", "2", "3"), [2, 1, 0]),
        ([900, 5, 0], ("none", "five", "many"), ("none", "five", "many"), [2, 1, 0]),
        ([2, 1, 1], None, ("0", "1", "2"), [2, 1, 1]),
        ([True, False, False], None, ("0", "1", "2"), [1, 0, 0]),
    ],
)
def test_labels_of_any_kind_belong_to_columns(labels, class_names, names, numbers):
    examples = examples_of(np.full((3, 3), 1 / 3), labels, class_names=class_names)
    assert examples.class_names == names
    assert examples.labels.tolist() == numbers
