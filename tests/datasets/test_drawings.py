"""How images lie in their frames is measured, and drawings and photos of them are brought into that form."""

import numpy as np
import pytest
from PIL import Image

from mlplab.datasets.images.drawings import find_ink, framed, has_light_background
from mlplab.datasets.images.framing import Framing, framing_of

MNIST = Framing("dark", 20, (14.0, 14.0))


def drawing(height=120, width=90):
    """Return what is drawn, float (h, w) from 0 to 1: an L of lines 10 pixels wide, 60 high and 30 wide."""
    image = np.zeros((height, width))
    image[20:80, 15:25] = image[70:80, 15:45] = 1
    return image


def test_framings_of_known_data_sets(mnist, fashion_mnist, digits):
    measured = framing_of(mnist.train.inputs)
    assert measured is not None
    assert (measured.background, measured.box) == ("dark", 20)  # LeCun: a box of 20×20, the centre of mass at (14, 14)
    np.testing.assert_allclose(measured.centre, (14, 14), atol=0.1)
    assert framing_of(fashion_mnist.train.inputs) == Framing("dark", 28)  # Xiao: the longer side resized to 28
    assert framing_of(digits.train.inputs) == Framing("dark", 8)
    light = framing_of(255 - mnist.train.inputs[:500, :, :, None])
    assert light is not None
    assert (light.background, light.box) == ("light", 20)
    np.testing.assert_allclose(light.centre, (14, 14), atol=0.1)
    assert not any(has_light_background(image) for image in mnist.test.inputs[:500])
    assert all(has_light_background(255 - image) for image in mnist.test.inputs[:500])


def test_what_has_no_framing(rng):
    noise = rng.integers(0, 256, (50, 16, 16), dtype=np.uint8)
    for inputs in (noise, np.stack([noise] * 3, axis=-1), noise.reshape(50, -1), np.zeros((50, 8, 8), np.uint8)):
        assert framing_of(inputs) is None
    sizes = np.zeros((60, 28, 28), np.uint8)
    for row, image in enumerate(sizes):
        image[2 : 6 + row // 3, 2:6] = 200
    assert framing_of(sizes) == Framing("dark")
    half = sizes.copy()
    half[::2] = 255 - half[::2]
    assert framing_of(half) is None


@pytest.mark.parametrize("on_light", [True, False])
def test_clean_ink_is_found_exactly(on_light):
    drawn = drawing()
    ink = find_ink((255 * (1 - drawn if on_light else drawn)).astype(np.uint8))
    assert ink is not None
    assert ink.on_light is on_light
    np.testing.assert_array_equal(ink.amount, drawn)


def test_ink_on_shaded_noisy_dirty_paper_is_nearly_found_exactly(rng):
    drawn = drawing()
    rows, columns = np.indices(drawn.shape)
    paper = 190 + 0.4 * rows - 0.3 * columns + rng.normal(0, 3, drawn.shape)
    paper[100:102, 70:72] = 40  # a speck
    ink = find_ink((paper * (1 - drawn) + 50 * drawn).clip(0, 255).astype(np.uint8))
    assert ink is not None
    assert ink.amount[drawn == 0].max() < 0.05
    assert ink.amount[drawn == 1].min() > 0.75


def test_nothing_is_found_where_nothing_is_drawn_and_on_a_photograph(rng):
    assert find_ink(np.full((30, 30), 240, np.uint8)) is None
    assert find_ink((240 + rng.normal(0, 2, (40, 40))).clip(0, 255).astype(np.uint8)) is None
    assert find_ink(rng.integers(0, 256, (40, 40), dtype=np.uint8)) is None
    assert find_ink(np.zeros((1, 1), np.uint8)) is None


def test_a_drawing_gets_size_place_and_background():
    ink = find_ink((255 * drawing()).astype(np.uint8))
    assert ink is not None
    image = framed(ink, MNIST, (28, 28)).astype(float)
    rows, columns = (np.flatnonzero((image > 25).any(axis)) for axis in (1, 0))
    assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (20, 10)
    places = np.indices(image.shape).reshape(2, -1)
    np.testing.assert_allclose((places * image.ravel()).sum(1) / image.sum(), (14, 14), atol=0.5)
    assert image.max() == 255
    in_the_middle = framed(ink, Framing("light", 20), (28, 28))
    rows, columns = (np.flatnonzero((in_the_middle < 230).any(axis)) for axis in (1, 0))
    assert (rows[0], rows[-1], columns[0], columns[-1]) == (4, 23, 9, 18)
    assert in_the_middle[0, 0] == 255


def test_a_digit_that_was_enlarged_comes_back(mnist):
    """The mean difference of a pixel is small: of 255, what resampling loses."""
    differences = []
    for image in mnist.test.inputs[:20]:
        large = np.asarray(Image.fromarray(image).resize((140, 140), Image.Resampling.NEAREST))
        ink = find_ink(255 - np.pad(large, ((30, 70), (100, 10))))
        assert ink is not None
        differences.append(np.abs(framed(ink, MNIST, (28, 28)).astype(int) - image).mean())
    assert np.mean(differences) < 6
