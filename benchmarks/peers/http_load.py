"""A client that costs little: many connections in one thread, each with the same request again and again."""

import selectors
import socket
import time
from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Load:
    """What a server answered.

    Attributes:
        seconds: of the whole load.
        latencies: seconds of each answered request; at a fixed rate from the moment at which it was due.
        codes: number of answers by status code.
        bodies: the answers' bodies that differ, for status 200.
    """

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    codes: Counter[int] = field(default_factory=Counter)
    bodies: set[bytes] = field(default_factory=set)

    @property
    def per_second(self) -> float:
        return len(self.latencies) / self.seconds

    def percentile(self, p: float) -> float:
        """Return the latency that this part of the requests does not exceed."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(p * len(ordered)))]


def request_of(path: str, body: bytes, headers: str = "Content-Type: application/json") -> bytes:
    """Return a POST request as it is sent."""
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class _Client:
    """One connection."""

    def __init__(self, port: int):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.due, self.received, self.length = 0.0, b"", 0

    def send(self, request: bytes, due: float) -> None:
        self.due, self.received, self.length = due, b"", 0
        self.socket.sendall(request)

    def receive(self) -> bytes | None:
        """Read what is there. Return the answer once it is complete."""
        part = self.socket.recv(1 << 20)
        if not part:
            raise ConnectionError("the server has closed a connection")
        self.received = self.received + part if self.received else part
        if not self.length:
            end = self.received.find(b"\r\n\r\n")
            if end < 0:
                return None
            at = self.received[:end].lower().index(b"content-length:") + len(b"content-length:")
            self.length = end + 4 + int(self.received[at:end].split(b"\r\n", 1)[0])
        return self.received if len(self.received) >= self.length else None


def load(port: int, request: bytes, connections: int, seconds: float, rate: float | None = None) -> Load:
    """Send a request over some connections for some seconds: at once when one is answered, or at a rate (a second)."""
    clients = [_Client(port) for _ in range(connections)]
    selector, found = selectors.DefaultSelector(), Load()
    for client in clients:
        selector.register(client.socket, selectors.EVENT_READ, client)
    free, sent, waiting = clients.copy(), 0, 0
    started = now = time.perf_counter()
    while now - started < seconds or waiting:
        is_open = now - started < seconds
        while free and is_open and (rate is None or sent < rate * (now - started)):
            due = now if rate is None else started + sent / rate
            free.pop().send(request, due)
            sent, waiting = sent + 1, waiting + 1
        for key, _ in selector.select(0 if rate is not None and is_open else 1):
            answer = key.data.receive()
            if answer is None:
                continue
            code = int(answer[9:12])
            found.codes[code] += 1
            found.latencies.append(time.perf_counter() - key.data.due)
            if code == 200 and len(found.bodies) < 100:
                found.bodies.add(answer[answer.index(b"\r\n\r\n") + 4 :])
            free.append(key.data)
            waiting -= 1
        now = time.perf_counter()
    found.seconds = now - started
    for client in clients:
        client.socket.close()
    return found
