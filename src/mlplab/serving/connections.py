"""Connections of clients that may be slow, silent or gone: uvicorn's, with limits of time, size and number."""

import asyncio
import json
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from mlplab.serving.limits import Limits

_SWEEP_SECONDS = 0.5


class Connection(HttpToolsProtocol):
    """A connection.

    Attributes:
        limits: of all connections; set in a subclass, see `limited`.
    """

    limits: Limits

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self._waiting_since: float | None = None  # for the client to send
        self._stuck_since: float | None = None  # as the client does not take what is sent
        self._has_head = False
        self._head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        super().connection_made(transport)
        self._waiting_since = self.loop.time()
        if len(self.connections) > self.limits.connections:
            self._make_room()

    def _make_room(self) -> None:
        """Close the connection that is silent longest. One whose request is answered stays, even if all others do."""
        silent = [each for each in self.connections if isinstance(each, Connection) and each.silent_since is not None]
        min(silent, key=lambda each: each.silent_since or 0, default=self).transport.abort()

    @property
    def silent_since(self) -> float | None:
        """Since when the client has a request to send; None while one is answered."""
        return None if self.transport.is_closing() else self._waiting_since

    def data_received(self, data: bytes) -> None:
        if self._waiting_since is None and not self._is_answering:
            self._waiting_since = self.loop.time()
        if not self._has_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if not self._has_head and self._head_bytes > self.limits.header_bytes and not self.transport.is_closing():
            self._refuse(
                431, f"The head of the request is too long: expected at most {self.limits.header_bytes} bytes."
            )

    @property
    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def on_headers_complete(self) -> None:
        self._has_head = True
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body, as uvicorn does, which already stops reading at 64 KB."""
        if self.cycle.response_complete:
            return
        self.cycle.body += body
        if len(self.cycle.body) > self.limits.small_bytes:
            self.flow.pause_reading()
        self.cycle.message_event.set()

    def on_message_complete(self) -> None:
        self._has_head, self._head_bytes, self._waiting_since = False, 0, None
        super().on_message_complete()
        if not self._is_answering:  # it was refused before its end
            self._waiting_since = self.loop.time()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._waiting_since is None:
            self._waiting_since = self.loop.time()

    def sweep(self, now: float) -> None:
        """Close the connection if its client has taken too long to send a request, or to take an answer."""
        if self.transport.get_write_buffer_size():
            self._stuck_since = self._stuck_since or now
            if now - self._stuck_since > self.limits.write_seconds:
                self.transport.abort()
            return
        self._stuck_since = None
        if self._waiting_since is None or self.transport.is_closing():
            return
        seconds, limits = now - self._waiting_since, self.limits
        most = (
            limits.body_seconds if self._has_head else limits.head_seconds if self._head_bytes else limits.idle_seconds
        )
        if seconds <= most:
            return
        if self._has_head and self.cycle.response_started:
            self.transport.abort()
        elif self._has_head or self._head_bytes:
            self._refuse(408, f"The {'body' if self._has_head else 'head'} of the request came too slowly.")
        else:
            self.transport.close()

    def _refuse(self, status: int, message: str) -> None:
        """Answer without the application, and close."""
        body = json.dumps({"error": message}).encode()
        head = b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(body)
        self.transport.write(STATUS_LINE[status] + head + body)
        self.transport.close()


def limited(limits: Limits) -> type[Connection]:
    """Return the class of connections with these limits."""
    return type("LimitedConnection", (Connection,), {"limits": limits})


async def sweep(connections: "set[Any]") -> None:
    """Close connections whose clients are too slow, forever."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(_SWEEP_SECONDS)
        now = loop.time()
        for connection in list(connections):
            connection.sweep(now)
