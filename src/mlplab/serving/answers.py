"""Requests and answers as handlers see them. Starlette's own take longer than a prediction."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from starlette.types import Receive, Send

from mlplab.serving.bodies import discard
from mlplab.serving.refusals import Refusal

_ALWAYS = [(b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store")]


@dataclass(frozen=True, slots=True)
class Call:
    """A request.

    Attributes:
        headers: by their names in lower case.
        parameters: parts of the address.
        receive: gives the body.
    """

    headers: dict[str, str]
    parameters: Mapping[str, str]
    receive: Receive


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer.

    Attributes:
        body: its content.
        kind: its media type.
        status: HTTP status code.
        headers: further ones.
    """

    body: bytes
    kind: str = "application/json"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def json(cls, content: Any) -> "Answer":
        """Return a JSON value as an answer."""
        return cls(orjson.dumps(content))

    @classmethod
    def refused(cls, refusal: Refusal) -> "Answer":
        """Return what is said about a refused request."""
        body = orjson.dumps({"error": refusal.message})
        return cls(body, status=refusal.status, headers=refusal.headers)

    async def send(self, receive: Receive, send: Send) -> None:
        """Send the answer. One about a body that is too long comes early, and its connection is closed after it."""
        headers = [
            *_ALWAYS,
            (b"content-type", self.kind.encode()),
            (b"content-length", b"%d" % len(self.body)),
            *((name.lower().encode(), value.encode("latin-1", "replace")) for name, value in self.headers.items()),
        ]
        is_early = self.status == 413
        if is_early:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": is_early})
        if is_early:
            await discard(receive)
            await send({"type": "http.response.body", "body": b""})
