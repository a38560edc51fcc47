"""Flipped, shifted and mixed batches, held against images and rows made by hand."""

import itertools

import jax
import numpy as np
import pytest

from mlplab.engine import Augmentation
from mlplab.errors import UsageError

IMAGES = np.random.default_rng(0).integers(1, 200, (600, 5, 7)).astype("float32")
LABELS = np.eye(3, dtype="float32")[np.arange(600) % 3]


def key(seed):
    return jax.random.key(seed, impl="threefry2x32")


def changed(augmentation, x=IMAGES, seed=0):
    return tuple(map(np.asarray, jax.jit(augmentation)(x, LABELS, key(seed))))


def shifted(image, down, right, fill):
    """Return the image moved by whole pixels, `fill` in what is left empty."""
    height, width = image.shape[:2]
    moved = np.full_like(image, fill)
    for row, column in itertools.product(range(height), range(width)):
        if 0 <= row - down < height and 0 <= column - right < width:
            moved[row, column] = image[row - down, column - right]
    return moved


@pytest.mark.parametrize("channels", [(), (3,)])
def test_half_of_the_images_are_flipped_left_right(channels):
    images = IMAGES[..., *[None for _ in channels]] * np.ones(channels, "float32")
    after, labels = changed(Augmentation(("flip",)), images)
    is_kept, is_flipped = ((after == given).reshape(600, -1).all(1) for given in (images, images[:, :, ::-1]))
    assert (is_kept ^ is_flipped).all()
    assert 250 < is_flipped.sum() < 350
    np.testing.assert_array_equal(labels, LABELS)


def test_images_are_shifted_by_up_to_two_whole_pixels():
    after, _ = changed(Augmentation(("shift",), (5, 7), fill=-3.0))
    found = set()
    for image, moved in zip(IMAGES, after, strict=True):
        (by,) = [
            (down, right)
            for down, right in itertools.product(range(-2, 3), repeat=2)
            if np.array_equal(moved, shifted(image, down, right, -3.0))
        ]
        found.add(by)
    assert len(found) == 25


@pytest.mark.slow
@pytest.mark.parametrize("images", [("flip", "shift"), ("rotate", "shift", "elastic")])
def test_a_key_decides_all_and_another_key_decides_otherwise(images):
    both = Augmentation(images, (5, 7), mixup=0.2)
    for first, again, other in zip(changed(both), changed(both), changed(both, seed=1), strict=True):
        np.testing.assert_array_equal(first, again)
        assert not np.array_equal(first, other)


def test_equal_augmentations_are_one():
    flip_and_shift = Augmentation(("flip", "shift"), (5, 7), mixup=0.2)
    assert flip_and_shift == Augmentation(("flip", "shift"), (5, 7), mixup=0.2)
    assert hash(flip_and_shift) == hash(Augmentation(("flip", "shift"), (5, 7), mixup=0.2))
    assert flip_and_shift != Augmentation(("shift", "flip"), (5, 7), mixup=0.2)
    assert flip_and_shift != Augmentation(("flip", "shift"), (5, 7), mixup=0.2, shift=1)
    with pytest.raises(UsageError, match="Unknown change of images 'rotation'"):
        Augmentation(("rotation",))


@pytest.mark.parametrize("pixels", [0, 0.3, 5, 500, float("nan")])
def test_a_shift_is_a_number_of_whole_pixels_below_both_sides(pixels):
    with pytest.raises(UsageError, match=f"less than a side of the images; got {pixels} for images of 5 × 7"):
        Augmentation(("shift",), (5, 7), shift=pixels)


def test_images_are_deformed_after_a_flip_by_as_much_as_was_given():
    """The values rise to the right by 1 a pixel, so each shows how far it came: a flip turns the sign of all."""
    images = np.tile(np.arange(1, 8, dtype="float32")[:, None], (600, 5, 1, 3))
    after, _ = changed(Augmentation(("elastic", "flip"), (5, 7), elastic=0.001), images)
    is_flipped = after[:, 2, 0, 0] > 4
    assert 250 < is_flipped.sum() < 350
    moved = np.where(is_flipped[:, None, None, None], after[:, :, ::-1], after) - images
    assert 0.004 < moved[:, 1:-1, 1:-1].std() < 0.006  # 0.001 of 5 pixels


def test_rows_and_targets_are_mixed_with_another_row_in_the_same_parts():
    """Row i has the inputs and the target of unit vector i, so what it was mixed of can be read off."""
    x = np.eye(20, dtype="float32")
    mixed, targets = map(np.asarray, jax.jit(Augmentation(mixup=0.7))(x, x, key(3)))
    np.testing.assert_array_equal(mixed, targets)
    np.testing.assert_allclose(mixed.sum(1), 1, atol=1e-6)
    np.testing.assert_allclose(mixed.sum(0), 1, atol=1e-6)  # each row is the other one once
    part = np.median(mixed.diagonal())
    assert {round(float(value), 5) for value in mixed[mixed > 0]} <= {round(float(v), 5) for v in (part, 1 - part, 1)}


@pytest.mark.slow
def test_the_parts_have_the_beta_distribution():
    """Beta(α, α) has mean 1/2 and variance 1 / (4 (2α + 1))."""
    x = jax.numpy.asarray([[0.0], [1.0]])
    mix = jax.jit(jax.vmap(Augmentation(mixup=0.5), (None, None, 0)))
    mixed = np.asarray(mix(x, x, jax.random.split(key(0), 4000))[0])[:, 1, 0]
    parts = mixed[mixed != 1]  # of the batches whose two rows were mixed with each other
    assert len(parts) == pytest.approx(2000, abs=150)
    assert parts.mean() == pytest.approx(0.5, abs=0.03)
    assert parts.var() == pytest.approx(1 / 8, abs=0.01)
