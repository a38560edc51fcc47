"""Training batches changed at random within the compiled step: images flipped, moved and deformed, rows mixed."""

from dataclasses import dataclass, field
from typing import Any

import jax

from mlplab.engine.backend import isolated_random_state, keras
from mlplab.errors import UsageError, unknown_name
from mlplab.models import RandomDeformation

DEFORMATIONS = ("rotate", "scale", "elastic")
"""What `RandomDeformation` does, all at once."""
CHANGES = ("flip", "shift", *DEFORMATIONS)


@dataclass(frozen=True)
class Augmentation:
    """A transform of `Rows` that layers do: Keras's, and `RandomDeformation`. Rows of other shapes are mixed only.

    Attributes:
        images: what is done with each image: "flip" (left-right, half of them), "shift" (by whole pixels), "rotate",
            "scale" and "elastic". Flip and shift come in this order, and the others after them, together. Images are
            float32 (n, h, w) or (n, h, w, c).
        size: (h, w) of the images, for a shift.
        fill: the value of the pixels that are left empty.
        mixup: mixes each row, and its target, with another row of the batch in the parts λ and 1 - λ, with λ from the
            distribution Beta(mixup, mixup), another one in each batch; 0: none. Targets are one-hot rows (n, classes).
            Zhang et al. (2018), "mixup: beyond empirical risk minimization", section 2.
        shift: how many pixels a shift moves an image at most, in each direction: a whole number from 1 to below both
            sides.
        rotate, scale, elastic: how much, as in `RandomDeformation`: degrees, and parts of an image's side.

    Raises:
        UsageError: for another name in `images`, and for an amount out of range.
    """

    images: tuple[str, ...] = ()
    size: tuple[int, int] = (1, 1)
    fill: float = 0.0
    mixup: float = 0.0
    shift: float = 2
    rotate: float = 15
    scale: float = 0.15
    elastic: float = 0.04
    _layers: tuple[keras.layers.Layer, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in self.images:
            if name not in CHANGES:
                raise UsageError(unknown_name("change of images", name, CHANGES))
        if "shift" in self.images and not (float(self.shift).is_integer() and 1 <= self.shift < min(self.size)):
            raise UsageError(
                "A shift moves images by a number of whole pixels, at least 1 and less than a side of the images; got "
                f"{self.shift:g} for images of {self.size[0]} × {self.size[1]}. Give another number, or leave out "
                "shift."
            )
        deformations = {name: getattr(self, name) for name in DEFORMATIONS if name in self.images}
        with isolated_random_state():  # the names of the layers that follow are what they would be without these
            layers = [self._layer(name) for name in self.images if name not in deformations]
            if deformations:
                layers.append(RandomDeformation(**deformations, fill_value=self.fill, seed=0, dtype="float32"))
        object.__setattr__(self, "_layers", tuple(layers))

    def _layer(self, name: str) -> keras.layers.Layer:
        arguments: dict[str, Any] = {"seed": 0, "dtype": "float32", "data_format": "channels_last"}
        if name == "flip":
            return keras.layers.RandomFlip("horizontal", **arguments)
        height, width = (min(1.0, self.shift / side) for side in self.size)
        filled = {"fill_mode": "constant", "fill_value": self.fill, "interpolation": "nearest"}
        return keras.layers.RandomTranslation(height, width, **filled, **arguments)

    def __call__(self, x: jax.Array, y: Any, key: jax.Array) -> tuple[jax.Array, Any]:
        """Change a batch. Equal keys change it in the same way."""
        for number, layer in enumerate(self._layers):
            x = _applied(layer, x, jax.random.fold_in(key, number))
        return _mixed(x, y, self.mixup, jax.random.fold_in(key, len(self._layers))) if self.mixup else (x, y)


def _applied(layer: keras.layers.Layer, x: jax.Array, key: jax.Array) -> jax.Array:
    """Return images as the layer changes them in training, with a key in the place of its seed."""
    (seed,) = layer.variables
    with keras.StatelessScope(state_mapping=[(seed, jax.random.key_data(key))]):
        return layer(x.reshape(*x.shape[:3], -1), training=True).reshape(x.shape)


def _mixed(x: jax.Array, y: jax.Array, alpha: float, key: jax.Array) -> tuple[jax.Array, jax.Array]:
    # Keras's MixUp draws a λ for each row, takes images only, and asks JAX for 64-bit numbers, which it warns about.
    of_part, of_order = jax.random.split(key)
    part = jax.random.beta(of_part, alpha, alpha)
    order = jax.random.permutation(of_order, len(x))

    def mixed(rows: jax.Array) -> jax.Array:
        others = rows.reshape(len(rows), -1).at[order].get(mode="promise_in_bounds").reshape(rows.shape)
        return part * rows + (1 - part) * others

    return mixed(x), mixed(y)
