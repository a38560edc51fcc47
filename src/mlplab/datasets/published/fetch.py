"""Fetch the files of a named data set, and verify them.

Files on this machine come first: in the user's folder and in the cache. Missing ones come from the entry's providers,
one after the other, and go into the cache, together with the files of other data sets that come in the same download.
Every file is hashed each time it is read, so a damaged file counts as missing wherever it is.
"""

import errno
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from mlplab.datasets.cache import cache_folder, locked, read_origins, store, store_origins, user_folder
from mlplab.datasets.published.catalog import Entry
from mlplab.datasets.published.commands import CommandError
from mlplab.datasets.published.payload import Payload, Verified
from mlplab.datasets.published.providers import Provider, ProviderError
from mlplab.errors import DataError, FetchError

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True)
class Fetched:
    """A verified file on this machine.

    Attributes:
        path: its path; the file may be gzipped, or an archive that has it.
        content: the verified content, decompressed; writable.
        sha256: hexadecimal SHA-256 of the content.
        origin: who delivered it.
    """

    path: Path
    content: memoryview
    sha256: str
    origin: str


def fetch_entry(
    entry: Entry, *, cache: Path | None = None, own: Path | None = None, quiet: bool = False
) -> dict[str, Fetched]:
    """Return the files of a data set by file name, after fetching those that are not on this machine.

    Args:
        entry: the data set, which need not be in the catalog. One that comes with a dependency has no files.
        cache: the folder of all cached data sets; by default `MLPLAB_CACHE` or the user's cache folder.
        own: a folder with the user's copies, directly or in a sub-folder; by default `MLPLAB_DATA`.
        quiet: if True, nothing is printed on standard error.

    Raises:
        FetchError: if no provider has a file, or if the cache folder cannot be written.
    """
    search = _Search(
        entry=entry,
        cache=(cache or cache_folder()) / entry.folder,
        own=own or user_folder(),
        say=(lambda _: None) if quiet else partial(print, file=sys.stderr, flush=True),
        progress=not quiet and sys.stderr.isatty(),
    )
    search.look_on_this_machine()
    if search.missing():
        search.ask_providers()
    return search.files


def is_on_disk(entry: Entry) -> bool:
    """Return whether files with the right names are on this machine, without reading them."""
    folders = _folders(entry, cache_folder() / entry.folder, user_folder())
    return all(any(payload.found_in(folder) for folder in folders) for payload in entry.payloads)


def _folders(entry: Entry, cache: Path, own: Path | None) -> list[Path]:
    names = dict.fromkeys((entry.name, entry.folder))
    return [*([*(own / name for name in names), own] if own else []), cache]


@dataclass
class _Search:
    """One call of `fetch_entry`: the files so far, and for each place the reasons why it did not have a file."""

    entry: Entry
    cache: Path
    own: Path | None
    say: Callable[[str], None]
    progress: bool
    files: dict[str, Fetched] = field(default_factory=dict)
    reasons: dict[str, dict[str, None]] = field(default_factory=dict)

    def missing(self) -> list[Payload]:
        return [payload for payload in self.entry.payloads if payload.file not in self.files]

    def look_on_this_machine(self) -> None:
        origins = read_origins(self.cache)
        for folder in _folders(self.entry, self.cache, self.own):
            if not os.path.isdir(folder):  # Path.is_dir raises for a folder without permission
                self._add_reason(folder, "there is no such folder")
                continue
            for payload in self.missing():
                origin = origins.get(payload.file, "the cache") if folder == self.cache else str(folder)
                self._look_in(folder, payload, origin)

    def _look_in(self, folder: Path, payload: Payload, origin: str) -> None:
        paths = payload.found_in(folder)
        if not paths:
            self._add_reason(folder, f"it has no {payload.kept_name}")
        for path in paths:
            if (verified := self._read(payload, path, folder)) is not None:
                self.files[payload.file] = Fetched(path, verified.content, verified.sha256, origin)
                return

    def ask_providers(self) -> None:
        """Fetch the missing files, unless another process has done so in the meantime."""
        try:
            with locked(self.cache, self.say) as scratch:
                self.reasons.clear()
                self.look_on_this_machine()
                for payload in self.missing():
                    for path in payload.found_in(self.cache):
                        self.say(f"{path} is damaged: getting it again.")
                for number, provider in enumerate(self.entry.providers):
                    if self.missing():
                        folder = scratch / str(number)
                        folder.mkdir()
                        self._ask(provider, folder)
        except OSError as error:
            raise FetchError(self._describe_cache_error(error)) from error
        if self.missing():
            raise FetchError(self._describe_failure())

    def _ask(self, provider: Provider, scratch: Path) -> None:
        """Store in the cache all missing files that `provider` delivers with the right content."""
        archives = {payload.archive for payload in self.missing() if payload.archive}
        size = "".join(f" ({archive.size / 1e6:,.0f} MB)" for archive in archives)
        self.say(f"Getting {self.entry.name}{size} from {provider} …")
        others = [other for other in self.entry.companions if not other.found_in(self.cache)]
        payloads = {payload.file: payload for payload in (*self.missing(), *others)}
        try:
            for file, path in provider.deliver(list(payloads), scratch, self.progress):
                if file not in self.files:
                    self._keep(payloads[file], path, provider, scratch)
        except (ProviderError, CommandError) as error:
            self._add_reason(provider, str(error))
            self.say(f"  {error}")
        else:
            for payload in self.missing():
                if str(provider) not in self.reasons:
                    self._add_reason(provider, f"it has no {payload.file}")

    def _keep(self, payload: Payload, path: Path, provider: Provider, scratch: Path) -> None:
        """Store a delivered file in the cache if it has the right content."""
        verified = self._read(payload, path, provider)
        if verified is None:
            return
        kept = self.cache / payload.kept_name
        store(verified.kept, kept, scratch)
        store_origins({payload.file: str(provider)}, self.cache, scratch)
        if payload in self.entry.payloads:
            self.files[payload.file] = Fetched(kept, verified.content, verified.sha256, str(provider))

    def _read(self, payload: Payload, path: Path, place: object) -> Verified | None:
        """Return the verified content of a file, or None after recording why it is not the payload."""
        try:
            return payload.read(path)
        except DataError as error:
            self._add_reason(place, str(error))
        except OSError as error:
            self._add_reason(place, f"{path} cannot be read ({error.strerror})")
        return None

    def _add_reason(self, place: object, reason: str) -> None:
        self.reasons.setdefault(str(place), {})[reason] = None  # each once, in order

    def _describe_cache_error(self, error: OSError) -> str:
        if error.errno in _NO_ROOM:
            archives = {payload.archive for payload in self.entry.payloads if payload.archive}
            needed = sum(each.size for each in (*self.entry.payloads, *archives))
            return (
                f"No room to keep {self.entry.name} in {self.cache}: {error.strerror}. It takes "
                f"{needed / 1e6:.0f} MB, and as much again while it is fetched. Make room, or set MLPLAB_CACHE "
                "to a folder on another disk."
            )
        return (
            f"The cache folder {self.cache} cannot be written ({error.strerror or error}), and "
            f"{self.entry.name} is not complete in it. Set MLPLAB_CACHE to a folder that you can write, or "
            "MLPLAB_DATA to one that has the files."
        )

    def _describe_failure(self) -> str:
        lines = [f"{self.entry.name} could not be fetched. Tried:"]
        if self.own is None:
            lines.append("  - MLPLAB_DATA: not set")
        for place, (first, *others) in self.reasons.items():
            lines.append(f"  - {place}: {first}" + (f" (and {len(others)} more)" if others else ""))
        lines += [
            f"To do it by hand, put {self._files_by_hand()} into {self.cache},",
            "or into a folder of yours that the environment variable MLPLAB_DATA names.",
            "The data set 'digits' needs no network.",
        ]
        return "\n".join(lines)

    def _files_by_hand(self) -> str:
        """Name the missing files in a form that is accepted."""
        missing = self.missing()
        names = ", ".join(payload.kept_name for payload in missing)
        if archives := {payload.archive.name for payload in missing if payload.archive}:
            return f"{' and '.join(archives)} (as it is published; or, from it, {names})"
        return f"{names} ({'as they are published, gzipped' if missing[0].md5 else 'plain, or gzipped as .gz'})"
