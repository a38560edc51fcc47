"""How an exported network's predictions are compared with the run's."""

import numpy as np
import pytest

from mlplab.errors import ModelError
from mlplab.exports.checking import Checked, compare

EXPECTED = np.array([[0.7, 0.3], [0.500001, 0.499999], [0.1, 0.9], [0.4, 0.6]], np.float32)
ROWS = Checked(np.zeros((4, 2), np.uint8), EXPECTED, np.array([0, 1, 1, 0]), None)


def test_rounding_is_allowed_and_ties_are_no_other_class():
    check = compare(ROWS, EXPECTED[:, ::-1].copy() * [[0, 0], [1, 1], [0, 0], [0, 0]] + EXPECTED * [[1], [0], [1], [1]])
    assert check.largest_difference == pytest.approx(2e-6, rel=0.1)
    assert (check.rows, check.other_classes, check.accuracy) == (4, 0, 0.75)
    assert check.in_words() == (
        "Checked on 4 test rows: the same class for all, no probability further than 2e-06 from the run's; "
        "accuracy 0.7500."
    )


@pytest.mark.parametrize("wrong", [0.1, np.nan])
def test_more_is_refused_unless_a_format_rounds(wrong):
    predicted = EXPECTED + np.float32([[0, 0], [0, 0], [0, 0], [wrong, -wrong]])
    with pytest.raises(ModelError, match=r"differs from the run: a probability by .*, where 1e-05 is allowed"):
        compare(ROWS, predicted)
    predicted = EXPECTED + np.float32([[0, 0], [0, 0], [0, 0], [0.2, -0.2]])
    check = compare(ROWS, predicted, tolerance=None)
    assert (check.other_classes, check.accuracy) == (1, 0.75)
    assert "another class for 1, no probability further than 0.2" in check.in_words()


@pytest.mark.parametrize(("least", "differs", "allowed"), [(1e-3, 2e-5, False), (1e-40, 4e-5, True), (0, 6e-5, False)])
def test_networks_with_large_logits_may_round_more(least, differs, allowed):
    expected = np.array([[1 - least, least], [0.6, 0.4]], np.float32)
    rows = Checked(np.zeros((2, 2), np.uint8), expected, None, None)
    predicted = expected + np.float32([[0, 0], [-differs, differs]])
    if allowed:
        assert compare(rows, predicted).largest_difference == pytest.approx(differs, rel=0.01)
    else:
        with pytest.raises(ModelError, match="differs from the run"):
            compare(rows, predicted)
