"""Whole numbers from 0 to 255 are 8-bit, whatever their dtype and shape; parts of other scales are warned about."""

import warnings

import numpy as np
import pandas
import pytest

from mlplab.datasets import load
from mlplab.errors import DataError

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 4, 5), dtype=np.uint8)
LABELS = np.array([0, 1, 2, 0, 1, 2])


def inputs(train: object, test: object | None = None) -> tuple[np.ndarray, np.ndarray]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = load(((train, LABELS), (train if test is None else test, LABELS)))
    return data.train.inputs, data.test.inputs


@pytest.mark.parametrize(
    "given",
    [
        *(IMAGES.astype(kind) for kind in ("int64", "uint16", "float16", "float32", ">f8", ">i4", "float64")),
        IMAGES.reshape(6, 20).astype("float32"),
        IMAGES.reshape(6, 20),
        IMAGES.tolist(),
        IMAGES.reshape(6, 20).astype(object),
        pandas.DataFrame(IMAGES.reshape(6, 20)),
        pandas.DataFrame(IMAGES.reshape(6, 20), dtype="Int64"),
        np.asfortranarray(IMAGES.astype("float32")),
        IMAGES > 100,
    ],
    ids=lambda given: f"{type(given).__name__} {getattr(given, 'dtype', '')}",
)
def test_whole_numbers_are_8_bit(given: object) -> None:
    for part in inputs(given):
        assert part.dtype == np.uint8
        np.testing.assert_array_equal(part, np.asarray(given))


@pytest.mark.parametrize(
    "given",
    [IMAGES / 255, IMAGES + 0.5, IMAGES - 1.0, IMAGES + 8.0, IMAGES.reshape(6, 20).astype(int) - 1, IMAGES / 2],
)
def test_other_numbers_are_floats(given: np.ndarray) -> None:
    for part in inputs(given):
        assert part.dtype == np.float32
        np.testing.assert_array_equal(part, given.astype("float32"))


def test_both_parts_are_of_one_kind(rng) -> None:
    """Whole numbers in one part alone are chance, or a scaling that was forgotten."""
    table = rng.normal(size=(6, 3)).round(1) + 0.05
    for part in (*inputs(table, table.round()), *inputs(np.abs(table.round()).astype(int), table)):
        assert part.dtype == np.float32
    assert inputs(table, table.round())[1].tolist() == table.round().astype("float32").tolist()
    with pytest.raises(DataError, match=r"must be alike. Got float32 .* and uint8 .*scale both or neither"):
        inputs(IMAGES / 255, IMAGES)


@pytest.mark.parametrize(
    ("train", "test"),
    [(IMAGES / 255, IMAGES.astype("float64")), (IMAGES.reshape(6, 20), IMAGES.reshape(6, 20) / 255)],
)
def test_one_part_that_was_scaled_is_warned_about(train: np.ndarray, test: np.ndarray) -> None:
    with pytest.warns(
        UserWarning, match=r"The training inputs of arrays go from .* to (0.97|248).*, and its test inputs"
    ):
        load(((train, LABELS), (test, LABELS)))


def test_text_in_a_table_is_named() -> None:
    table = pandas.DataFrame({"size": [1, 2, 3, 4, 5, 6], "colour": ["red"] * 6})
    with pytest.raises(DataError, match=r"inputs of arrays train must be numbers. Got 'red' in row 0, column 1"):
        load(((table, LABELS), (table, LABELS)))
