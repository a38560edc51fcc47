"""pip, as the user has set it up: its registry, its certificates. What it complains of becomes a sentence."""

import importlib.util
import re
import subprocess
import sys
from collections.abc import Sequence

from mlplab.errors import FetchError

_NO_ROOM = re.compile(
    r"No space left on device|File too large|Disk quota exceeded|not enough space on the disk", re.IGNORECASE
)
_NO_NETWORK = re.compile(
    r"Retrying \(|Max retries|Failed to establish|name resolution|getaddrinfo|ConnectTimeout|ReadTimeout|ProxyError"
    r"|Network is unreachable|Connection (?:refused|reset|broken|aborted)",
    re.IGNORECASE,
)
_OTHER_BYTES = re.compile(r"THESE PACKAGES DO NOT MATCH THE HASHES.*?^\s+(\S+==\S+)", re.DOTALL | re.MULTILINE)
_NO_WHEEL = re.compile(r"No matching distribution found for (\S+)")
AGAIN = "What is on the stick so far stays; run the same command again."


def run_pip(arguments: Sequence[str], purpose: str) -> None:
    """Runs pip with this Python.

    Args:
        arguments: of pip; its registry is the one in the user's configuration.
        purpose: what it is for, as in "the wheels for Linux could not be fetched".

    Raises:
        FetchError: if there is no pip, or if it fails; the message says what to do.
    """
    if importlib.util.find_spec("pip") is None:
        raise FetchError(
            f"Wheels are fetched with pip, and this Python has none. Type '{sys.executable} -m ensurepip' "
            "(in an environment made by uv: 'uv pip install pip'), and run the same command again."
        )
    command = [sys.executable, "-m", "pip", *arguments, "--disable-pip-version-check", "--no-input"]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", errors="replace", check=False)
    if done.returncode:
        raise FetchError(explained(done.stderr, purpose))


def explained(said: str, purpose: str) -> str:
    """What went wrong, from what pip said on standard error."""
    if _NO_ROOM.search(said):
        return f"{purpose} could not be fetched: a disk is full. Make room (pip's own scratch needs some, too). {AGAIN}"
    if _NO_NETWORK.search(said):
        return f"{purpose} could not be fetched: pip does not reach its registry. Connect to the network. {AGAIN}"
    if found := _OTHER_BYTES.search(said):
        return (
            f"{purpose} could not be fetched: the registry's {found[1]} is not the file that the lock names by its "
            f"hash. Ask for it at another registry, or without a proxy in between. {AGAIN}"
        )
    if found := _NO_WHEEL.search(said):
        return (
            f"{purpose} could not be fetched: the registry has no wheel of {found[1]} for it. Choose another Python "
            "version with --python, or leave this system out."
        )
    lines = [line.strip() for line in said.splitlines() if line.strip()] or ["it said nothing"]
    return f"{purpose} could not be fetched. pip says: {' '.join(lines[-3:])}"
