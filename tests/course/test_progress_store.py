"""Progress is kept: whole, by several processes at once, and never at the cost of a learner's file."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys

import pytest

from mlplab.course import progress_store, starting
from mlplab.course.exercise import find
from mlplab.errors import RunError

KEEP_WRITING = """
import sys
from mlplab.course import progress_store
while True:
    with progress_store.update("two-dense-layers") as entry:
        entry.attempts += 1
        entry.board.append({"settings": "x" * 50_000})
        entry.board = entry.board[-20:]
    print(entry.attempts, flush=True)
"""


def test_nothing_is_known_at_first(progress_folder):
    assert progress_store.read_all() == {}
    assert progress_store.progress_of("two-dense-layers") == progress_store.ExerciseProgress()
    assert not progress_folder.exists()


def test_what_is_changed_is_read_again():
    with progress_store.update("two-dense-layers") as entry:
        entry.attempts, entry.passed = 3, progress_store.now()
    with progress_store.update("challenge") as entry:
        entry.claimed.append(0.87)
    assert progress_store.progress_of("two-dense-layers").attempts == 3
    assert progress_store.progress_of("two-dense-layers").passed
    assert progress_store.progress_of("challenge").claimed == [0.87]


def test_an_error_in_between_changes_nothing():
    try:
        with progress_store.update("two-dense-layers") as entry:
            entry.attempts = 7
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass
    assert progress_store.progress_of("two-dense-layers").attempts == 0


@pytest.mark.slow
def test_kills_lose_nothing_that_was_written(progress_folder):
    for _ in range(2):
        command = [sys.executable, "-c", KEEP_WRITING]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            said = [int(process.stdout.readline()) for _ in range(3)]
            process.send_signal(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
            said += [int(line) for line in process.stdout.read().split()]
        assert progress_store.progress_of("two-dense-layers").attempts >= said[-1]
    assert not list(progress_folder.glob("*damaged*"))


def add_attempts(count):
    for _ in range(count):
        with progress_store.update("two-dense-layers") as entry:
            entry.attempts += 1


@pytest.mark.slow
def test_two_processes_at_once_count_right():
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=add_attempts, args=(25,)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert progress_store.progress_of("two-dense-layers").attempts == 50


def test_a_damaged_file_is_kept_aside_and_said(progress_folder, caplog):
    progress_folder.mkdir()
    for number, content in enumerate(
        [
            b"{",
            b'{"format": 99, "exercises": {}}',
            b'{"format": 1, "exercises": {"a": 3}}',
            b'{"format": 1, "exercises": {"a": {"attempts": "many"}}}',
        ],
        1,
    ):
        (progress_folder / "progress.json").write_bytes(content)
        caplog.clear()
        assert progress_store.read_all() == {}
        aside = progress_folder / f"progress.damaged{f'-{number}' if number > 1 else ''}.json"
        assert aside.read_bytes() == content
        assert f"It is kept as {aside.name}, and progress starts again." in caplog.text
    with progress_store.update("challenge") as entry:
        entry.attempts = 1
    assert json.loads((progress_folder / "progress.json").read_text())["exercises"]["challenge"]["attempts"] == 1


def test_a_folder_that_cannot_be_is_said_with_what_to_do(progress_folder):
    progress_folder.write_text("a file where the folder should be")
    with pytest.raises(RunError, match=r"Your progress cannot be kept in .* name another in MLPLAB_COURSE"):
        progress_store.read_all()
    assert progress_folder.is_file()


def test_starting_again_makes_a_numbered_copy(tmp_path):
    exercise = find("two-dense-layers")
    first = starting.start(exercise, tmp_path)
    first.write_text("my work")
    second, third = (starting.start(exercise, tmp_path) for _ in range(2))
    assert [path.stem for path in (first, second, third)] == [f"two-dense-layers{n}" for n in ("", "-2", "-3")]
    assert first.read_text() == "my work"
    assert second.read_text("utf-8") == exercise.starter
    assert starting.newest_file(exercise) == third
    os.unlink(third)
    assert starting.newest_file(exercise) == second


def test_the_file_saved_last_is_the_current_one(tmp_path):
    exercise = find("two-dense-layers")
    first, second = (starting.start(exercise, tmp_path) for _ in range(2))
    assert starting.newest_file(exercise) == second
    later = second.stat().st_mtime_ns + 10**9
    os.utime(first, ns=(later, later))
    assert starting.newest_file(exercise) == first
    renamed = first.rename(tmp_path / "mine.py")
    assert starting.newest_file(exercise) == second
    assert starting.exercise_of(second) == exercise
    assert starting.exercise_of(renamed) is None


def test_the_current_exercise_was_started_last_or_is_the_first(tmp_path):
    assert starting.current().name == "softmax-regression"
    starting.start(find("challenge"), tmp_path)
    assert starting.current().name == "challenge"
    with progress_store.update("challenge") as entry:
        entry.passed, entry.unclaimed = progress_store.now(), 4
    assert starting.current().name == "challenge", "four targets are left"
    with progress_store.update("challenge") as entry:
        entry.unclaimed = 0
    assert starting.current().name == "softmax-regression"
