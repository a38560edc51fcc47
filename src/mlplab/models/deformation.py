"""A layer that rotates, scales and elastically deforms images at random, in one bilinear sampling."""

import math
from typing import Any

import jax
import keras
import numpy as np
from keras import ops

from mlplab.errors import UsageError, require

SMOOTHNESS = 0.2
"""Standard deviation of the Gaussian that smooths elastic displacements, as a part of an image's shorter side."""
_KEPT_VARIANCE = 0.999
"""Part of the variance of a smooth random field that the sum of `elastic_fields` has."""


@keras.saving.register_keras_serializable("mlplab")
class RandomDeformation(keras.layers.Layer):
    """Rotate, scale and elastically deform images in training, each image in another way.

    The new value of the pixel at p is the old value at c + A(p - c) + d(p). Here c is the centre of the image, A undoes
    a random rotation and random scalings of both sides, and d is a smooth field of random displacements. Values between
    pixels are interpolated bilinearly; those outside the image are `fill_value`.

    The displacements are those of Simard et al. (2003), "Best practices for convolutional neural networks applied to
    visual document analysis", section 2, with normal in place of uniform noise: white noise, smoothed by a Gaussian
    whose standard deviation is `SMOOTHNESS` times the image's shorter side. They are drawn as a sum of
    `elastic_fields`.

    The layer takes images (batch, height, width, channels) of any dtype and returns floats of its compute dtype in the
    same shape. Outside training it changes no value.

    Args:
        rotate: largest angle in degrees, from 0 to 180. An angle is uniform from -rotate to rotate.
        scale: each side is multiplied by another factor, uniform from 1 - scale to 1 + scale; from 0 to below 1.
        elastic: standard deviation of a pixel's elastic displacement along each axis, as a part of the shorter side.
        fill_value: value of what is outside the image.
        seed: seed of the random numbers.

    Raises:
        UsageError: for values out of range; and when it is built, for inputs of other dimensions, or of unknown height
            or width.

    Example:
        deformation = mlplab.models.RandomDeformation(rotate=10, elastic=0.03)
        layers = [mlplab.keras.Input((28, 28, 1)), deformation, mlplab.keras.layers.Flatten()]
        model = mlplab.keras.Sequential([*layers, mlplab.keras.layers.Dense(10, "softmax")])
    """

    def __init__(
        self,
        rotate: float = 0.0,
        scale: float = 0.0,
        elastic: float = 0.0,
        fill_value: float = 0.0,
        seed: int | None = None,
        **arguments: Any,
    ):
        super().__init__(**arguments)
        require(0 <= rotate <= 180, "rotate", rotate, "an angle from 0 to 180 degrees")
        require(0 <= scale < 1, "scale", scale, "a fraction from 0 to below 1")
        require(0 <= elastic < 1, "elastic", elastic, "a fraction from 0 to below 1")
        self.rotate, self.scale, self.elastic, self.fill_value, self.seed = rotate, scale, elastic, fill_value, seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def get_config(self) -> dict[str, Any]:
        names = ("rotate", "scale", "elastic", "fill_value", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Prepare the fields of displacements, float32 (fields, height·width), that random weights multiply."""
        height, width = _sides(input_shape)
        self._positions = np.mgrid[:height, :width].reshape(2, -1).astype(np.float32)
        fields = [self._positions - self._positions.mean(axis=1, keepdims=True)]
        if self.elastic:
            fields.append(self.elastic * min(height, width) * elastic_fields(height, width))
        self._fields = np.concatenate(fields).astype(np.float32)

    def call(self, images: Any, training: bool = False) -> Any:
        images = ops.cast(images, self.compute_dtype)
        return sampled(images, self._places(len(images)), self.fill_value) if training else images

    def _places(self, count: int) -> Any:
        """Return where in its image each pixel's value is read: rows and columns, float32 (count, 2, height·width)."""
        weights = self._affine_weights(count)
        if self.elastic:
            shape = (count, 2, len(self._fields) - 2)
            weights = ops.concatenate([weights, keras.random.normal(shape, 0, 1, "float32", self.seed_generator)], -1)
        moved: Any = ops.matmul(weights, self._fields)
        return moved + self._positions

    def _affine_weights(self, count: int) -> Any:
        """Return A - 1 for random angles and factors, float32 (count, 2, 2)."""
        drawn = keras.random.uniform((3, count), -1, 1, "float32", self.seed_generator)
        angles = math.radians(self.rotate) * drawn[0]
        cos: Any = ops.cos(angles)
        sin: Any = ops.sin(angles)
        vertical, horizontal = 1 / (1 + self.scale * drawn[1]), 1 / (1 + self.scale * drawn[2])
        rows = [[cos * vertical - 1, sin * vertical], [-sin * horizontal, cos * horizontal - 1]]
        return ops.stack([ops.stack(row, -1) for row in rows], 1)


def _sides(shape: tuple[int | None, ...]) -> tuple[int, int]:
    """Return height and width of images (batch, height, width, channels). Raises `UsageError` for other inputs."""
    height, width = shape[1:3] if len(shape) == 4 else (None, None)
    if height is None or width is None:
        raise UsageError(
            "RandomDeformation takes images (batch, height, width, channels) of known height and width; got inputs of "
            f"shape {tuple(shape)}. State the sides, as in keras.Input((28, 28, 1)), and give images without channels "
            "one by keras.layers.Reshape((28, 28, 1)) before it."
        )
    return int(height), int(width)


def elastic_fields(height: int, width: int) -> np.ndarray:
    """Return fields (fields, height·width) whose sum, each times a standard normal number, is a smooth random field.

    The variance of the sum is 1 everywhere, and the covariance of two pixels at the distance r is exp(-r² / 4σ²), as
    that of white noise smoothed by a Gaussian of the standard deviation σ = `SMOOTHNESS` · min(height, width). The
    fields are the largest principal components: products of the eigenvectors of the covariance along either side.
    """
    sigma = SMOOTHNESS * min(height, width)
    (of_rows, rows), (of_columns, columns) = (_components(side, sigma) for side in (height, width))
    variance = np.outer(of_rows, of_columns).ravel()
    order = np.argsort(-variance)
    shares = np.cumsum(variance[order]) / variance.sum()
    order = order[: np.searchsorted(shares, _KEPT_VARIANCE) + 1]
    row, column = np.unravel_index(order, (height, width))
    fields = np.einsum("hf,wf->fhw", rows[:, row], columns[:, column]).reshape(len(order), -1)
    return fields * np.sqrt(variance[order])[:, None]


def _components(side: int, sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """Return variances (side,) and, in columns, principal components (side, side) of a smooth random line."""
    distance = np.arange(side)[:, None] - np.arange(side)
    variances, components = np.linalg.eigh(np.exp(-((distance / sigma) ** 2) / 4))
    return np.maximum(variances, 0), components


def sampled(images: Any, places: Any, fill_value: float = 0.0) -> Any:
    """Return the values of images at places between pixels, interpolated bilinearly.

    Args:
        images: floats (n, h, w, c).
        places: a row and a column for each pixel of the result, float32 (n, 2, h·w).
        fill_value: value of what is outside the image.
    """
    count, height, width, channels = images.shape
    columns = width + 2  # with a border of fill_value
    border = [(0, 0), (1, 1), (1, 1), (0, 0)]
    values = ops.reshape(ops.pad(images, border, constant_values=fill_value), -1)
    (top, below), (left, beside) = (_divided(places[:, axis], side) for axis, side in ((0, height), (1, width)))
    numbers: Any = ops.arange(count)
    first = numbers[:, None] * ((height + 2) * columns)
    corner, below, beside = (ops.repeat(part, channels, 1) for part in (first + top * columns + left, below, beside))
    corner = corner * channels + ops.tile(ops.arange(channels), height * width)
    # As vectors, and with barriers: XLA's CPU backend else computes the places again for each of the four values.
    values, corner, below, beside = jax.lax.optimization_barrier((values, corner, below, beside))

    def at(pixels_further: int) -> Any:
        return values.at[corner + pixels_further * channels].get(mode="promise_in_bounds")

    def between(one: Any, other: Any, part: Any) -> Any:
        return one + part * (other - one)

    upper, lower = (between(at(start), at(start + 1), beside) for start in (0, columns))
    result = jax.lax.optimization_barrier(between(upper, lower, below))
    return ops.cast(ops.reshape(result, images.shape), images.dtype)


def _divided(places: Any, side: int) -> tuple[Any, Any]:
    """Return the pixel before each place on a side with a border, int32, and how far the place is beyond it."""
    places = ops.clip(places + 1, 0, side + 1)
    pixel = ops.minimum(ops.cast(places, "int32"), side)
    return pixel, places - pixel
