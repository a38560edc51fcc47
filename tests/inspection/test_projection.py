"""The projection of the last hidden layer: its table and its figure."""

import numpy as np
import pytest

from mlplab.figures import networks, png
from mlplab.inspection.network.hidden_layers import show_projection
from mlplab.inspection.network.internals import internals_of


def test_the_table_has_a_row_for_each_test_row(drawn_run, digits):
    table = show_projection(drawn_run)
    predictions = drawn_run.predictions("test")
    names = np.array(digits.class_names)
    np.testing.assert_array_equal(table["index"], np.arange(len(digits.test)))
    np.testing.assert_array_equal(table["true"], names[digits.test.labels])
    np.testing.assert_array_equal(table["predicted"], names[predictions.probabilities.argmax(1)])
    np.testing.assert_array_equal(table["correct"], table["true"] == table["predicted"])
    assert 0 < table["correct"].mean() < 1
    np.testing.assert_array_equal(np.stack([table["x"], table["y"]], 1), internals_of(drawn_run).projection)


def test_every_point_is_drawn_once_and_failures_have_a_ring(drawn_run):
    table = show_projection(drawn_run)
    (axes,) = table.figure.axes
    rings = [part for part in axes.collections if part.get_linewidths()[0] > 0]
    plain = [part for part in axes.collections if part.get_linewidths()[0] == 0]
    points = [np.concatenate([part.get_offsets() for part in parts]) for parts in (rings, plain)]
    assert len(points[0]) == (~table["correct"]).sum()
    assert len(points[1]) == table["correct"].sum()
    drawn = np.sort(np.concatenate(points), 0)
    np.testing.assert_allclose(drawn, np.sort(np.stack([table["x"], table["y"]], 1), 0))
    explained = internals_of(drawn_run).explained
    assert axes.get_xlabel() == f"First principal component ({100 * explained[0]:.1f} % of the variance)"
    assert axes.get_ylabel() == f"Second principal component ({100 * explained[1]:.1f} % of the variance)"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [*map(str, range(10)), "wrongly predicted"]


@pytest.mark.parametrize(("classes", "named"), [(15, 15), (21, 0)])
def test_the_legend_names_up_to_twenty_classes(classes, named):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, classes, 200)
    names = [f"$class$ <{i}>" for i in range(classes)]
    figure = networks.projection(rng.normal(size=(200, 2)), labels, rng.random(200) < 0.8, names, ["x", "y"], "title")
    texts = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert len(texts) == named + 1
    assert png(figure)[:4] == b"\x89PNG"
    if named == 15:
        looks = {(handle.get_color(), handle.get_marker()) for handle in figure.axes[0].get_legend().legend_handles}
        assert len(looks) == 16
