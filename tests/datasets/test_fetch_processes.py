"""Fetching with several processes at once, after a kill, on a full disk, and without permissions."""

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import filelock  # imported here, because fetch imports it when another user may be active
import pooch
import pytest
import requests

from mlplab.datasets.published.fetch import fetch_entry
from mlplab.datasets.published.providers import Mirror
from mlplab.errors import FetchError

assert filelock
assert pooch
assert requests

FETCH = """
import pickle, sys
from pathlib import Path
from mlplab.datasets.published.fetch import fetch_entry
from mlplab.errors import FetchError
entry = pickle.loads(Path(sys.argv[1]).read_bytes())
cache = Path(sys.argv[2])
try:
    print("fetched", len(fetch_entry(entry, cache=cache, own=cache / "none", quiet=True)))
except FetchError as error:
    print("FetchError:", error)
"""


@pytest.fixture
def start(entry, tmp_path):
    """Start a process that fetches the small data set from a server into tmp_path/cache."""

    def start(server, before: str = "") -> subprocess.Popen[str]:
        path = tmp_path / "entry.pickle"
        path.write_bytes(pickle.dumps(replace(entry, providers=(Mirror(server.url, patience=60),))))
        command = [sys.executable, "-c", before + FETCH, str(path), str(tmp_path / "cache")]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    return start


def output(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, "")
    return out


def test_four_processes_download_once(start, zipped, serve):
    server = serve(zipped)
    processes = [start(server) for _ in range(4)]
    assert [output(process) for process in processes] == ["fetched 4\n"] * 4
    assert sorted(server.requests) == sorted(zipped)


def test_a_killed_download_leaves_no_partial_file(start, payloads, zipped, serve, tmp_path):
    server = serve(zipped)
    server.stall = True
    process = start(server)
    assert server.asked.wait(60)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    folder = tmp_path / "cache" / "tiny"
    assert not payloads.keys() & {path.name for path in folder.iterdir()}
    server.stall = False
    assert output(start(server)) == "fetched 4\n"
    assert {path.name for path in folder.iterdir()} == {*payloads, ".lock", "origins.json"}


def test_a_full_disk_is_one_clear_error_and_leaves_no_file(start, zipped, serve, tmp_path):
    out = output(start(serve(zipped), "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (20, 20))\n"))
    folder = tmp_path / "cache" / "tiny"
    assert out.startswith(f"FetchError: No room to keep tiny in {folder}: File too large. It takes 0 MB")
    assert "MLPLAB_CACHE" in out
    assert {path.name for path in folder.iterdir()} == {".lock"}


@contextlib.contextmanager
def without_root() -> Iterator[None]:
    """Root may write everywhere, so be another user for a moment."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


@pytest.fixture
def shared_folder() -> Iterator[Path]:
    """A folder that other users may enter, unlike pytest's."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        yield Path(name)


def test_a_read_only_cache_is_read(entry, zipped, serve, shared_folder):
    server, folder = serve(zipped), shared_folder / "tiny"
    entry = replace(entry, providers=(Mirror(server.url),))
    folder.mkdir(mode=0o555)
    with without_root(), pytest.raises(FetchError, match=r"cannot be written \(Permission denied\).*MLPLAB_CACHE"):
        fetch_entry(entry, cache=shared_folder, own=shared_folder, quiet=True)
    assert server.requests == []
    for file, content in zipped.items():
        (folder / file).write_bytes(content)
    with without_root():
        assert len(fetch_entry(entry, cache=shared_folder, own=folder / "none", quiet=True)) == 4


def test_a_cache_in_a_folder_without_permission(entry, shared_folder):
    closed = shared_folder / "closed"
    closed.mkdir(mode=0o000)
    with without_root(), pytest.raises(FetchError, match=rf"{closed / 'cache' / 'tiny'} cannot be written"):
        fetch_entry(entry, cache=closed / "cache", own=shared_folder, quiet=True)
