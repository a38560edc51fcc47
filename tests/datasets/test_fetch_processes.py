"""Fetching where it takes processes of their own: several at once, killed, no room, no rights."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from mlplab.datasets import CATALOG, Data

# Fetches into argv[1] from the mirror argv[2], and prints the outcome.
FETCH = """
import sys
from dataclasses import replace
from pathlib import Path
from mlplab.datasets import CATALOG
from mlplab.datasets.fetch import fetch_entry
from mlplab.datasets.sources import Mirror
from mlplab.errors import FetchError
import filelock, pooch, requests  # while this user may still read them

def run():
    cache, mirror = Path(sys.argv[1]), Mirror(sys.argv[2], patience=60)
    entry = replace(CATALOG["fashion-mnist"], sources=(mirror,))
    try:
        files = fetch_entry(entry, cache=cache, own=cache / "none", quiet=True)
    except FetchError as error:
        print("FetchError:", error)
    else:
        print("fetched", sum(len(file.content) for file in files.values()))
"""
RUN = FETCH + "run()"
RUN_AS_NOBODY = FETCH + "import os\nif os.getuid() == 0: os.setgid(65534); os.setuid(65534)\nrun()"
ALL_BYTES = sum(payload.size for payload in CATALOG["fashion-mnist"].payloads)
FILES = {payload.file for payload in CATALOG["fashion-mnist"].payloads}


def start(script: str, cache: Path, url: str, **options) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", script, str(cache), url]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def finished(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, "")
    return out


@pytest.fixture(scope="module")
def real_files(fashion_mnist: Data) -> dict[str, bytes]:
    """The real payloads as a mirror has them (the name says .gz, but not every server zips)."""
    del fashion_mnist  # it is on this machine now
    from mlplab.datasets.fetch import fetch

    return {f"{file}.gz": bytes(got.content) for file, got in fetch("fashion-mnist").items()}


def test_four_processes_make_one_download_and_four_successes(real_files, serve, tmp_path) -> None:
    server = serve(real_files)
    processes = [start(RUN, tmp_path, server.url) for _ in range(4)]
    assert [finished(process) for process in processes] == [f"fetched {ALL_BYTES}\n"] * 4
    assert sorted(server.requests) == sorted(real_files)


def test_killed_in_the_middle_nothing_half_written_is_left_in_the_way(real_files, serve, tmp_path) -> None:
    server = serve(real_files)
    server.stall = True
    process = start(RUN, tmp_path, server.url)
    assert server.asked.wait(60)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    folder = tmp_path / "fashion-mnist"
    assert not FILES & {path.name for path in folder.iterdir()}
    server.stall = False
    assert finished(start(RUN, tmp_path, server.url)) == f"fetched {ALL_BYTES}\n"
    assert {path.name for path in folder.iterdir()} == {*FILES, ".lock", "origins.json"}


@pytest.mark.parametrize("room", [10_000_000, 100])
def test_no_room_is_one_clear_error_and_leaves_nothing(room, real_files, serve, tmp_path) -> None:
    limited = f"import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, ({room}, {room}))\n"
    server = serve(real_files)
    out = finished(start(FETCH + limited + "run()", tmp_path, server.url))
    folder = tmp_path / "fashion-mnist"
    assert out.startswith(f"FetchError: No room to keep fashion-mnist in {folder}: File too large. It takes 55 MB")
    assert "MLPLAB_CACHE" in out
    assert {path.name for path in folder.iterdir()} == {".lock"}


def test_a_cache_that_may_only_be_read(real_files, serve) -> None:
    server = serve(real_files)
    with tempfile.TemporaryDirectory() as name:  # pytest's own folders are closed to other users
        cache, folder = Path(name), Path(name) / "fashion-mnist"
        folder.mkdir()
        os.chmod(cache, 0o755)
        os.chmod(folder, 0o555)
        out = finished(start(RUN_AS_NOBODY, cache, server.url))
        assert out.startswith(f"FetchError: The cache folder {folder} cannot be written (Permission denied)")
        assert "MLPLAB_CACHE" in out
        assert server.requests == []

        os.chmod(folder, 0o755)
        for file, content in real_files.items():
            (folder / file).write_bytes(content)
        os.chmod(folder, 0o555)
        assert finished(start(RUN_AS_NOBODY, cache, server.url)) == f"fetched {ALL_BYTES}\n"
        os.chmod(folder, 0o755)


def test_a_cache_in_a_folder_that_may_not_be_entered(serve) -> None:
    with tempfile.TemporaryDirectory() as name:
        closed = Path(name) / "closed"
        closed.mkdir()
        os.chmod(name, 0o755)
        os.chmod(closed, 0o000)
        out = finished(start(RUN_AS_NOBODY, closed / "cache", serve({}).url))
        assert out.startswith(f"FetchError: The cache folder {closed / 'cache' / 'fashion-mnist'} cannot be written")
        os.chmod(closed, 0o755)
