"""The products of dense layers, in the order in which XLA's CPU backend computes them fastest.

That is with a kernel (units, inputs) on the left and the rows of the batch side by side in the result. XLA exchanges
the factors by itself where a result is transposed, which the barriers here prevent; docs/engine-notes.md has the
figures.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax

from mlplab.engine.backend import keras


@contextlib.contextmanager
def transposed_products(layers: "Sequence[keras.layers.Dense]") -> Iterator[None]:
    """Let layers compute `product` while a step is traced. All else in them remains Keras's own."""
    attributes: list[Any] = [vars(layer) for layer in layers]
    try:
        for layer, values in zip(layers, attributes, strict=True):
            values["call"] = _call(layer)
        yield
    finally:
        for values in attributes:
            values.pop("call", None)


def _call(layer: Any) -> Callable[..., Any]:
    """Return `keras.layers.Dense.call` with another product of rows of numbers and the kernel."""

    def call(inputs: Any, training: bool | None = None) -> Any:
        if not isinstance(inputs, jax.Array) or inputs.ndim != 2:
            return type(layer).call(layer, inputs, training)
        outputs: Any = product(inputs, keras.ops.convert_to_tensor(layer.kernel))
        if layer.bias is not None:
            outputs = keras.ops.add(outputs, layer.bias)
        return outputs if layer.activation is None else layer.activation(outputs)

    return call


@jax.custom_jvp
def product(rows: jax.Array, kernel: jax.Array) -> jax.Array:
    """Return `rows @ kernel`: (batch, inputs), (inputs, units) → (batch, units)."""
    return jax.lax.optimization_barrier(kernel.T @ rows.T).T


@product.defjvp
def _derivative(primals: tuple, tangents: tuple) -> tuple[jax.Array, jax.Array]:
    rows, kernel = primals
    # Each term is the order of a gradient: the rows' as in Keras; the kernel's with (units, batch) on the left.
    return product(rows, kernel), tangents[0] @ kernel + product(rows, tangents[1])
