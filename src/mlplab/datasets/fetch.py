"""Sources in turn → verified files.

First the files on this machine, in place: the user's own folder and the cache. What is missing there
comes from the entry's sources, one after the other, and goes into the cache. Every byte is hashed each
time it is read, so a damaged file counts as missing wherever it lies.
"""

import errno
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from mlplab.datasets.cache import cache_folder, locked, read_origins, store, store_origins, user_folder
from mlplab.datasets.catalog import Entry, find_entry
from mlplab.datasets.payload import Payload
from mlplab.datasets.sources import Source, SourceError
from mlplab.errors import DataError, FetchError

Say = Callable[[str], None]

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True)
class Fetched:
    """A file that is on this machine, and is what its hash says.

    Attributes:
        path: where it lies, perhaps gzipped.
        content: the verified payload, decompressed.
        origin: who delivered it.
    """

    path: Path
    content: bytearray
    origin: str


@dataclass
class _Search:
    """One call of `fetch_entry`: what has been found so far, and why places had nothing."""

    entry: Entry
    cache: Path
    own: Path | None
    say: Say
    progress: bool
    found: dict[str, Fetched] = field(default_factory=dict)
    reasons: dict[str, list[str]] = field(default_factory=dict)

    def missing(self) -> list[Payload]:
        return [payload for payload in self.entry.payloads if payload.file not in self.found]

    def refuse(self, place: object, reason: str) -> None:
        known = self.reasons.setdefault(str(place), [])
        if reason not in known:
            known.append(reason)


def fetch(name: str, *, quiet: bool = False) -> dict[str, Fetched]:
    """The files of a named data set, by file name, fetched if they are not on this machine.

    Args:
        name: a name in the catalog. One that comes with a dependency has no files.
        quiet: if True, nothing is said on standard error about where they come from.

    Raises:
        UsageError: if there is no such data set.
        FetchError: if no source has it, or if the cache folder cannot be written.
    """
    return fetch_entry(find_entry(name), quiet=quiet)


def fetch_entry(
    entry: Entry, *, cache: Path | None = None, own: Path | None = None, quiet: bool = False
) -> dict[str, Fetched]:
    """The same for an entry that need not be in the catalog.

    Args:
        entry: what to fetch, and its sources.
        cache: the folder of all cached data sets; by default `MLPLAB_CACHE` or the user's cache folder.
        own: the folder with the user's own copies, directly or in a sub-folder; by default `MLPLAB_DATA`.
        quiet: as in `fetch`.
    """
    search = _Search(
        entry=entry,
        cache=(cache or cache_folder()) / entry.name,
        own=own or user_folder(),
        say=_hush if quiet else partial(print, file=sys.stderr, flush=True),
        progress=not quiet and sys.stderr.isatty(),
    )
    _look_here(search)
    if search.missing():
        _fetch_missing(search)
    return search.found


def is_here(entry: Entry) -> bool:
    """Whether its files seem to be on this machine: a glance, without reading them."""
    folders = _folders(entry, cache_folder() / entry.name, user_folder())
    return all(any(payload.found_in(folder) for folder in folders) for payload in entry.payloads)


def _folders(entry: Entry, cache: Path, own: Path | None) -> list[Path]:
    return [*([own / entry.name, own] if own else []), cache]


def _look_here(search: _Search) -> None:
    """Finds what lies in the user's folder or in the cache."""
    origins = read_origins(search.cache)
    for folder in _folders(search.entry, search.cache, search.own):
        if not os.path.isdir(folder):  # unlike Path's, never raises: a closed folder has nothing
            search.refuse(folder, "there is no such folder")
            continue
        for payload in search.missing():
            _look_for(search, payload, folder, origins.get(payload.file, "the cache"))


def _look_for(search: _Search, payload: Payload, folder: Path, cached_from: str) -> None:
    paths = payload.found_in(folder)
    if not paths:
        search.refuse(folder, f"it has no {payload.file}")
    for path in paths:
        content = _verified(search, payload, path, folder)
        if content is not None:
            origin = cached_from if folder == search.cache else str(folder)
            search.found[payload.file] = Fetched(path, content, origin)
            return


def _verified(search: _Search, payload: Payload, path: Path, place: object) -> bytearray | None:
    """The file's content, or None with a note of what is wrong with it."""
    try:
        return payload.read(path)
    except DataError as error:
        search.refuse(place, str(error))
    except OSError as error:
        search.refuse(place, f"{path} cannot be read ({error.strerror})")
    return None


def _fetch_missing(search: _Search) -> None:
    """Asks the sources, unless another process has meanwhile done so. FetchError if none can help."""
    try:
        with locked(search.cache, search.say) as scratch:
            search.reasons.clear()
            _look_here(search)
            for payload in search.missing():
                for path in payload.found_in(search.cache):
                    search.say(f"{path} is damaged: getting it again.")
            for number, source in enumerate(search.entry.sources):
                if search.missing():
                    folder = scratch / str(number)
                    folder.mkdir()
                    _ask(search, source, folder)
    except OSError as error:
        raise FetchError(_cache_trouble(search, error)) from error
    if search.missing():
        raise FetchError(_nothing_found(search))


def _ask(search: _Search, source: Source, scratch: Path) -> None:
    """Takes into the cache what `source` has of the missing files, as far as it is genuine."""
    search.say(f"Getting {search.entry.name} from {source} …")
    wanted = {payload.file: payload for payload in search.missing()}
    try:
        for file, path in source.deliver(list(wanted), scratch, search.progress):
            content = _verified(search, wanted[file], path, source)
            if content is not None and file not in search.found:
                kept = search.cache / file
                store(content, kept, scratch)
                store_origins({file: str(source)}, search.cache, scratch)
                search.found[file] = Fetched(kept, content, str(source))
    except SourceError as error:
        search.refuse(source, str(error))
        search.say(f"  {error}")
    else:
        for payload in search.missing():
            if str(source) not in search.reasons:
                search.refuse(source, f"it has no {payload.file}")


def _cache_trouble(search: _Search, error: OSError) -> str:
    if error.errno in _NO_ROOM:
        needed = sum(payload.size for payload in search.entry.payloads)
        return (
            f"No room to keep {search.entry.name} in {search.cache}: {error.strerror}. It takes "
            f"{needed / 1e6:.0f} MB, and as much again while it is fetched. Make room, or set MLPLAB_CACHE "
            "to a folder on another disk."
        )
    return (
        f"The cache folder {search.cache} cannot be written ({error.strerror or error}), and "
        f"{search.entry.name} is not complete in it. Set MLPLAB_CACHE to a folder that you can write, or "
        "MLPLAB_DATA to one that has the files."
    )


def _nothing_found(search: _Search) -> str:
    """Each place with its reason, and what a person can do."""
    lines = [f"{search.entry.name} could not be fetched. Tried:"]
    if search.own is None:
        lines.append("  - MLPLAB_DATA: not set")
    lines += [f"  - {place}: {_first(reasons)}" for place, reasons in search.reasons.items()]
    files = ", ".join(payload.file for payload in search.missing())
    lines += [
        f"By hand: put {files} (plain, or gzipped as .gz) into {search.cache},",
        "or into a folder of your own that the environment variable MLPLAB_DATA names.",
        "The data set 'digits' needs no network.",
    ]
    return "\n".join(lines)


def _first(reasons: list[str]) -> str:
    others = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
    return f"{reasons[0]}{others}"


def _hush(line: str) -> None:
    """Says nothing."""
