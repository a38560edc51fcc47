"""Programs run with a time limit, and no process of theirs survives."""

import os
from pathlib import Path

import pytest

from mlplab.datasets.published.commands import CommandError, run_command


def test_a_command_runs_in_its_folder(tmp_path: Path) -> None:
    run_command(["sh", "-c", "pwd > here"], tmp_path, limit=30)
    assert (tmp_path / "here").read_text().strip() == str(tmp_path.resolve())


def test_a_failure_is_reported_with_its_error_line(tmp_path: Path) -> None:
    script = "echo Reading; echo 'E: Unable to locate package x' >&2; echo done; exit 100"
    with pytest.raises(CommandError, match=r"^sh exited with 100: E: Unable to locate package x$"):
        run_command(["sh", "-c", script], tmp_path, limit=30)
    with pytest.raises(CommandError, match="sh exited with 3: it printed nothing"):
        run_command(["sh", "-c", "exit 3"], tmp_path, limit=30)


def test_a_program_that_is_not_installed(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"^no-such-program is not installed$"):
        run_command(["no-such-program"], tmp_path, limit=30)


def test_a_command_over_its_limit_is_killed_with_its_children(tmp_path: Path) -> None:
    fifo = tmp_path / "held"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with pytest.raises(CommandError, match=r"^sh took longer than 0\.2 s$"):
            run_command(["sh", "-c", "sleep 600 > held & echo up > /dev/null; wait"], tmp_path, limit=0.2)
        # The read ends when no process has the other end open.
        os.set_blocking(reader, True)
        assert os.read(reader, 1) == b""
    finally:
        os.close(reader)
