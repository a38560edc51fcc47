"""Requests that are refused: the status code, and a sentence for the person who sent them."""

from collections.abc import Mapping


class Refusal(Exception):
    """A request that is not carried out.

    Attributes:
        status: HTTP status code, 4xx or 5xx.
        message: what was expected, what came, what to do.
        headers: further headers of the answer.
    """

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None):
        super().__init__(message)
        self.status, self.message, self.headers = status, message, dict(headers or {})


class Overloaded(Refusal):
    """A request that comes while as many wait as may: it can be sent again."""

    def __init__(self, what: str):
        super().__init__(503, f"{what}. Try again in a second.", {"Retry-After": "1"})
