"""What the server takes and answers, as OpenAPI 3.1: each address of each model, with the shapes that it takes."""

import math
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from mlplab import __version__
from mlplab.serving.limits import Limits
from mlplab.serving.models import VERSION, Model
from mlplab.serving.predictor import Tensor

_Object = dict[str, Any]

_ERRORS = {
    400: "The request does not fit: the error says what was expected.",
    401: "A token is needed.",
    403: "A page of another origin called.",
    408: "The request came too slowly.",
    413: "The body is too long.",
    415: "A body of this type, or a compressed one, is not taken.",
    421: "The server is not called by this name.",
    431: "The head of the request is too long.",
    503: "As many requests wait as may, or the server is ending: try again.",
}
_ALWAYS = (401, 403, 408, 421, 431, 503)
_LARGEST = 3.4028234663852886e38
"""Largest number of float32."""


def metadata(model: Model) -> _Object:
    """Return a model's description as the Open Inference Protocol has it."""

    def tensor(each: Tensor) -> _Object:
        return {"name": each.name, "datatype": each.datatype, "shape": [-1, *each.shape]}

    return {
        "name": model.name,
        "versions": [VERSION],
        "platform": "onnxruntime_onnx",
        "inputs": [tensor(model.predictor.input)],
        "outputs": [tensor(output) for output in model.predictor.outputs],
    }


def describe(models: Mapping[str, Model], limits: Limits) -> _Object:
    """Return the OpenAPI description of a server."""
    text, flag = {"type": "string"}, {"type": "boolean"}
    paths: _Object = {
        "/v2": _get("The server", _object(name=text, version=text, extensions=_list(text))),
        "/v2/health/live": _get("Whether the server runs", _object(live=flag)),
        "/v2/health/ready": _get("Whether the server predicts", _object(ready=flag)),
        "/v2/models": _get("Names of the models", _object(models=_list(text))),
    }
    for model in models.values():
        paths |= _of_model(model, limits)
    if len(models) == 1:
        paths["/predict"] = _predict(next(iter(models.values())), limits)
    paths |= {
        "/metrics": _get("What the server counts, for Prometheus", text, "text/plain"),
        "/openapi.json": _get("This description", {"type": "object"}),
        "/docs": _get("This description as a page", text, "text/html"),
        "/": _get("A page to predict with", text, "text/html"),
    }
    paths |= {f"/page/{quote(name)}": _get(f"A page for {name}", text, "text/html") for name in models}
    schemes = {"token": {"type": "http", "scheme": "bearer", "description": "Where the server was given a token."}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "mlplab", "version": __version__, "description": "Predictions of trained networks."},
        "servers": [{"url": "/"}],
        "security": [{}, {"token": []}],
        "paths": paths,
        "components": {"schemas": {"Error": _object(error=text)}, "securitySchemes": schemes},
    }


def _of_model(model: Model, limits: Limits) -> _Object:
    paths: _Object = {}
    text = {"type": "string"}
    tensors = _list(_object(name=text, datatype=text, shape=_list({"type": "integer"})))
    described = _object(name=text, versions=_list(text), platform=text, inputs=tensors, outputs=tensors)
    for base in (f"/v2/models/{quote(model.name)}", f"/v2/models/{quote(model.name)}/versions/{VERSION}"):
        paths[base] = _get(f"Inputs and outputs of {model.name}", described)
        paths[f"{base}/ready"] = _get(f"Whether {model.name} predicts", _object(name=text, ready={"type": "boolean"}))
        paths[f"{base}/infer"] = _infer(model)
    return paths | {f"/predict/{quote(model.name)}": _predict(model, limits)}


def _infer(model: Model) -> _Object:
    tensor, outputs = model.predictor.input, model.predictor.outputs
    parameters = {"type": ["object", "null"], "description": "Unknown ones count for nothing."}
    name = {"type": ["string", "null"]}
    wanted = _object(name={"enum": [output.name for output in outputs]})
    wanted["properties"]["parameters"] = parameters
    request = _object(inputs={"type": "array", "minItems": 1, "maxItems": 1, "items": {"anyOf": _inputs(tensor)}})
    request["properties"] |= {
        "id": name,
        "parameters": parameters,
        "outputs": {"type": ["array", "null"], "maxItems": len(outputs), "items": wanted},
    }
    values = _object(
        name={"type": "string"},
        datatype={"type": "string"},
        shape=_list({"type": "integer"}),
        data=_list({"type": "number"}),
    )
    result = _object(model_name={"type": "string"}, model_version={"type": "string"}, outputs=_list(values))
    result["properties"]["id"] = {"type": "string"}
    shape = ", ".join(map(str, ("n", *tensor.shape)))
    return {
        "post": {
            "summary": f"Predict rows with {model.name}",
            "description": f"The Open Inference Protocol. The input {tensor.name} has the datatype {tensor.datatype} "
            f"and the shape [{shape}], rows as the data set has them. The schema shows one and two rows, "
            "and there may be more. Binary tensors are taken and given as Triton's extension has them, with the header "
            "Inference-Header-Content-Length.",
            "requestBody": {"required": True, "content": {"application/json": {"schema": request}}},
            "responses": _responses(result, (400, 413, 415)),
        }
    }


def _inputs(tensor: Tensor) -> list[_Object]:
    """Return schemas of one and two rows, flat and nested."""
    number: _Object = {"type": "number", "minimum": -_LARGEST, "maximum": _LARGEST}
    if tensor.datatype == "UINT8":
        number = {"type": "integer", "minimum": 0, "maximum": 255}
    schemas = []
    for rows in (1, 2):
        shape = [rows, *tensor.shape]
        nested = number
        for side in reversed(shape):
            nested = _list(nested, side)
        for data in (_list(number, math.prod(shape)), nested):
            schema = _object(
                name={"const": tensor.name}, shape={"const": shape}, datatype={"const": tensor.datatype}, data=data
            )
            schema["properties"]["parameters"] = {"type": ["object", "null"]}
            schemas.append(schema)
    return schemas


def _predict(model: Model, limits: Limits) -> _Object:
    number = {"type": "number", "minimum": 0, "maximum": 1}
    probabilities = _object(**dict.fromkeys(model.class_names, number))
    one = _object(
        **{
            "class": {"enum": list(model.class_names)},
            "probability": number,
            "probabilities": probabilities,
            "prepared": {"enum": ["as it is", "resized", "inverted", "framed"]},
        }
    )
    one["properties"]["file"] = {"type": "string"}
    image = {"type": "string", "contentEncoding": "base64"}
    images = {"type": "array", "items": image, "minItems": 1, "maxItems": limits.images}
    file = {"type": "string", "format": "binary"}
    content = {
        "image/png": {"schema": file},
        "image/jpeg": {"schema": file},
        "multipart/form-data": {"schema": _object(file=file)},
        "application/json": {"schema": {"oneOf": [_object(image=image), _object(images=images)]}},
    }
    takes = "" if model.preparation.takes_pictures else " This model's inputs are no images: all are refused."
    return {
        "post": {
            "summary": f"Predict images with {model.name}",
            "description": "PNG, JPEG, WebP, BMP or TIFF of any size, prepared as the images that the network was "
            f"trained on: resized, or framed and inverted. A form may have several files.{takes}",
            "requestBody": {"required": True, "content": content},
            "responses": _responses(_object(model={"const": model.name}, predictions=_list(one)), (400, 413, 415)),
        }
    }


def _get(summary: str, schema: _Object, kind: str = "application/json") -> _Object:
    return {"get": {"summary": summary, "responses": _responses(schema, (), kind)}}


def _responses(schema: _Object, errors: tuple[int, ...], kind: str = "application/json") -> _Object:
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    return {"200": {"description": "Done.", "content": {kind: {"schema": schema}}}} | {
        str(code): {"description": _ERRORS[code], "content": error} for code in sorted((*errors, *_ALWAYS))
    }


def _object(**properties: Any) -> _Object:
    return {"type": "object", "properties": dict(properties), "required": list(properties)}


def _list(items: _Object, count: int | None = None) -> _Object:
    return {"type": "array", "items": items} | ({} if count is None else {"minItems": count, "maxItems": count})
