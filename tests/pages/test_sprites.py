"""Images as sprites: a browser cuts out of the sheets the images that were put in."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

import mlplab.pages.sprites as module
from mlplab.pages.sprites import as_bytes, picture, sprites


def sheet_of(uri: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",", 1)[1]))))


def cut(made, position: int) -> np.ndarray:
    """Cut out image `position` as page.js does."""
    at = made.for_script()
    place = position % at["per_sheet"]
    x = (place % at["columns"]) * at["cell_width"] + at["left"]
    y = (place // at["columns"]) * at["cell_height"] + at["top"]
    return sheet_of(made.sheets[position // at["per_sheet"]])[y : y + at["height"], x : x + at["width"]]


def test_each_fashion_image_is_found_where_the_layout_says(fashion_mnist):
    images = fashion_mnist.test.images
    made = sprites(images)
    assert made is not None
    assert made.count == len(images)
    assert len(made.sheets) == 4
    assert made.bytes < 4_000_000
    for position in (0, 1, 49, 50, 2499, 2500, 9999):
        difference = cut(made, position).astype(int) - images[position]
        assert np.abs(difference).mean() < 6, position


def test_neighbours_do_not_mix():
    # Every third image is white, the others are black: light in a black one comes from its neighbours.
    for shape in ((28, 28), (28, 28, 3), (8, 8), (5, 11)):
        images = np.zeros((200, *shape), np.uint8)
        images[::3] = 255
        made = sprites(images)
        assert made is not None
        for position in (1, 51, 100):
            assert np.abs(cut(made, position).astype(int) - images[position]).max() <= 2, shape


def test_colours_stay_colours():
    images = np.zeros((60, 32, 32, 3), np.uint8)
    images[..., 0] = 200
    made = sprites(images)
    assert made is not None
    red, green, blue = cut(made, 7).reshape(-1, 3).mean(0)
    assert red > 190
    assert max(green, blue) < 10


def test_large_images_are_scaled_down_in_proportion():
    images = np.random.default_rng(0).integers(0, 256, (20, 300, 150, 3), np.uint8)
    made = sprites(images)
    assert made is not None
    assert (made.height, made.width) == (64, 32)


def test_a_limit_lowers_the_quality_then_the_size():
    images = np.random.default_rng(0).integers(0, 256, (150, 64, 64), np.uint8)
    free = sprites(images, 10**8)
    tight = sprites(images, 400_000)
    tighter = sprites(images, 65_000)
    assert free is not None
    assert tight is not None
    assert tighter is not None
    assert free.quality == module.QUALITIES[0]
    assert (tight.width, tight.quality < free.quality) == (64, True)
    assert tighter.width < 64
    assert tight.bytes <= 400_000
    assert tighter.bytes <= 65_000


def test_images_that_do_not_fit_at_all_are_none():
    assert sprites(np.random.default_rng(0).integers(0, 256, (150, 64, 64), np.uint8), 5_000) is None
    assert sprites(np.zeros((0, 28, 28), np.uint8)) is None


@pytest.mark.parametrize("shape", [(4, 3, 3), (4, 3, 3, 1), (4, 3, 3, 3), (4, 3, 3, 2)])
def test_numbers_of_any_range_become_bytes(shape):
    values = np.linspace(-2, 5, int(np.prod(shape)), dtype=np.float32).reshape(shape)
    got = as_bytes(values)
    assert got.dtype == np.uint8
    assert got.shape == ((4, 3, 3, 3) if shape[-1] == 3 and len(shape) == 4 else (4, 3, 3))
    assert (got.min(), got.max()) == (0, 255)


def test_bytes_stay_unchanged_unless_all_are_dark():
    some = np.zeros((2, 8, 8), np.uint8)
    some[1, 0, 0] = 200
    assert np.array_equal(as_bytes(some), some)
    digits = np.arange(17, dtype=np.uint8).reshape(1, 1, 17)  # from 0 to 16, as in the data set `digits`
    assert np.array_equal(as_bytes(digits), (digits.astype(float) * 255 / 16).round())


def test_constant_images_and_nan_are_converted():
    assert as_bytes(np.full((2, 4, 4), 3.5, np.float32)).shape == (2, 4, 4)
    broken = np.array([[[np.nan, np.inf], [0.0, 1.0]]], np.float32)
    assert as_bytes(broken).shape == (1, 2, 2)


def test_a_picture_is_exact():
    image = np.random.default_rng(0).integers(0, 256, (7, 9, 4), np.uint8)
    assert np.array_equal(sheet_of(picture(image)), image)
