"""Task 1 of the notebook: its wrong answers."""

import pytest
from wrong import Wrong

WRONG = [
    Wrong(
        "no dropout after the second layer",
        "x = layers.Dropout(0.2)(x)\noutputs",
        "outputs",
        "A Dropout layer is missing after your second Dense layer.",
    ),
]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.what)
def test_each_wrong_answer_has_its_message(wrong):
    answer = wrong.answer("two-dense-layers")
    assert not answer.passed
    assert answer.message == wrong.message
