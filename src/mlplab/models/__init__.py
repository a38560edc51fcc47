"""Builders: each returns an uncompiled `keras.Model`."""

from mlplab.models.mlp import mlp

__all__ = ["mlp"]
