"""Networks in whole numbers → the text of a C99 header."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2
import numpy as np

from mlplab import __version__
from mlplab.exports.c.integers import IntegerLayer, IntegerNetwork

_NUMBERS_PER_LINE = 24


@dataclass(frozen=True)
class Origin:
    """The run that a network is from.

    Attributes:
        run: the name of its directory.
        sha256: of its file model.safetensors.
        class_names: in the order of the scores.
        input_shape: of one image.
        value_range: the least and the largest pixel in the training data.
    """

    run: str
    sha256: str
    class_names: tuple[str, ...]
    input_shape: tuple[int, ...]
    value_range: tuple[int, int]


def header(network: IntegerNetwork, file: str, origin: Origin) -> str:
    """Return the text of a header.

    Args:
        file: the file's name, which gives all names in it their beginning.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["lines"] = _lines
    name = prefix(file)
    widest = max(layer.weights.shape[1] for layer in network.layers)
    return environment.get_template("network.h.j2").render(
        name=name,
        NAME=name.upper(),
        file=_plain(file),
        run=_plain(origin.run),
        sha256=origin.sha256,
        version=__version__,
        widths=(network.pixels, *(layer.biases.size for layer in network.layers)),
        shape=origin.input_shape,
        value_range=origin.value_range,
        pixels=network.pixels,
        classes=[c_string(text) for text in origin.class_names],
        name_bytes=_name_bytes(origin.class_names),
        bits=network.score_bits,
        flash=flash_bytes(network, origin.class_names),
        buffers=network.buffers,
        code=network.code,
        layers=[_described(network, number) for number in range(1, len(network.layers) + 1)],
        index="uint16_t" if widest < 2**16 else "uint32_t",
    )


def prefix(file: str) -> str:
    """Return the beginning of all names in a header: the file's name as C allows it."""
    name = re.sub(r"\W+", "_", Path(file).stem, flags=re.ASCII).strip("_")
    return name if name[:1].isalpha() else f"network_{name}".rstrip("_")


def _plain(text: str) -> str:
    """Return a text for a comment, which nothing in it can end."""
    return re.sub(r"[^\w .-]", "_", text, flags=re.ASCII)


def flash_bytes(network: IntegerNetwork, class_names: Sequence[str]) -> int:
    """Return the bytes of all numbers and names in a header."""
    return network.bytes + len(class_names) * _name_bytes(class_names)


def c_string(text: str) -> str:
    """Return a C string of a text in UTF-8. What is not printable ASCII is an octal number of three digits."""
    plain = set(range(32, 127)) - set(b'"\\?')  # question marks: of trigraphs
    letters = (chr(byte) if byte in plain else f"\\{byte:03o}" for byte in text.encode("utf-8", "replace"))
    return f'"{"".join(letters)}"'


def _name_bytes(class_names: Sequence[str]) -> int:
    return max(len(text.encode("utf-8", "replace")) for text in class_names) + 1


def _described(network: IntegerNetwork, number: int) -> dict[str, object]:
    """Return what the template takes for a layer, counted from 1. Two arrays take the hidden layers in turn."""
    layer: IntegerLayer = network.layers[number - 1]
    units, inputs = layer.weights.shape
    return {
        **vars(layer),
        "number": number,
        "units": units,
        "inputs": inputs,
        "is_coded": number == 1 and network.code is not None,
        "source": "pixels" if number == 1 else f"hidden_{2 - (number - 1) % 2}",
        "target": f"hidden_{2 - number % 2}",
    }


def _lines(values: np.ndarray) -> str:
    """Format numbers as the inside of a C array."""
    numbers = values.ravel().tolist()
    parts = (numbers[start : start + _NUMBERS_PER_LINE] for start in range(0, len(numbers), _NUMBERS_PER_LINE))
    return "\n".join(f"    {', '.join(map(str, part))}," for part in parts)
