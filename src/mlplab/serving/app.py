"""The server's application: addresses, and what each answers."""

import asyncio
import json
import logging
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Executor

from starlette.requests import ClientDisconnect
from starlette.routing import Match, Route
from starlette.types import Receive, Scope, Send

from mlplab import __version__
from mlplab.errors import brief
from mlplab.serving import metrics, openapi, pages
from mlplab.serving.access import Access
from mlplab.serving.answers import Answer, Call
from mlplab.serving.bodies import Bodies
from mlplab.serving.images import described, prepare, read_images
from mlplab.serving.limits import Limits
from mlplab.serving.models import VERSION, Model
from mlplab.serving.refusals import Refusal
from mlplab.serving.tensors import answer, read_inference

_log = logging.getLogger("mlplab.serving")

Handler = Callable[[Call], Awaitable[Answer]]
Target = tuple[str, Handler, Mapping[str, str]]
"""An address with the names of its parts, its handler, and the values of the parts."""

JSON_LENGTH = "Inference-Header-Content-Length"


class Application:
    """An ASGI application.

    Args:
        models: by name.
        access: who may send requests.
        limits: bounds on requests.
        counted: what is counted.
        executor: for images.

    Attributes:
        is_ending: further requests are refused.
    """

    def __init__(
        self, models: Mapping[str, Model], access: Access, limits: Limits, counted: metrics.Metrics, executor: Executor
    ):
        self._models, self._access, self._limits, self._metrics = models, access, limits, counted
        self._executor, self._bodies, self._preparing = executor, Bodies(limits), 0
        self.is_ending = False
        self._pages: dict[str, Answer] = {}
        self._openapi = json.dumps(openapi.describe(models, limits)).encode()
        model = "/v2/models/{name}"
        versioned = f"{model}/versions/{{version}}"
        posts: dict[str, Handler] = {
            f"{model}/infer": self._infer,
            f"{versioned}/infer": self._infer,
            "/predict": self._predict,
            "/predict/{name}": self._predict,
        }
        gets: dict[str, Handler] = {
            "/v2": self._server,
            "/v2/health/live": self._live,
            "/v2/health/ready": self._ready,
            "/v2/models": self._list,
            model: self._describe,
            versioned: self._describe,
            f"{model}/ready": self._model_ready,
            f"{versioned}/ready": self._model_ready,
            "/metrics": self._show_metrics,
            "/openapi.json": self._show_openapi,
            "/docs": self._show_docs,
            "/": self._show_page,
            "/page/{name}": self._show_page,
        }
        self._handlers = {"POST": posts, "GET": gets}
        self._routes = [Route(path, self, methods=["POST"]) for path in posts]  # for their patterns alone
        self._routes += [Route(path, self, methods=["GET"]) for path in gets]
        self._known: dict[tuple[str, str], Target] = {
            ("POST", f"/v2/models/{name}/infer"): (f"{model}/infer", self._infer, {"name": name}) for name in models
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started, path, method, route = time.perf_counter(), scope["path"], scope["method"], "other"
        listed = scope["headers"]
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in listed}
        try:
            if self.is_ending:
                raise Refusal(503, "The server is ending.", {"Retry-After": "5", "Connection": "close"})
            self._access.check(headers, path, [name for name, _ in listed].count(b"host"))
            route, handler, parameters = self._known.get((method, path)) or self._target(scope)
            found = await handler(Call(headers, parameters, receive))
        except ClientDisconnect:
            return
        except Refusal as refusal:
            found = Answer.refused(refusal)
        except Exception:  # a mistake of ours, of any kind: one request gets 500, and the server goes on
            _log.error(f"A request failed. Please report it:\n{traceback.format_exc()}")
            found = Answer.refused(Refusal(500, "The server made a mistake. Its log has more."))
        self._metrics.answered(route, found.status, time.perf_counter() - started)
        if _log.isEnabledFor(logging.INFO):
            _log.info(f"{method} {brief(path, 200)} {found.status}")
        await found.send(receive, send)

    def show(self, name: str, html: str) -> None:
        """Show a page from now on, in place of the plain one of a model. May be called in any thread."""
        self._pages[name] = pages.answer(html)

    def _target(self, scope: Scope) -> Target:
        """Find what answers an address. Raises `Refusal`: 404, 405."""
        allowed: list[str] = []
        for route in self._routes:
            match, more = route.matches(scope)
            if match == Match.FULL:
                method = "GET" if scope["method"] == "HEAD" else scope["method"]
                return route.path, self._handlers[method][route.path], more["path_params"]
            if match == Match.PARTIAL:
                allowed += sorted(route.methods or ())
        if allowed:
            words = ", ".join(allowed)
            raise Refusal(405, f"{brief(scope['path'], 100)} takes {words}; got {scope['method']}.", {"Allow": words})
        raise Refusal(404, f"There is nothing at {brief(scope['path'], 100)}. All addresses: /docs")

    def _model(self, call: Call) -> Model:
        """Return the model that an address names. Without a name, it is the only one."""
        name = call.parameters.get("name")
        if name is None:
            if len(self._models) > 1:
                raise Refusal(404, f"There are several models. Send images to one of {self._addresses('/predict/')}.")
            return next(iter(self._models.values()))
        if name not in self._models:
            raise Refusal(404, f"There is no model {brief(name, 100)!r}. There are: {self._addresses('')}.")
        version = call.parameters.get("version", VERSION)
        if version != VERSION:
            raise Refusal(404, f"{name} has only the version {VERSION}; got {brief(version, 100)!r}.")
        return self._models[name]

    def _addresses(self, before: str) -> str:
        return ", ".join(f"{before}{name}" for name in self._models)

    async def _infer(self, call: Call) -> Answer:
        model, headers = self._model(call), call.headers
        model.batcher.require_room()
        predictor = model.predictor
        with self._bodies.room() as room:
            body = await self._bodies.read(headers, call.receive, room)
            inference = read_inference(
                body, _json_length(headers), predictor.input, predictor.outputs, self._limits.json_numbers
            )
            found = await model.batcher.predict(inference.rows)
        content, json_bytes = answer(inference, predictor.outputs, found, model.name, VERSION)
        if json_bytes is None:
            return Answer(content)
        return Answer(content, "application/octet-stream", headers={JSON_LENGTH: str(json_bytes)})

    async def _predict(self, call: Call) -> Answer:
        model = self._model(call)
        if not model.preparation.takes_pictures:
            raise Refusal(
                400, f"{model.name} does not predict images. Send its rows of numbers to /v2/models/{model.name}/infer"
            )
        model.batcher.require_room()
        with self._bodies.room() as room:
            body = await self._bodies.read(call.headers, call.receive, room)
            sent = await read_images(body, call.headers, self._limits)
            loop = asyncio.get_running_loop()
            model.batcher.require_room(self._preparing)
            self._preparing += 1
            try:
                inputs, done = await loop.run_in_executor(
                    self._executor, prepare, sent, model.preparation, self._limits
                )
            finally:
                self._preparing -= 1
        found = await model.batcher.predict(inputs.astype(model.predictor.input.dtype, copy=False))
        predictions = described(sent, done, found[0], model.class_names)
        return Answer.json({"model": model.name, "predictions": predictions})

    async def _server(self, call: Call) -> Answer:
        return Answer.json({"name": "mlplab", "version": __version__, "extensions": ["binary_tensor_data"]})

    async def _live(self, call: Call) -> Answer:
        return Answer.json({"live": True})

    async def _ready(self, call: Call) -> Answer:
        return Answer.json({"ready": True})

    async def _list(self, call: Call) -> Answer:
        return Answer.json({"models": list(self._models)})

    async def _describe(self, call: Call) -> Answer:
        return Answer.json(openapi.metadata(self._model(call)))

    async def _model_ready(self, call: Call) -> Answer:
        return Answer.json({"name": self._model(call).name, "ready": True})

    async def _show_metrics(self, call: Call) -> Answer:
        return Answer(self._metrics.text(), metrics.CONTENT_TYPE)

    async def _show_openapi(self, call: Call) -> Answer:
        return Answer(self._openapi)

    async def _show_docs(self, call: Call) -> Answer:
        return pages.answer(pages.docs(json.loads(self._openapi)))

    async def _show_page(self, call: Call) -> Answer:
        if len(self._models) > 1 and "name" not in call.parameters:
            return pages.answer(pages.listing(self._models))
        model = self._model(call)
        return self._pages.get(model.name) or pages.answer(pages.of_model(model))


def _json_length(headers: Mapping[str, str]) -> int | None:
    """Return the length of the JSON before binary tensors; None if there are none."""
    given = headers.get(JSON_LENGTH.lower())
    if given is None:
        return None
    if not given.isascii() or not given.isdecimal() or len(given) > 12:
        raise Refusal(400, f"{JSON_LENGTH} must be a number of bytes; got {brief(given, 60)!r}.")
    return int(given)
