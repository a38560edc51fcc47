"""How much a server takes: bytes, seconds, connections, requests that wait."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds on what clients can make a server do.

    Attributes:
        waiting: requests that wait for their prediction, at most; further ones get 503.
        body_bytes: of one request; a longer one gets 413.
        held_bytes: of all bodies above `small_bytes` that are in memory at the same time.
        small_bytes: bodies up to this size count for nothing, since the number of connections bounds them.
        header_bytes: of the head of a request.
        connections: at the same time. A further one takes the place of the one that was silent longest.
        head_seconds: for a client to send the head of a request.
        body_seconds: for a client to send the whole request.
        idle_seconds: until a connection without a request is closed.
        write_seconds: for a client to take what is sent to it.
        exit_seconds: to finish what is accepted, once the server is to end.
        batch_rows: rows that are predicted together, at most.
        json_numbers: commas in a JSON body, at most: numbers in JSON take ten times their size while they are read.
        pixels: of an image. Most phones' photos have 12 or 24 million.
        images: in one request.
    """

    waiting: int = 256
    body_bytes: int = 2**24
    held_bytes: int = 2**26
    small_bytes: int = 2**17
    header_bytes: int = 2**15
    connections: int = 512
    head_seconds: float = 10
    body_seconds: float = 60
    idle_seconds: int = 60
    write_seconds: float = 30
    exit_seconds: int = 8
    batch_rows: int = 256
    json_numbers: int = 2**21
    pixels: int = 2**25
    images: int = 100
