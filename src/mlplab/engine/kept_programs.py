"""What XLA compiled once stays compiled: a folder with programs, which every later process reads.

JAX decides what makes two programs equal (code, versions, flags, processor) and reads and writes through the two
methods here. JAX's own folder trusts what it reads, so a file that a killed process left incomplete would be compiled
again for ever, and a damaged one could crash; here each file begins with the hash of the rest, and appears whole.
"""

import contextlib
import hashlib
import os
import stat
import tempfile
import threading
import time
import warnings
from pathlib import Path
from typing import Any

import jax
import platformdirs

MOST_BYTES = 512 * 2**20
"""Above this, the programs that nothing has used for the longest time are deleted, down to three quarters of it."""
CHECKED_EVERY = 64
"""The size of the folder is looked at when a process writes its first program, and after as many others."""


def keep_programs() -> None:
    """Let JAX keep what it compiles, in the user's cache folder, unless the environment or the user's code says else.

    `JAX_ENABLE_COMPILATION_CACHE=false` switches it off; `JAX_COMPILATION_CACHE_DIR` names a folder, in which JAX has
    its own form of files and rules. Nothing is kept where the folder cannot be made, belongs to somebody else, or is
    one that others may write to, since programs are code that runs.
    """
    config: Any = jax.config
    if config.jax_compilation_cache_dir is not None or not config.jax_enable_compilation_cache:
        return
    try:
        from jax._src import cache_key, compilation_cache

        jax_folder, hash_options = compilation_cache.get_file_cache, cache_key._hash_serialized_compile_options
    except (ImportError, AttributeError):  # another version of JAX, which then compiles anew in each process
        return
    path = _own_folder()
    if path is None:
        return

    def folder_for(wanted: str) -> Any:
        return (KeptPrograms(path), wanted) if wanted == str(path) else jax_folder(wanted)

    def hash_without_device(hash_obj: Any, options: Any, strip_device_assignment: bool = True) -> Any:
        return hash_options(hash_obj, options, strip_device_assignment=True)

    compilation_cache.get_file_cache = folder_for
    # JAX leaves the device out of the key of a program for GPUs; the cores of a processor are alike too.
    cache_key._hash_serialized_compile_options = hash_without_device
    warnings.filterwarnings("ignore", "Error reading persistent compilation cache entry")  # it compiles anew then
    config.update("jax_compilation_cache_dir", str(path))
    for name, least, default in (
        ("jax_persistent_cache_min_compile_time_secs", 0.0, 1.0),  # small programs are many, and add up
        ("jax_persistent_cache_min_entry_size_bytes", -1, 0),
    ):
        if getattr(config, name) == default:
            config.update(name, least)


def _own_folder() -> Path | None:
    """Return the folder, made if it is not there; None if it is not this user's alone."""
    path = platformdirs.user_cache_path("mlplab", appauthor=False) / "programs"
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = path.stat()
    except OSError:
        return None
    if hasattr(os, "getuid") and (status.st_uid != os.getuid() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)):
        return None
    return path


class KeptPrograms:
    """A folder of programs by JAX's key. Several processes may use it at once. No error of the disk gets out.

    Args:
        path: an existing folder.
    """

    def __init__(self, path: Path):
        self._path = path  # JAX asks for it by this name
        self._written = 0
        self._given: set[tuple[int, str]] = set()
        """Threads, and the keys of what they were given: JAX gets and puts a program in one thread."""
        self._are_rejected = self._were_rejected()

    def get(self, key: str) -> bytes | None:
        """Return what was put under this key; None if nothing was, or if the file is damaged. Then it is deleted."""
        self._given.discard((threading.get_ident(), key))
        if self._are_rejected:
            return None
        path = self._path / key
        try:
            content = path.read_bytes()
        except OSError:
            return None
        program = content[hashlib.sha256().digest_size :]
        is_whole = _seal(key, program) + program == content
        with contextlib.suppress(OSError):  # a folder that can only be read
            os.utime(path) if is_whole else path.unlink()
        if not is_whole:
            return None
        self._given.add((threading.get_ident(), key))
        return program

    def put(self, key: str, value: bytes) -> None:
        """Keep a program. Where several processes keep it at once, the last one's file stays."""
        if (threading.get_ident(), key) in self._given:
            # XLA has refused what it was given, and JAX has compiled it again: on this processor it will refuse all.
            self._are_rejected = True
            key, value = _REJECTED, jax.__version__.encode()
        elif self._are_rejected:
            return
        with contextlib.suppress(OSError):  # a full disk, a folder that can only be read
            with tempfile.NamedTemporaryFile(dir=self._path, prefix=_PARTIAL, delete=False) as file:
                try:
                    file.write(_seal(key, value) + value)
                    file.close()  # Windows renames closed files only
                    os.replace(file.name, self._path / key)
                except BaseException:
                    with contextlib.suppress(OSError):
                        os.unlink(file.name)
                    raise
            if self._written % CHECKED_EVERY == 0:
                self._delete_unused()
            self._written += 1

    def _were_rejected(self) -> bool:
        """Return whether XLA, in this version, has refused a program in the last days, as it does on some processors.

        It writes an error on the terminal each time.
        """
        try:
            age = time.time() - (self._path / _REJECTED).stat().st_mtime
            return age < _REJECTED_SECONDS and (self._path / _REJECTED).read_bytes().endswith(jax.__version__.encode())
        except OSError:
            return False

    def _delete_unused(self) -> None:
        """Delete the programs that were not used for the longest time, and what killed processes left."""
        found = []
        for entry in os.scandir(self._path):
            with contextlib.suppress(OSError):  # another process deletes too
                status = entry.stat()
                found.append((status.st_mtime, status.st_size, entry.path))
        size = sum(bytes_of_file for _, bytes_of_file, _ in found)
        if size <= MOST_BYTES:
            return
        for _, bytes_of_file, path in sorted(found):
            if size <= MOST_BYTES * 3 // 4:
                break
            with contextlib.suppress(OSError):
                os.unlink(path)
            size -= bytes_of_file


_PARTIAL, _REJECTED, _REJECTED_SECONDS = ".partial-", ".rejected", 7 * 24 * 3600


def _seal(key: str, program: bytes) -> bytes:
    """Return the bytes before a program in its file, which no other program and no other key has."""
    return hashlib.sha256(key.encode() + b"\0" + program).digest()
