"""The rows predicted wrong: the notebook's behaviour, and what goes beyond it."""

import numpy as np
import pytest

import mlplab
from mlplab.errors import DataError, UsageError
from mlplab.inspection.examples import examples_of


@pytest.fixture(scope="module")
def arrays(fashion_run, fashion_mnist):
    return fashion_run.predictions("test").probabilities, fashion_mnist.test.labels, fashion_mnist.test.images


def notebook(predictions, y_test, trueclass=None, predictedclass=None, maxtoshow=10):
    """What the notebook's function shows: the first failures in the order of the data set."""
    rounded = predictions.argmax(1)
    rows = []
    for i in range(len(y_test)):
        if len(rows) == maxtoshow:
            break
        if rounded[i] == y_test[i] or (trueclass is not None and y_test[i] != trueclass):
            continue
        if predictedclass is None or rounded[i] == predictedclass:
            rows.append(i)
    return rows


@pytest.mark.parametrize(
    "chosen",
    [{}, {"trueclass": 6}, {"predictedclass": 0}, {"trueclass": 6, "predictedclass": 0, "maxtoshow": 5}],
)
def test_it_shows_what_the_notebook_shows(arrays, chosen):
    predictions, labels, images = arrays
    table = mlplab.show_failures(predictions, labels, images, **chosen)
    assert table["index"].tolist() == notebook(predictions, labels, **chosen)
    assert (table["true"] != table["predicted"]).all()


def test_one_hot_labels_do_as_well(arrays):
    predictions, labels, images = arrays
    one_hot = np.eye(10, dtype=np.float32)[labels]
    assert mlplab.show_failures(predictions, one_hot, images)["index"].tolist() == notebook(predictions, labels)


def test_class_names_in_any_case_and_numbers(fashion_run):
    by_name = mlplab.show_failures(fashion_run, trueclass="shirt", predictedclass="T-shirt/top")
    by_number = mlplab.show_failures(fashion_run, trueclass=6, predictedclass=0)
    assert by_name["index"].tolist() == by_number["index"].tolist()
    assert set(by_name["true"]) == {"Shirt"}


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


def test_the_picture_has_an_image_for_each(fashion_run, fashion_mnist):
    table = mlplab.show_failures(fashion_run, maxtoshow=12)
    axes = table.figure.axes
    assert len(axes) == 12
    row = table.rows()[3]
    title = f"{row['predicted']} ({row['true']})\n{row['confidence']:.2f} ({row['true_probability']:.2f})"
    assert axes[3].get_title() == f"{title}\n#{row['index']}"
    drawn = axes[3].images[0].get_array()
    original = fashion_mnist.test.images[row["index"]].astype(np.float32)
    np.testing.assert_allclose(drawn, (original - original.min()) / np.ptp(original), atol=1e-6)


def test_on_the_training_data(digits_run, digits, tmp_path):
    import shutil

    run = mlplab.Run(shutil.copytree(digits_run.path, tmp_path / "copy"))
    table = mlplab.show_failures(run, split="train", maxtoshow=10**6)
    assert (run.path / "predictions-train.npz").exists()
    rows = np.load(run.path / "split.npz")["train"]
    wrong = run.predict(digits.train.images[rows]).argmax(1) != digits.train.labels[rows]
    assert table["index"].tolist() == rows[wrong].tolist()
    assert mlplab.show_failures(run, split="train", maxtoshow=10**6)["index"].tolist() == rows[wrong].tolist()


@pytest.mark.parametrize("shape", [(6, 9), (5, 5, 3), (5, 5, 1), (4, 4, 4), (7,)])
def test_images_of_any_kind_and_features(shape):
    rng = np.random.default_rng(0)
    inputs = rng.integers(0, 256, (40, *shape)).astype(np.uint8)
    table = mlplab.show_failures(rng.dirichlet(np.ones(4), 40), rng.integers(4, size=40), inputs)
    assert (table.draw is not None) == (len(shape) > 1)
    if table.draw:
        assert table.figure.axes


def test_no_failures():
    table = mlplab.show_failures(np.eye(3), [0, 1, 2], np.zeros((3, 4, 4)))
    assert len(table) == 0
    assert repr(table).splitlines()[0] == "No failures."


def test_one_sigmoid_unit_is_two_classes():
    p = np.array([[0.9], [0.2], [0.6]], np.float32)
    table = mlplab.show_failures(p, [1, 0, 0], class_names=("no", "yes"))
    assert table.rows() == [pytest.approx(table.rows()[0])]
    assert (table["index"].tolist(), table["predicted"].tolist()) == ([2], ["yes"])


def test_class_names_are_text(tmp_path):
    names = ("<script>alert(1)</script>", "$x_1$ & co")
    table = mlplab.show_failures(np.array([[0.9, 0.1], [0.2, 0.8]]), [1, 0], np.zeros((2, 4, 4)), class_names=names)
    assert "<script>" not in table._repr_html_()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in table._repr_html_()
    picture = table.save(tmp_path / "picture.svg").read_text()
    assert "<script>" not in picture
    assert table.figure.axes[0].get_title().startswith("<script>alert(1)</script>")


def test_what_is_wrong_is_told(arrays, fashion_run):
    predictions, labels, images = arrays
    with pytest.raises(UsageError, match="Did you mean 'Shirt'"):
        mlplab.show_failures(fashion_run, trueclass="shrit")
    with pytest.raises(UsageError, match="numbered from 0 to 9; got 10"):
        mlplab.show_failures(fashion_run, trueclass=10)
    with pytest.raises(UsageError, match=r"Unknown order 'worst'"):
        mlplab.show_failures(fashion_run, order="worst")
    with pytest.raises(UsageError, match=r"Unknown split 'tests'. Did you mean 'test'"):
        mlplab.show_failures(fashion_run, split="tests")
    with pytest.raises(UsageError, match="leave out y, X"):
        mlplab.show_failures(fashion_run, labels)
    with pytest.raises(UsageError, match="Give a run, or probabilities"):
        mlplab.show_failures(predictions)
    with pytest.raises(DataError, match=r"Expected 10000 inputs"):
        mlplab.show_failures(predictions, labels, images[:-1])
    with pytest.raises(DataError, match=r"Expected 10000 labels"):
        mlplab.show_failures(predictions, labels[:-1])
    with pytest.raises(DataError, match="must lie between 0 and 1"):
        mlplab.show_failures(np.log(predictions.clip(1e-9)), labels)
    with pytest.raises(DataError, match="0 to 9; got 0 to 10"):
        mlplab.show_failures(predictions, labels + (labels == 9))
    with pytest.raises(DataError, match="must be probabilities"):
        mlplab.show_failures(predictions.argmax(1), labels)


def test_the_table_as_a_file(fashion_run, tmp_path):
    import csv

    table = mlplab.show_failures(fashion_run, maxtoshow=50)
    with open(table.save(tmp_path / "failures.csv"), newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["index"]) for row in rows] == table["index"].tolist()
    with pytest.raises(UsageError, match="cannot be written"):
        table.save(tmp_path / "missing" / "failures.csv")


def test_examples_know_their_class_by_number_too(digits_run):
    assert examples_of(digits_run, inputs=False).class_number("3") == 3


def test_a_cell_of_the_diagonal_has_what_was_right(fashion_run):
    table = mlplab.show_failures(fashion_run, trueclass="Bag", predictedclass="Bag", maxtoshow=4)
    assert (table["true"] == table["predicted"]).all()
    assert "4 of" in table.title
    assert "rows predicted right" in table.title


def test_a_run_whose_data_set_is_gone_has_its_table_all_the_same(tmp_path):
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (60, 4, 4), dtype=np.uint8), np.arange(60) % 3
    file = tmp_path / "data.npz"
    np.savez(file, x_train=x, y_train=y, x_test=x, y_test=y)
    run = mlplab.train(file, hidden=[2], epochs=1, out=tmp_path / "run", verbose=0)
    pictured = mlplab.show_failures(run)
    assert pictured.draw is not None
    file.unlink()
    assert mlplab.show_failures(str(run.path)).draw is None
    assert mlplab.show_failures(run)["index"].tolist() == pictured["index"].tolist()
    with pytest.raises(DataError, match="cannot be read"):
        mlplab.show_failures(run, split="train")


@pytest.mark.parametrize("labels", [list("abc"), [None, 1, 2], [0.5, 1, 2], [np.nan, 1, 2], [[0], [1, 2], [2]]])
def test_labels_that_are_no_class_numbers(labels):
    with pytest.raises(DataError, match=r"3 labels, class numbers|lists of one length"):
        mlplab.score(np.eye(3), labels)


def test_a_probability_that_rounding_made_more_than_1_is_among_the_failures():
    probabilities = np.array([[1.00001, 0.0], [0.0, 1.0]])
    assert mlplab.show_failures(probabilities, [1, 1])["index"].tolist() == [0]


@pytest.mark.parametrize("limits", [{"least_confidence": 80}, {"least_confidence": 0.9, "most_confidence": 0.1}])
def test_confidences_are_fractions(limits):
    with pytest.raises(UsageError, match="fractions, the least first"):
        mlplab.show_failures(np.eye(2), [0, 1], **limits)
