"""Reading the bodies of requests, within limits of size and memory."""

import asyncio
import contextlib
from collections.abc import Iterator, Mapping

from starlette.requests import ClientDisconnect
from starlette.types import Receive

from mlplab.serving.limits import Limits
from mlplab.serving.refusals import Overloaded, Refusal

_LINGER_SECONDS, _LINGER_BYTES = 2.0, 2**26


class Bodies:
    """The bodies of all requests that are in memory.

    Attributes:
        held: bytes of the large ones.
    """

    def __init__(self, limits: Limits):
        self._limits, self.held = limits, 0

    @contextlib.contextmanager
    def room(self) -> "Iterator[_Room]":
        """Room for one body, until it is no longer needed."""
        room = _Room(self)
        try:
            yield room
        finally:
            self.held -= room.bytes

    async def read(self, headers: Mapping[str, str], receive: Receive, room: "_Room") -> bytes:
        """Return the body of a request.

        Raises:
            Refusal: 413 for one that is too long, 415 for a compressed one.
            Overloaded: if many others are in memory.
        """
        most = self._limits.body_bytes
        if headers.get("content-encoding", "identity").lower() != "identity":
            raise Refusal(
                415, "Compressed bodies are not taken: leave Content-Encoding out.", {"Accept-Encoding": "identity"}
            )
        length = headers.get("content-length")
        if length is not None and int(length) > most:
            raise _too_long(most)
        parts: list[bytes] = []
        size, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            part, more = message.get("body", b""), message.get("more_body", False)
            size += len(part)
            if size > most:
                raise _too_long(most)
            if size > self._limits.small_bytes:
                room.grow(size, self._limits.held_bytes)
            parts.append(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)


class _Room:
    """Room that one body takes."""

    def __init__(self, bodies: Bodies):
        self._bodies, self.bytes = bodies, 0

    def grow(self, size: int, most: int) -> None:
        """Take room for a body of a size. Raises `Overloaded` if there is none."""
        if self._bodies.held + size - self.bytes > most:
            raise Overloaded(f"Other requests hold {self._bodies.held:,} bytes")
        self._bodies.held += size - self.bytes
        self.bytes = size


def _too_long(most: int) -> Refusal:
    return Refusal(413, f"The body is too long: expected at most {most:,} bytes. Send fewer rows or a smaller image.")


async def discard(receive: Receive) -> None:
    """Read some of what a client still sends: it may look for its answer only when it has sent all."""
    read = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LINGER_SECONDS):
            while read < _LINGER_BYTES:
                message = await receive()
                if message["type"] != "http.request" or not message.get("more_body"):
                    return
                read += len(message.get("body", b""))
