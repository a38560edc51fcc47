"""Functions that build an uncompiled `keras.Model`."""

from mlplab.models.mlp import mlp

__all__ = ["mlp"]
