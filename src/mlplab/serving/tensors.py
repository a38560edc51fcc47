"""Requests and answers of the Open Inference Protocol's `infer`: JSON, with Triton's extension for binary tensors.

The protocol: github.com/kserve/open-inference-protocol. The extension: docs/protocol/extension_binary_data.md of
github.com/triton-inference-server/server.
"""

import array
import itertools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from mlplab.errors import brief
from mlplab.serving.predictor import Tensor
from mlplab.serving.refusals import Refusal

_BYTES = {"UINT8": 1, "FP32": 4}
_LARGE = 2**16
"""Bytes of a JSON text that is looked at before it is read."""
_MOST_ROWS = 2**31
_MOST_BRACKETS = 2**19
"""Lists and objects of a JSON text, each of which takes 56 bytes or more."""


@dataclass(frozen=True, eq=False)
class Inference:
    """A request to predict.

    Attributes:
        rows: (n, …), as the network takes them.
        id: to be given back; None if there is none.
        outputs: positions of the wanted outputs, and whether each is wanted as bytes.
    """

    rows: np.ndarray
    id: str | None
    outputs: tuple[tuple[int, bool], ...]


def read_json(body: bytes, most_numbers: int) -> Any:
    """Parse a JSON text. Raises `Refusal` for anything else, and for one that would take much memory."""
    if len(body) > _LARGE and (body.count(b",") > most_numbers or body.count(b"[") + body.count(b"{") > _MOST_BRACKETS):
        raise Refusal(413, f"The JSON has more than {most_numbers:,} numbers. Send binary tensors, or fewer rows.")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refusal(400, f"The body must be JSON, with finite numbers; it is not: {brief(error, 100)}.") from error


def read_inference(
    body: bytes, json_bytes: int | None, tensor: Tensor, outputs: Sequence[Tensor], most_numbers: int
) -> Inference:
    """Read a request.

    Args:
        body: JSON, and after it the bytes of binary tensors.
        json_bytes: length of the JSON; None: there is nothing else.
        tensor: the network's input.
        outputs: the network's outputs.
        most_numbers: see `Limits.json_numbers`.

    Raises:
        Refusal: 400 for anything that does not fit the network, with what was expected.
    """
    if json_bytes is not None and not 0 < json_bytes <= len(body):
        raise Refusal(
            400,
            f"Inference-Header-Content-Length must be from 1 to {len(body)}, the bytes of the body; got {json_bytes}.",
        )
    text, binary = (body, None) if json_bytes is None else (body[:json_bytes], memoryview(body)[json_bytes:])
    request = read_json(text, most_numbers)
    if type(request) is not dict:
        raise Refusal(400, f"The body must be a JSON object with a list of inputs; got {_kind(request)}.")
    id_ = request.get("id")
    if id_ is not None and type(id_) is not str:
        raise Refusal(400, f"id must be a text; got {_kind(id_)}.")
    parameters = _parameters(request, "the request")
    may_have_booleans = b"true" in text or b"false" in text
    rows = _rows(_only_input(request, tensor), tensor, binary, may_have_booleans)
    return Inference(rows, id_, _wanted(request.get("outputs"), outputs, parameters.get("binary_data_output") is True))


def _only_input(request: Mapping[str, Any], tensor: Tensor) -> dict[str, Any]:
    inputs = request.get("inputs")
    if type(inputs) is not list or len(inputs) != 1 or type(inputs[0]) is not dict:
        got = f"a list of {len(inputs)}" if type(inputs) is list and len(inputs) != 1 else _kind(inputs)
        raise Refusal(400, f"inputs must be a list of one object, for {tensor.name!r}; got {got}.")
    if inputs[0].get("name") != tensor.name:
        raise Refusal(400, f"The input must have the name {tensor.name!r}; got {_shown(inputs[0].get('name'))}.")
    return inputs[0]


def _rows(given: Mapping[str, Any], tensor: Tensor, binary: memoryview | None, may_have_booleans: bool) -> np.ndarray:
    """Return the rows of an input, (n, *tensor.shape)."""
    shape, datatype = given.get("shape"), given.get("datatype")
    if datatype != tensor.datatype:
        raise Refusal(400, f"{tensor.name} must have the datatype {tensor.datatype}; got {_shown(datatype)}.")
    if (
        type(shape) is not list
        or shape[1:] != list(tensor.shape)
        or any(type(side) is not int for side in shape)
        or not 0 < shape[0] <= _MOST_ROWS
    ):
        expected = ", ".join(map(str, ("n", *tensor.shape)))
        raise Refusal(400, f"{tensor.name} must have the shape [{expected}], n at least 1; got {_shown(shape)}.")
    size = _parameters(given, tensor.name).get("binary_data_size")
    if size is not None:
        return _of_bytes(size, shape, tensor, binary, "data" in given)
    if binary is not None and len(binary):
        raise Refusal(400, f"{len(binary)} bytes follow the JSON, and no input has a binary_data_size.")
    data = given.get("data")
    if type(data) is not list or not data:
        raise Refusal(400, f"{tensor.name} must have data, a list of numbers; got {_kind(data)}.")
    return _of_numbers(data, shape, tensor, may_have_booleans)


def _of_bytes(size: Any, shape: list[int], tensor: Tensor, binary: memoryview | None, has_data: bool) -> np.ndarray:
    """Return the rows of a binary tensor: little-endian numbers, row by row."""
    expected = math.prod(shape) * _BYTES[tensor.datatype]
    if type(size) is not int or size != expected:
        raise Refusal(
            400, f"{tensor.name} of shape {shape} has {expected:,} bytes; binary_data_size is {_shown(size)}."
        )
    if has_data:
        raise Refusal(400, f"{tensor.name} has both data and binary_data_size: give one of them.")
    if binary is None or len(binary) != size:
        got = "no Inference-Header-Content-Length" if binary is None else f"{len(binary):,}"
        raise Refusal(400, f"{size:,} bytes must follow the JSON, as binary_data_size says; got {got}.")
    numbers = np.frombuffer(binary, tensor.dtype.newbyteorder("<")).astype(tensor.dtype, copy=False)
    return _finite(numbers, tensor).reshape(shape)


def _of_numbers(data: list[Any], shape: list[int], tensor: Tensor, may_have_booleans: bool) -> np.ndarray:
    """Return rows of numbers in a list, flat or nested like the shape.

    Not by NumPy, which takes ten times as long, cuts fractions off, and gives all texts the room of the longest.
    """
    flat = data
    if type(data[0]) is list and len(data) == shape[0]:
        for side in shape[1:]:
            if any(type(part) is not list or len(part) != side for part in flat):
                flat = []
                break
            flat = list(itertools.chain.from_iterable(flat))
    if len(flat) != math.prod(shape):
        raise Refusal(
            400,
            f"The data of {tensor.name} must be {math.prod(shape):,} numbers, flat or nested like its shape {shape}.",
        )
    try:
        if may_have_booleans and bool in set(map(type, flat)):
            raise TypeError
        numbers = np.frombuffer(_bytes(flat) if tensor.datatype == "UINT8" else array.array("f", flat), tensor.dtype)
    except (ValueError, TypeError, OverflowError) as error:
        expected = "whole numbers from 0 to 255" if tensor.datatype == "UINT8" else "numbers"
        raise Refusal(400, f"The data of {tensor.name} must be {expected}, as {tensor.datatype} has them.") from error
    return _finite(numbers, tensor).reshape(shape)


def _bytes(numbers: list[Any]) -> bytes:
    """Return whole numbers from 0 to 255 as bytes; 3.0 is one too. Raises `ValueError` or `TypeError` for others."""
    try:
        return bytes(numbers)
    except TypeError:
        if not all(type(number) is int or (type(number) is float and number.is_integer()) for number in numbers):
            raise
        return bytes(map(int, numbers))


def _finite(numbers: np.ndarray, tensor: Tensor) -> np.ndarray:
    """Return numbers as they are. Raises `Refusal` if some are not finite."""
    if tensor.datatype == "FP32" and not np.isfinite(numbers).all():
        raise Refusal(400, f"The data of {tensor.name} must be finite numbers of float32.")
    return numbers


def _wanted(given: Any, outputs: Sequence[Tensor], as_bytes: bool) -> tuple[tuple[int, bool], ...]:
    """Return positions of the wanted outputs, and whether each is wanted as bytes."""
    if given is None or given == []:
        return tuple((number, as_bytes) for number in range(len(outputs)))
    names = [output.name for output in outputs]
    if type(given) is not list or any(type(each) is not dict for each in given):
        raise Refusal(400, f"outputs must be a list of objects with a name; got {_kind(given)}.")
    wanted: dict[int, bool] = {}
    for each in given:
        name, parameters = each.get("name"), _parameters(each, "an output")
        if name not in names or names.index(name) in wanted:
            raise Refusal(400, f"Outputs have the names {', '.join(names)}, each once; got {_shown(name)}.")
        if parameters.get("classification"):
            raise Refusal(400, f"classification is not supported: {name} gives the probabilities of all classes.")
        wanted[names.index(name)] = parameters.get("binary_data", as_bytes) is True
    return tuple(wanted.items())


def _parameters(given: Mapping[str, Any], where: str) -> dict[str, Any]:
    parameters = given.get("parameters")
    if parameters is None:
        return {}
    if type(parameters) is not dict:
        raise Refusal(400, f"The parameters of {where} must be an object; got {_kind(parameters)}.")
    if "shared_memory_region" in parameters:
        raise Refusal(400, "Shared memory is not supported: send the data.")
    return parameters


def answer(
    inference: Inference, outputs: Sequence[Tensor], found: Sequence[np.ndarray], model: str, version: str
) -> tuple[bytes, int | None]:
    """Return the body of an answer, and the length of its JSON if binary tensors follow it."""
    listed: list[dict[str, Any]] = []
    binary: list[bytes] = []
    for number, as_bytes in inference.outputs:
        tensor, values = outputs[number], found[number]
        each: dict[str, Any] = {"name": tensor.name, "datatype": tensor.datatype, "shape": list(values.shape)}
        if as_bytes:
            binary.append(values.astype(tensor.dtype.newbyteorder("<"), copy=False).tobytes())
            each["parameters"] = {"binary_data_size": len(binary[-1])}
        else:
            each["data"] = values.ravel()
        listed.append(each)
    content: dict[str, Any] = {"model_name": model, "model_version": version}
    if inference.id is not None:
        content["id"] = inference.id
    content["outputs"] = listed
    text = orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)
    return (b"".join([text, *binary]), len(text)) if binary else (text, None)


def _kind(value: Any) -> str:
    """Name a JSON value in the words of JSON."""
    if value is None:
        return "nothing"
    names: dict[type, str] = {dict: "an object", list: "a list", str: "a text", bool: "true or false"}
    return names.get(type(value), "a number")


def _shown(value: Any) -> str:
    return "nothing" if value is None else brief(json.dumps(value), 60)
