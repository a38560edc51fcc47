"""What was compiled is kept for later processes; whatever is in the folder, results have the same bits."""

import os
import random
import shutil
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jax
import numpy as np
import pytest

from mlplab.engine import kept_programs
from mlplab.engine.kept_programs import KeptPrograms

TRAIN = """
import sys
from pathlib import Path
import jax
hits = []
jax.monitoring.register_event_listener(lambda event, **_: hits.append(event))
import mlplab
import numpy as np
data, out = sys.argv[1:]
number = jax.ShapeDtypeStruct((), np.float32)
assert jax.jit(lambda x: jax.pure_callback(lambda a: 2 * np.asarray(a), number, x) + 1)(np.float32(3)) == 7
mlplab.train(data, hidden=[8], dropout=0.2, epochs=2, seed=0, out=out, verbose=0)
print(hits.count("/jax/compilation_cache/cache_hits"), hits.count("/jax/compilation_cache/cache_misses"))
"""
"""Calls back into Python from a program, trains, and prints how many programs came from the folder, and how many were
compiled and written."""


@pytest.fixture
def folder(tmp_path) -> Path:
    path = tmp_path / "programs"
    path.mkdir()
    return path


def test_a_program_comes_back_and_another_key_has_none(folder):
    KeptPrograms(folder).put("one", b"program")
    assert KeptPrograms(folder).get("one") == b"program"
    assert KeptPrograms(folder).get("two") is None
    assert [path.name for path in folder.iterdir()] == ["one"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-1],
        lambda content: content[: len(content) // 2],
        lambda content: b"",
        lambda content: content[:40] + bytes([content[40] ^ 1]) + content[41:],
        lambda content: bytes([content[0] ^ 1]) + content[1:],
        lambda content: content + b"\0",
        lambda content: b"something else",
    ],
)
def test_a_damaged_file_is_deleted_and_can_be_written_again(damage, folder):
    programs = KeptPrograms(folder)
    programs.put("one", b"a program" * 9)
    (folder / "one").write_bytes(damage((folder / "one").read_bytes()))
    assert programs.get("one") is None
    assert not list(folder.iterdir())
    programs.put("one", b"a program" * 9)
    assert programs.get("one") == b"a program" * 9


def test_a_damaged_file_that_cannot_be_deleted_is_not_given(folder, monkeypatch):
    def refuse(path):
        raise PermissionError(path)

    KeptPrograms(folder).put("one", b"program")
    (folder / "one").write_bytes((folder / "one").read_bytes()[:-1])
    monkeypatch.setattr(Path, "unlink", refuse)
    assert KeptPrograms(folder).get("one") is None


def test_the_file_of_another_key_is_no_program(folder):
    programs = KeptPrograms(folder)
    programs.put("one", b"program")
    shutil.copy(folder / "one", folder / "two")
    assert programs.get("two") is None
    assert programs.get("one") == b"program"


def test_what_was_not_used_for_the_longest_time_is_deleted(folder, monkeypatch):
    monkeypatch.setattr(kept_programs, "MOST_BYTES", 1000)
    programs = KeptPrograms(folder)
    for age, name in enumerate(["new", "middle", "old", "read"]):
        programs.put(name, bytes(300))
        os.utime(folder / name, (1e9 - age, 1e9 - age))
    (folder / ".partial-of-a-killed-process").write_bytes(bytes(300))
    os.utime(folder / ".partial-of-a-killed-process", (0, 0))
    assert programs.get("read")
    KeptPrograms(folder).put("newest", b"")
    assert {path.name for path in folder.iterdir()} == {"new", "read", "newest"}


def test_where_xla_refuses_what_was_kept_nothing_is_given_for_some_days(folder):
    """On some processors it does, with an error on the terminal for each program; JAX compiles it and puts it again."""
    KeptPrograms(folder).put("one", b"program")
    KeptPrograms(folder).put("two", b"program")
    refused = KeptPrograms(folder)
    assert refused.get("one")
    refused.put("one", b"program")
    assert refused.get("two") is None
    refused.put("three", b"program")
    later = KeptPrograms(folder)
    assert [later.get(name) for name in ("one", "two", "three")] == [None] * 3
    os.utime(folder / ".rejected", (1e9, 1e9))
    assert KeptPrograms(folder).get("one") == b"program"


def test_a_program_that_two_threads_compiled_is_none_that_was_refused(folder):
    programs = KeptPrograms(folder)
    with ThreadPoolExecutor(1) as other:
        assert programs.get("one") is None
        assert other.submit(programs.get, "one").result() is None
        programs.put("one", b"program")
        assert programs.get("one")
        other.submit(programs.put, "one", b"program").result()
        assert programs.get("one")


def test_a_program_that_was_deleted_after_it_was_read_is_none_that_was_refused(folder):
    programs = KeptPrograms(folder)
    programs.put("one", b"program")
    assert programs.get("one")
    (folder / "one").unlink()
    assert programs.get("one") is None
    programs.put("one", b"program")
    assert programs.get("one")


def test_a_disk_that_refuses_does_no_harm(folder):
    programs = KeptPrograms(folder / "missing")
    programs.put("one", b"program")
    assert programs.get("one") is None
    (folder / "two").mkdir()
    KeptPrograms(folder).put("two", b"program")
    assert KeptPrograms(folder).get("two") is None
    assert [path.name for path in folder.iterdir()] == ["two"]


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """An empty home folder."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    return home


@pytest.mark.skipif(os.name == "nt", reason="Windows has no owner and modes of a folder to check")
def test_the_folder_is_the_users_alone(home):
    path = kept_programs._own_folder()
    assert path.is_relative_to(home)
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    path.chmod(0o770)
    assert kept_programs._own_folder() is None


def test_without_a_folder_nothing_is_kept(home):
    home.rmdir()
    home.write_text("a file where the folder should be")
    assert kept_programs._own_folder() is None


@pytest.mark.parametrize("elsewhere", [False, True], ids=["off", "elsewhere"])
def test_the_environment_switches_it_off_or_names_another_folder(elsewhere, home, tmp_path):
    other = {"JAX_COMPILATION_CACHE_DIR": str(tmp_path / "other"), "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    variables = other if elsewhere else {"JAX_ENABLE_COMPILATION_CACHE": "false"}
    code = "import mlplab.engine, jax; jax.jit(lambda x: x + 1)(1.0)"
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ | variables)
    assert not any(home.rglob("jit_*"))
    assert any(tmp_path.glob("other/jit_*")) == elsewhere


@pytest.fixture
def small(digits, tmp_path) -> Path:
    """Some digits in a file."""
    path = tmp_path / "small.npz"
    train, test = digits.train, digits.test
    np.savez(path, x_train=train.images[:300], y_train=train.labels[:300], x_test=test.images, y_test=test.labels)
    return path


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="on Windows HOME does not move the cache folder")
def test_the_bits_are_the_same_with_programs_of_any_kind(small, home, tmp_path):
    """In a new folder, in a filled one, with each file damaged, and with two processes at once in a new one."""

    def start(name: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", TRAIN, str(small), str(tmp_path / name)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def counts(process: subprocess.Popen[str]) -> tuple[int, int]:
        stdout, stderr = process.communicate(timeout=120)
        assert (process.returncode, stderr) == (0, "")
        hits, misses = map(int, stdout.split())
        return hits, misses

    hits, compiled = counts(start("cold"))
    assert hits < compiled
    assert counts(start("warm")) == (hits + compiled, 0)
    programs = [path for path in home.rglob("jit_*") if path.is_file()]
    assert len(programs) == compiled
    rng = random.Random(0)
    for number, path in enumerate(programs):
        content = bytearray(path.read_bytes())
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        path.write_bytes([content, content[: len(content) // 2], b""][number % 3])
    assert counts(start("damaged")) == (hits, compiled)
    shutil.rmtree(programs[0].parent)
    for process in [start("one"), start("other")]:
        assert sum(counts(process)) == hits + compiled

    weights = {name: (tmp_path / name / "model.safetensors").read_bytes() for name in ("cold", "warm", "damaged")}
    weights |= {name: (tmp_path / name / "model.safetensors").read_bytes() for name in ("one", "other")}
    assert len(set(weights.values())) == 1


def test_the_cores_of_a_processor_share_what_one_has_compiled(home, tmp_path):
    code = """
import jax, numpy as np
import mlplab.engine
events = []
jax.monitoring.register_event_listener(lambda event, **_: events.append(event))
for device in jax.devices():
    x = jax.device_put(np.arange(3.0, dtype=np.float32), device)
    y = jax.jit(lambda x: 2 * x + 1)(x)
    assert y.devices() == {device} and y.tolist() == [1, 3, 5]
print(len(jax.devices()), events.count("/jax/compilation_cache/cache_misses"))
"""
    environment = os.environ | {"MLPLAB_DEVICES": "3"}
    done = subprocess.run([sys.executable, "-c", code], check=True, env=environment, capture_output=True, text=True)
    assert done.stdout == "3 1\n"


def test_what_this_process_compiles_is_kept():
    """The private names of JAX that `keep_programs` needs are there."""
    from jax._src import compilation_cache

    assert jax.config.jax_compilation_cache_dir == str(kept_programs._own_folder())
    found = compilation_cache.get_file_cache(jax.config.jax_compilation_cache_dir)
    assert isinstance(found[0], KeptPrograms)
