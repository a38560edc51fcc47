"""Images as people send them → inputs of a network, prepared as those that it was trained on."""

import base64
import binascii
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from mlplab.datasets.images.image_files import header_of
from mlplab.datasets.preparation import Preparation
from mlplab.datasets.readers.rows import Picture
from mlplab.errors import DataError, brief
from mlplab.serving.limits import Limits
from mlplab.serving.refusals import Refusal
from mlplab.serving.tensors import read_json

_EXPECTED = (
    'Send an image as the body, files in a form (multipart/form-data), or JSON: {"image": BASE64} or '
    '{"images": [BASE64, …]}'
)


class Sent(NamedTuple):
    """Images of one request.

    Attributes:
        pictures: at least one.
        files: their names, where they have some.
    """

    pictures: list[Picture]
    files: list[str | None]


async def read_images(body: bytes, headers: Mapping[str, str], limits: Limits) -> Sent:
    """Find the images in the body of a request.

    Raises:
        Refusal: if there are none, too many, or the body has another form.
    """
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        named = await _of_form(body, headers, limits)
    elif kind == "application/json":
        named = _of_json(body, limits)
    elif kind.startswith("image/") or kind in ("", "application/octet-stream", "application/x-www-form-urlencoded"):
        named = [(None, body)]  # curl --data-binary sends the last one
    else:
        raise Refusal(415, f"Bodies of the type {brief(kind, 60)} are not taken. {_EXPECTED}.")
    if not 0 < len(named) <= limits.images:
        raise Refusal(400, f"Expected 1 to {limits.images} images; got {len(named)}. {_EXPECTED}.")
    if empty := [name for name, content in named if not content]:
        raise Refusal(400, f"{_name(empty[0], 0, len(named))} is empty. {_EXPECTED}.")
    pictures = [
        Picture(_name(name, number, len(named)), lambda content=content: content)
        for number, (name, content) in enumerate(named)
    ]
    return Sent(pictures, [name for name, _ in named])


def _name(file: str | None, number: int, of: int) -> str:
    if file is not None:
        return brief(file, 100)
    return "The image" if of == 1 else f"Image {number + 1}"


async def _of_form(body: bytes, headers: Mapping[str, str], limits: Limits) -> list[tuple[str | None, bytes]]:
    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    parser = MultiPartParser(Headers(headers), stream(), max_files=limits.images, max_fields=limits.images)
    parser.spool_max_size = limits.body_bytes + 1  # no part becomes a file on this machine
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise Refusal(400, f"The form cannot be read: {brief(error.message)} {_EXPECTED}.") from error
    named: list[tuple[str | None, bytes]] = []
    for _, value in form.multi_items():
        if isinstance(value, UploadFile):
            named.append((value.filename or None, await value.read()))
    await form.close()
    return named


def _of_json(body: bytes, limits: Limits) -> list[tuple[str | None, bytes]]:
    value = read_json(body, limits.json_numbers)
    if type(value) is not dict or ("image" in value) == ("images" in value):
        raise Refusal(400, f"The JSON must have either image or images. {_EXPECTED}.")
    images = [value["image"]] if "image" in value else value["images"]
    if type(images) is not list or any(type(image) is not str for image in images):
        raise Refusal(400, f"Images in JSON are texts in base64. {_EXPECTED}.")
    return [(None, _decoded(image, number, len(images))) for number, image in enumerate(images)]


def _decoded(text: str, number: int, of: int) -> bytes:
    """Return the bytes of an image in base64, or of a data URL."""
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refusal(400, f"{_name(None, number, of)} is not in base64: {error}.") from error


def prepare(sent: Sent, preparation: Preparation, limits: Limits) -> tuple[np.ndarray, list[str]]:
    """Return inputs (n, …), and what was done to each image: "as it is", "resized", "inverted", "framed".

    Raises:
        Refusal: for an image that cannot be read, or is too large.
    """
    inputs, done = [], []
    try:
        for picture in sent.pictures:
            header = header_of(picture)
            if header.height * header.width > limits.pixels:
                raise Refusal(
                    413,
                    f"{picture.name} has {header.width}×{header.height} pixels; expected at most {limits.pixels:,}. "
                    "Make it smaller.",
                )
            (result,) = preparation.pictures([picture])
            if isinstance(result, DataError):
                raise result
            inputs.append(result[0])
            done.append(result[1])
    except DataError as error:
        raise Refusal(400, str(error)) from error
    return np.stack(inputs), done


def described(
    sent: Sent, done: Sequence[str], probabilities: np.ndarray, class_names: Sequence[str]
) -> list[Mapping[str, Any]]:
    """Return what is said of each image: its class, all probabilities, what was done to it."""
    rows = []
    for file, how, row in zip(sent.files, done, probabilities.tolist(), strict=True):
        best = max(range(len(row)), key=row.__getitem__)
        rows.append(
            {
                **({} if file is None else {"file": file}),
                "class": class_names[best],
                "probability": row[best],
                "probabilities": dict(zip(class_names, row, strict=True)),
                "prepared": how,
            }
        )
    return rows
