"""onnx and onnxruntime, from the extra `mlplab[export]`: imported where they are needed."""

import os
from typing import Any

from mlplab.errors import import_optional

_EXTRA = "mlplab[export]"


def import_onnx() -> Any:
    """Import onnx with its modules for writing. Raises `MissingPackageError` if it is not installed."""
    return import_optional("Writing ONNX", _EXTRA, "onnx", "checker", "helper", "numpy_helper")


def import_onnxruntime() -> Any:
    """Import onnxruntime, which may then send nothing to anybody.

    Raises:
        MissingPackageError: if it is not installed.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # read at its import; else it sends what it runs
    return import_optional("Running ONNX", _EXTRA, "onnxruntime")
