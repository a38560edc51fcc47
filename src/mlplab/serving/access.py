"""Who may send requests: by the name that the server is called, the page that calls, and a token.

A page of a stranger can call a server on this machine, from the browser of somebody here, by a name of its own that
leads to 127.0.0.1 (DNS rebinding). It cannot choose the header Host.
"""

import base64
import binascii
import hmac
import ipaddress
import socket
from collections.abc import Iterable, Mapping

from mlplab.errors import brief
from mlplab.serving.refusals import Refusal

OPEN = frozenset({"/v2/health/live", "/v2/health/ready"})
"""Paths without a token: what watches over servers asks them, and they say nothing."""

_REALM = "realm"


class Access:
    """What a request must have.

    Args:
        host: the address that is listened on.
        names: further names that the server is called by.
        token: that each request must have; None: none.
    """

    def __init__(self, host: str, names: Iterable[str] = (), token: str | None = None):
        self._names = {name.lower().rstrip(".") for name in (host, *names, "localhost")}
        self._any_address = not is_loopback(host)
        if self._any_address:
            self._names.add(socket.gethostname().lower())
        self._token = None if token is None else token.encode()
        self._known: set[str] = set()

    def check(self, headers: Mapping[str, str], path: str, hosts: int) -> None:
        """Raise `Refusal` for a request that may not be sent: 421, 403, 401.

        Args:
            headers: by their names in lower case.
            path: of the address.
            hosts: number of headers Host.
        """
        host = headers.get("host", "")
        if hosts != 1 or not (host in self._known or self._is_own(host)):
            raise Refusal(
                421,
                f"This server is not called {brief(host, 80)!r}. Use its address, or allow the name where it is "
                "started: mlplab serve --allow-host NAME",
            )
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2] != host:
            raise Refusal(403, "Pages of other origins may not call this server.")
        if self._token is not None and path not in OPEN and not self._has_token(headers.get("authorization", "")):
            raise Refusal(
                401,
                "A token is needed: send the header Authorization: Bearer TOKEN.",
                {"WWW-Authenticate": f'Bearer, Basic {_REALM}="mlplab: any name, and the token"'},
            )

    def _is_own(self, host: str) -> bool:
        """Return whether a Host header, NAME or NAME:PORT, names this server."""
        name, _, port = host.rpartition(":")
        if not port.isdecimal() or (":" in name and not name.startswith("[")):
            name = host
        name = name.strip("[]").lower().rstrip(".")
        if not (name in self._names or is_loopback(name) or (self._any_address and _is_address(name))):
            return False
        if len(self._known) < 100:
            self._known.add(host)
        return True

    def _has_token(self, authorization: str) -> bool:
        assert self._token is not None
        kind, _, given = authorization.partition(" ")
        value = given.strip().encode()
        if kind.lower() == "basic":  # what browsers ask for
            try:
                value = base64.b64decode(value, validate=True).partition(b":")[2]
            except binascii.Error:
                return False
        elif kind.lower() != "bearer":
            return False
        return hmac.compare_digest(value, self._token)


def is_loopback(host: str) -> bool:
    """Return whether an address leads to this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
