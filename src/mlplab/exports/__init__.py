"""Runs written for other programs: one file a format, each checked against `Run.predict` before it is kept.

- `operations.py`: a network as plain operations on arrays
- `layers.py`: Keras's layers as operations
- `reading.py`: runs → graphs of operations
- `formats.py`: `mlplab.export`, and what formats there are
- `c/`: one C99 header of whole numbers
- `checking.py`: an exported network's predictions against the run's
- `folding.py`: fewer operations that compute the same
- `identity.py`: what a file says of its run: classes, hash, temperature, how images are prepared
- `onnx_file.py`, `onnx_nodes.py`, `packages.py`: ONNX, and operations as its nodes; `triton.py`: a folder for Triton
- `keras_file.py`: Keras's own file
- `safetensors_file.py`: weights and JSON; `numpy_network.py` reads them without mlplab
"""

from mlplab.exports.formats import FORMATS, Exported, export

__all__ = ["FORMATS", "Exported", "export"]
