"""What a server counts, in Prometheus's text format."""

from collections.abc import Callable

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.process_collector import ProcessCollector

CONTENT_TYPE = CONTENT_TYPE_LATEST

_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """Counters of one server."""

    def __init__(self) -> None:
        disable_created_metrics()
        self._registry = CollectorRegistry()
        self._requests = Counter("mlplab_requests", "Answered requests.", ("route", "code"), registry=self._registry)
        self._seconds = Histogram(
            "mlplab_request_seconds", "From the head of a request to its answer.", ("route",),
            buckets=_SECONDS, registry=self._registry,
        )  # fmt: skip
        self._rows = Histogram(
            "mlplab_batch_rows",
            "Rows that were predicted together.",
            ("model",),
            buckets=_ROWS,
            registry=self._registry,
        )
        self._queue = Gauge(
            "mlplab_queue_length", "Requests that wait or are predicted.", ("model",), registry=self._registry
        )
        self._connections = Gauge("mlplab_connections", "Open connections.", registry=self._registry)
        ProcessCollector(registry=self._registry)
        self._children: dict[tuple[str, int], tuple[Counter, Histogram]] = {}

    def answered(self, route: str, code: int, seconds: float) -> None:
        """Count an answered request."""
        children = self._children.get((route, code))
        if children is None:
            children = self._requests.labels(route, str(code)), self._seconds.labels(route)
            self._children[route, code] = children
        children[0].inc()
        children[1].observe(seconds)

    def observe_batches(self, model: str) -> Callable[[int], None]:
        """Return what counts the batches of a model, given the number of rows of each."""
        return self._rows.labels(model).observe

    def watch_queue(self, model: str, length: Callable[[], int]) -> None:
        """Show the length of a model's queue, asked for when it is shown."""
        self._queue.labels(model).set_function(length)

    def watch_connections(self, number: Callable[[], int]) -> None:
        """Show the number of open connections, asked for when it is shown."""
        self._connections.set_function(number)

    def text(self) -> bytes:
        """Return all of it as Prometheus reads it."""
        return generate_latest(self._registry)
